"""The steps of a first look at data, in order: target, time, single suspicions, leaks; who comes first keeps a column.

Belongs here: what is known so far and how each step adds to it. What the result looks like is `tasks.core.profile`'s.
"""

from dataclasses import dataclass, field, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from tasks.core.column_types import Guess, as_time
from tasks.core.errors import ConfigInvalid, DataRejected
from tasks.core.leaks import Floats, find_leaks
from tasks.core.metrics import Problem
from tasks.core.strays import Span
from tasks.core.suspicions import Suspicion, hour_column

_BINARY = 2


@dataclass
class Draft:
    """What is known so far; `roles` fills up in order, and who comes first keeps the column."""

    text: pd.DataFrame
    guesses: dict[str, Guess]
    target: str
    time: str | None = None
    hours: str | None = None
    roles: dict[str, Suspicion] = field(default_factory=dict)
    leaks: set[str] = field(default_factory=set)

    def open(self) -> list[str]:
        """The columns that have no role yet."""
        taken = {self.target, self.time, *self.roles}
        return [name for name in self.guesses if name not in taken]

    def times(self) -> pd.Series | None:
        """When each row that is looked at happened, UTC; None without a time."""
        if self.time is None:
            return None
        times = self.guesses[self.time].parsed
        if self.hours is not None:
            times = times + pd.to_timedelta(self.guesses[self.hours].parsed, unit="h")
        return times


def require(frame: pd.DataFrame, name: str) -> None:
    """Raise ConfigInvalid, with the closest name, where there is no such column."""
    if name not in frame.columns:
        names = [str(column) for column in frame.columns]
        close = get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]}?" if close else f" Its columns: {', '.join(names)}."
        raise ConfigInvalid(f"The file has no column {name!r}.{hint}")


def read_target(draft: Draft, as_text: bool = False) -> tuple[Floats, Problem, str | None]:
    """The target as numbers (NaN = missing), the problem, and the text that counts as 1 where it is not 1 or true.

    With `as_text` yes and no are texts as well, because no column says that they are of type boolean.

    Raises:
        DataRejected: the target is neither of two classes nor a number.
    """
    name, guess = draft.target, draft.guesses[draft.target]
    shares = guess.parsed.value_counts()
    numeric = guess.type in {"integer", "number", "boolean"}
    if len(shares) < _BINARY:
        raise DataRejected(f"The target {name} has {len(shares)} different values; a model needs at least two.")
    if len(shares) > _BINARY and not numeric:
        raise DataRejected(
            f"The target {name} has {len(shares)} different texts; two classes or a number are allowed. "
            "Derive a column that says yes or no to one of them, and name it as the target."
        )
    plain = set(shares.index) == {0.0, 1.0} and not (as_text and guess.type == "boolean")
    if numeric and (len(shares) > _BINARY or plain):
        return guess.parsed.to_numpy(dtype=float), "binary" if len(shares) == _BINARY else "regression", None
    # Of two other numbers the larger counts as 1, of two texts the rarer one.
    positive = max(shares.index) if numeric else shares.index[-1]
    answer = (guess.parsed == positive).astype(float).where(guess.parsed.notna()).to_numpy()
    words = draft.text[name].where(guess.parsed.notna())
    draft.guesses[name] = replace(guess, type="category", parsed=words, evidence="two classes")
    return answer, "binary", str(words[guess.parsed == positive].iloc[0]).strip()


def negative_words(draft: Draft, positive: str | None) -> tuple[str, ...]:
    """The texts of the target that count as 0, where `positive` is one of them; any other is of no class."""
    if positive is None:
        return ()
    words = draft.text[draft.target].where(draft.guesses[draft.target].parsed.notna()).dropna().map(str.strip)
    return tuple(sorted(set(words) - {positive}))


def choose_time(draft: Draft, named: str | None) -> None:
    """Settle the time (the named column, else the finest dates) and the column of hours beside it.

    Raises:
        ConfigInvalid: the named column cannot be read as a time.
    """
    if named is not None:
        guess = as_time(draft.guesses[named])
        if guess is None:
            raise ConfigInvalid(
                f"The column {named!r} cannot be read as a time: it holds {draft.guesses[named].evidence}. "
                "ISO 8601, seconds or milliseconds since 1970, YYYYMMDD and common day and month orders are allowed."
            )
        draft.guesses[named] = guess
        draft.time = named
    else:
        dated = [name for name in draft.open() if draft.guesses[name].type == "datetime"]
        draft.time = max(dated, key=lambda name: draft.guesses[name].parsed.nunique(), default=None)
    if draft.time is not None:
        whole = {n: draft.guesses[n].parsed for n in draft.open() if draft.guesses[n].type == "integer"}
        draft.hours = hour_column(draft.guesses[draft.time].parsed, whole)


def mark_leaks(draft: Draft, answer: Floats, problem: Problem) -> None:
    """Take the columns that give the target away out of the features."""
    known = np.isfinite(answer)
    numbers = {name: _as_numbers(draft.guesses[name])[known] for name in draft.open()}
    if not numbers:
        return
    for leak in find_leaks(pd.DataFrame(numbers).reset_index(drop=True), answer[known], problem == "binary"):
        for name in leak.columns:
            draft.roles.setdefault(name, Suspicion("ignore", f"LEAK: {leak.reason}"))
            draft.leaks.add(name)


def open_questions(draft: Draft, answer: Floats, span: Span | None) -> tuple[str, ...]:
    """What a person has to look at before the draft is used, a sentence each."""
    said = []
    if draft.time is None:
        said.append("No column was found that says when a row happened: name one with --time if there is one.")
    else:
        undated = float(draft.guesses[draft.time].parsed.isna().mean())
        said += [f"{undated:.2%} of the rows have no time and will be quarantined."] if undated else []
    for side, rows in (("before", span.before), ("after", span.after)) if span else ():
        said += [f"{rows} rows lie long {side} all others: is their time right?"] if rows else []
    unlabelled = float(np.isnan(answer).mean())
    said += [f"{unlabelled:.2%} of the rows have no target; they are scored, not learnt from."] if unlabelled else []
    if not draft.open():
        said.append(
            "No column is left as a feature: look at the reasons beside the columns and give some their role back."
        )
    return tuple(said)


def _as_numbers(guess: Guess) -> pd.Series:
    if guess.type in {"integer", "number", "boolean"}:
        return guess.parsed.astype(float)
    codes = pd.Series(pd.factorize(guess.parsed, sort=True)[0].astype(float), guess.parsed.index)
    return codes.where(codes >= 0)
