"""What single columns give away about themselves: constants, ids, row counters, personal data, clocks in disguise.

Each rule answers with a role and a reason in words, or None. Leaks of the target are `tasks.core.leaks`'.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from tasks.core.column_types import Guess
from tasks.core.columns import Role
from tasks.core.features import CalendarPart
from tasks.core.privacy.classes import PersonalClass, class_of_name, snake

MOSTLY_MISSING, _FEW_GAPS = 0.98, 0.05
_PROTECTED = re.compile(r"^(gender|sex|race|ethnicity|religion|nationality|disability|sexual_orientation)$")
_ID_NAME = re.compile(r"(^|_)(id|uuid|guid|key|identifier)$")
_TOLD: Mapping[PersonalClass, str] = {
    "mail": "mail address", "phone": "telephone number", "iban": "bank account (IBAN)", "card": "card number",
    "national_id": "national id",
}  # fmt: skip
_HOUR_NAME = re.compile(r"^(hr|hour)s?$|_(hr|hour)$")
_HOURS, _MOST_HOURS_MISSING = 24, 4
_CYCLES: Mapping[CalendarPart, int] = {"month": 730, "weekday": 14, "hour": 2}


Personal = Mapping[str, tuple[PersonalClass, float]]
"""Classes of personal data that detectors found in columns, each with the share of the rows."""
NOBODY: Personal = MappingProxyType({})


@dataclass(frozen=True)
class Suspicion:
    """A role other than feature, and why."""

    role: Role
    reason: str
    privacy: PersonalClass | None = None


def suspect(
    whole: pd.DataFrame, guesses: Mapping[str, Guess], names: Sequence[str], times: pd.Series | None,
    has_id: bool = False, personal: Personal = NOBODY,
) -> dict[str, Suspicion]:  # fmt: skip
    """Suspicions about `names`; `whole` holds all rows as text, `guesses` and `times` the rows that are looked at.

    `personal` are the classes of personal data that detectors found in values, with the share of the rows.
    The first column that can identify a row becomes the id, unless there is one; further ones are ignored.
    """
    found: dict[str, Suspicion] = {}
    for name in names:
        guess = guesses[name]
        suspicion = (
            _empty(guess)
            or _personal(name, personal.get(name))
            or _identity(name, guess, whole[name])
            or _clock(guess, times)
            or _too_many(guess)
        )
        if suspicion and suspicion.role == "id" and (has_id or any(s.role == "id" for s in found.values())):
            suspicion = Suspicion("ignore", f"{suspicion.reason}; another column is the id already")
        if suspicion:
            found[name] = suspicion
    return found


def hour_column(times: pd.Series, candidates: Mapping[str, pd.Series]) -> str | None:
    """The column that holds the hour beside a time of dates only: 0 to 23 and called so, or making each date unique."""
    times = times.dropna()
    if times.empty or not (times == times.dt.normalize()).all():
        return None
    for name, values in candidates.items():
        hours = values.reindex(times.index)
        if hours.isna().any() or hours.min() < 0 or hours.max() >= _HOURS:
            continue
        enough = hours.nunique() >= _HOURS - _MOST_HOURS_MISSING
        single = not pd.DataFrame({"date": times, "hour": hours}).duplicated().any()
        if enough and (single or _HOUR_NAME.search(snake(name))):
            return name
    return None


def calendar_part(values: pd.Series, times: pd.Series) -> CalendarPart | None:
    """The part of the calendar that a column says over again, whatever its numbering; None where it does not."""
    known = values.notna() & times.notna()
    if not known.any():
        return None
    said, when = values[known], times[known].dt
    parts: Mapping[CalendarPart, pd.Series] = {"hour": when.hour, "weekday": when.weekday, "month": when.month}
    for name, part in parts.items():
        distinct = said.nunique()
        if distinct > 1 and distinct == part.nunique() == len(pd.DataFrame({"a": said, "b": part}).drop_duplicates()):
            return name
    return None


def _empty(guess: Guess) -> Suspicion | None:
    missing = float(guess.parsed.isna().mean())
    if missing >= MOSTLY_MISSING:
        return Suspicion("ignore", "nearly always missing" if missing < 1 else "always missing")
    if len(guess.parsed.dropna().unique()) == 1 and missing < _FEW_GAPS:
        # A flag that is either set or missing says something; a constant beside few gaps does not.
        return Suspicion("ignore", "constant: it cannot tell rows apart")
    return None


def _personal(name: str, found: tuple[PersonalClass, float] | None) -> Suspicion | None:
    kept_out = "kept out of the tables, models and reports"
    if found is not None:
        kind, share = found
        return Suspicion("ignore", f"PERSONAL: {share:.2%} of its values hold a {_TOLD[kind]}; {kept_out}", kind)
    if said := class_of_name(name):
        return Suspicion("ignore", f"its name says personal data ({said}): {kept_out}", said)
    if _PROTECTED.search(snake(name)):
        return Suspicion("protected", "its name says a protected attribute: kept for checks, never a feature")
    return None


def _identity(name: str, guess: Guess, whole: pd.Series) -> Suspicion | None:
    named = bool(_ID_NAME.search(snake(name)))
    if guess.type not in {"integer", "string", "category"} or guess.parsed.isna().any():
        return Suspicion("ignore", "its name says an id, but rows lack it") if named else None
    unique = whole.is_unique
    if guess.type == "integer" and unique and not named:
        steps = np.diff(np.sort(guess.parsed.to_numpy()))
        if len(steps) and (steps == steps[0]).all():
            # As an id it would collide as soon as a second delivery starts counting again.
            return Suspicion("ignore", "numbers the rows; make it the id if the numbering goes on from file to file")
        return None
    if unique and (named or guess.type == "string"):
        return Suspicion("id", "a different value in every row")
    if named:
        return Suspicion("ignore", "its name says an id, and it repeats: as a feature it would be learnt by heart")
    return None


def _clock(guess: Guess, times: pd.Series | None) -> Suspicion | None:
    if guess.type == "datetime":
        return Suspicion("ignore", "a second time; derive a feature from it (an age, a duration) if it matters")
    if times is None:
        return None
    part = calendar_part(guess.parsed, times)
    days = (times.max() - times.min()).days
    if part and days >= _CYCLES[part] - 1:
        return None
    if _only_moves_on(guess.parsed, times):
        return Suspicion(
            "ignore", "a clock in disguise: over time it only moves on, so what it taught never comes back"
        )
    return None


def _only_moves_on(values: pd.Series, times: pd.Series) -> bool:
    """Whether no value returns once time has passed it: numbers in either direction, texts in order of appearance."""
    known = values.notna() & times.notna()
    ordered = pd.DataFrame({"value": values[known], "time": times[known]}).sort_values("time", kind="stable")
    if ordered["time"].nunique() < 3 or ordered["value"].nunique() < 2:  # noqa: PLR2004 - two instants prove nothing,
        return False  # and one value (a flag that is set or missing) does not move
    if ordered["value"].dtype == object:
        ordered["value"] = pd.factorize(ordered["value"])[0]
    spans = ordered.astype({"value": float}).groupby("time")["value"].agg(["min", "max"])
    up = (spans["min"].to_numpy()[1:] >= np.maximum.accumulate(spans["max"].to_numpy())[:-1]).all()
    down = (spans["max"].to_numpy()[1:] <= np.minimum.accumulate(spans["min"].to_numpy())[:-1]).all()
    return bool(up or down)


def _too_many(guess: Guess) -> Suspicion | None:
    if guess.type == "string":
        return Suspicion("ignore", "free text or too many categories for a first model")
    return None
