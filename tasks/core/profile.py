"""The first look at somebody's data for `keepfit new`: per column a type, a role and the evidence for it, in words.

Belongs here: what the look results in. The steps to it are `tasks.core.drafting`'s. Nothing is read or written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from tasks.core.column_types import guess_type, read_times
from tasks.core.columns import ColumnType, Role
from tasks.core.drafting import Draft, choose_time, mark_leaks, negative_words, open_questions, read_target, require
from tasks.core.errors import DataRejected
from tasks.core.features import CalendarPart
from tasks.core.metrics import MetricName, Problem
from tasks.core.privacy.classes import PersonalClass
from tasks.core.strays import Span, sound_span, tells_rows_apart
from tasks.core.suspicions import NOBODY, Personal, Suspicion, calendar_part, suspect

MOST_ROWS = 100_000


@dataclass(frozen=True)
class ColumnProfile:
    """One column: what it is, what it may be used for and why (`evidence`, sentences that hold no single row's value).

    `low` and `high` bound numbers, `spread` is their mean distance from the median, `categories` lists the texts of a
    category; `hours_from` and `earliest` stand at the time only.
    """

    name: str
    type: ColumnType
    role: Role
    evidence: tuple[str, ...]
    missing: float
    distinct: int
    missing_words: tuple[str, ...] = ()
    format: str | None = None
    decimal: str = "."
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    categories: tuple[str, ...] = ()
    hours_from: str | None = None
    earliest: datetime | None = None
    leak: bool = False
    privacy: PersonalClass | None = None


@dataclass(frozen=True)
class Profile:
    """The draft of a pipeline: the problem, its metric, the columns, the time span [start, end] and open questions.

    `rows` are those that are no repetition of another; `repeated` are those that are.
    """

    rows: int
    looked_at: int
    target: str
    problem: Problem
    metric: MetricName
    positive: str | None
    columns: tuple[ColumnProfile, ...]
    calendar: tuple[CalendarPart, ...]
    time: str | None
    start: datetime | None
    end: datetime | None
    warnings: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    repeated: int = 0

    def column(self, name: str) -> ColumnProfile:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


def profile(
    frame_text: pd.DataFrame, target: str, time: str | None = None, labels_by: str | None = None,
    personal: Personal = NOBODY,
) -> Profile:  # fmt: skip
    """Look at a frame of texts ("" = missing) and propose roles, types, problem and metric.

    `personal` are the classes of personal data that detectors found in columns, each with the share of the rows.
    Expensive parts look at no more than MOST_ROWS evenly spaced rows; uniqueness and the time span are taken of all.
    Rows that repeat another to the letter are left out where an id or the time tells rows apart. `labels_by` is the
    column that labels of a file of their own belong to their events by.

    Raises:
        ConfigInvalid: `target` or `time` is not a column, or `time` cannot be read as a time.
        DataRejected: no rows, or a target that is neither of two classes nor a number.
    """
    for name in (target, *([time] if time else [])):
        require(frame_text, name)
    if frame_text.empty:
        raise DataRejected("The file has a header and no rows. Give a file that holds some history.")
    single = frame_text.drop_duplicates(ignore_index=True)
    repeated = len(frame_text) - len(single)
    found, apart = _look(single, target, time, labels_by, personal)
    if repeated and not apart:
        return _look(frame_text, target, time, labels_by, personal)[0]
    return replace(found, repeated=repeated)


def _look(
    whole: pd.DataFrame, target: str, time: str | None, labels_by: str | None, personal: Personal
) -> tuple[Profile, bool]:
    """The profile of all rows, and whether something tells them apart."""
    text = whole.iloc[:: -(-len(whole) // MOST_ROWS)].reset_index(drop=True)
    draft = Draft(text, {str(name): guess_type(text[name]) for name in text.columns}, target)
    answer, problem, positive = read_target(draft, as_text=labels_by is not None)
    choose_time(draft, time)
    if labels_by is not None:
        draft.roles[labels_by] = Suspicion("id", "the labels of a file of their own belong to their events by it")
    draft.roles |= suspect(whole, draft.guesses, draft.open(), draft.times(), labels_by is not None, personal)
    mark_leaks(draft, answer, problem)
    span = _span(whole, draft)
    found = Profile(
        rows=len(whole),
        looked_at=len(text),
        target=target,
        problem=problem,
        metric="roc_auc" if problem == "binary" else "mae",
        positive=positive,
        columns=tuple(_column(draft, name, span) for name in draft.guesses),
        calendar=_calendar(draft),
        time=draft.time,
        start=span.start.to_pydatetime(warn=False) if span else None,
        end=span.end.to_pydatetime(warn=False) if span else None,
        warnings=open_questions(draft, answer, span),
        negatives=negative_words(draft, positive),
    )
    return found, tells_rows_apart(draft.times(), any(one.role == "id" for one in draft.roles.values()))


def _column(draft: Draft, name: str, span: Span | None) -> ColumnProfile:
    guess = draft.guesses[name]
    missing = float(guess.parsed.isna().mean())
    number = guess.type in {"integer", "number"}
    evidence = [guess.evidence + (f", {missing:.2%} missing" if missing else "")]
    role: Role = "target" if name == draft.target else "time" if name == draft.time else "feature"
    if name in draft.roles:
        role = draft.roles[name].role
        evidence.append(draft.roles[name].reason)
    found = ColumnProfile(
        name=name,
        type=guess.type,
        role=role,
        evidence=tuple(evidence),
        missing=missing,
        distinct=int(guess.parsed.nunique()),
        missing_words=guess.missing_words,
        format=guess.format,
        decimal=guess.decimal,
        low=float(guess.parsed.min()) if number else None,
        high=float(guess.parsed.max()) if number else None,
        spread=float((guess.parsed - guess.parsed.median()).abs().mean()) if number else None,
        categories=tuple(sorted(guess.parsed.dropna().unique())) if guess.type == "category" else (),
        leak=name in draft.leaks,
        privacy=draft.roles[name].privacy if name in draft.roles else None,
    )
    if role == "time" and span and span.before:
        said = f"{span.before} rows lie long before all others and are set aside (`earliest`)"
        first = span.start.normalize().to_pydatetime(warn=False)
        found = replace(found, earliest=first, evidence=(*found.evidence, said))
    return _beside_time(draft, found)


def _beside_time(draft: Draft, column: ColumnProfile) -> ColumnProfile:
    times = draft.times()
    if times is None:
        return column
    if column.role == "time" and draft.hours:
        said = f"holds dates only; {draft.hours} holds the hour, so both together are the event's time"
        return replace(column, hours_from=draft.hours, evidence=(*column.evidence, said))
    part = calendar_part(draft.guesses[column.name].parsed, times) if column.role == "feature" else None
    return replace(column, evidence=(*column.evidence, f"follows the {part} of {draft.time}")) if part else column


def _calendar(draft: Draft) -> tuple[CalendarPart, ...]:
    """Parts of the time that no feature holds already; only what comes round several times can be learnt."""
    times = draft.times()
    if times is None or times.isna().all():
        return ()
    held = {calendar_part(draft.guesses[name].parsed, times) for name in draft.open()}
    days = (times.max() - times.min()).days
    useful: Mapping[CalendarPart, bool] = {
        "hour": days >= 7 and times.dt.hour.min() < times.dt.hour.max(),  # noqa: PLR2004 - a week
        "weekday": days >= 28 and times.dt.weekday.min() < times.dt.weekday.max(),  # noqa: PLR2004 - four weeks
    }
    return tuple(part for part, wanted in useful.items() if wanted and part not in held)


def _span(frame: pd.DataFrame, draft: Draft) -> Span | None:
    if draft.time is None:
        return None
    sampled = len(frame) > len(draft.text)
    times = read_times(frame[draft.time], draft.guesses[draft.time]) if sampled else draft.times()
    return None if times is None else sound_span(times)
