"""What type a column of texts has, guessed from all of its values; used for a first draft that a person reviews.

The exact conversion by a declared schema is `tasks.core.columns`; roles and leaks are `tasks.core.profile`'s.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.core.columns import ColumnType

EPOCH_SECONDS, EPOCH_MILLISECONDS = "epoch_seconds", "epoch_milliseconds"
MAX_CATEGORIES, CATEGORY_SHARE = 50, 0.02
_MISSING_WORDS = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None", "none", "?", "-", "#N/A", "\\N")
_BOOLEAN_WORDS = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})
_INTEGER, _PADDED = re.compile(r"[+-]?\d{1,18}"), re.compile(r"[+-]?0\d+")
_LOOKS_DATED = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_DATE_FORMATS = (
    "ISO8601", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S",
)  # fmt: skip
# 1990 to 2100; outside of it a whole number is more likely an amount than a time.
_EPOCHS: dict[str | None, tuple[str, int, int]] = {
    EPOCH_SECONDS: ("s", 631_152_000, 4_102_444_800),
    EPOCH_MILLISECONDS: ("ms", 631_152_000_000, 4_102_444_800_000),
}
_COMPACT_DATES = (19_900_101, 21_001_231)


@dataclass(frozen=True)
class Guess:
    """A type, the column parsed as it (float64, datetime64[ns, UTC] or object; missing is NaN, NaT) and what was seen.

    `missing_words` are texts other than "" that mean no value; `format` reads a datetime, None is ISO 8601.
    """

    type: ColumnType
    parsed: pd.Series
    evidence: str
    missing_words: tuple[str, ...] = ()
    format: str | None = None


def guess_type(text: pd.Series) -> Guess:
    """The narrowest type that every value fits; words like NA count as missing where all else is a number or a time."""
    words = text.astype(object).where(text.notna(), "").map(lambda value: str(value).strip())
    words = words.where(words != "", None)
    if words.isna().all():
        return Guess("string", words, "holds no value at all")
    found = words.dropna()
    if set(found.str.lower().unique()) <= _BOOLEAN_WORDS:
        return Guess(
            "boolean",
            words.str.lower().isin(["true", "yes", "t", "y"]).astype(float).where(words.notna()),
            "yes/no words",
        )
    used = tuple(sorted(set(found[found.isin(_MISSING_WORDS)])))
    rest = found[~found.isin(used)]
    if len(rest) and (guess := _number(rest) or _datetime(rest)):
        evidence = guess.evidence + (f", apart from {', '.join(used)} for missing" if used else "")
        return Guess(guess.type, guess.parsed.reindex(text.index), evidence, used, guess.format)
    return _texts(words)


def as_time(guess: Guess) -> Guess | None:
    """A column that is said to be the time: datetimes as they are, whole numbers as epochs or YYYYMMDD; else None."""
    if guess.type == "datetime":
        return guess
    if guess.type != "integer":
        return None
    low, high = guess.parsed.min(), guess.parsed.max()
    for name, (unit, first, last) in _EPOCHS.items():
        if first <= low and high <= last:
            times = pd.to_datetime(guess.parsed, unit=unit, utc=True)  # type: ignore[call-overload]
            return Guess("datetime", times, f"{str(name).replace('_', ' ')} since 1970", guess.missing_words, name)
    if _COMPACT_DATES[0] <= low and high <= _COMPACT_DATES[1]:
        times = pd.to_datetime(
            guess.parsed.astype("Int64").astype("string"), format="%Y%m%d", errors="coerce", utc=True
        )
        if times.notna().sum() == guess.parsed.notna().sum():
            return Guess("datetime", times, "dates as YYYYMMDD", guess.missing_words, "%Y%m%d")
    return None


def read_times(text: pd.Series, guess: Guess) -> pd.Series:
    """The times of more rows than those that `guess` was made from; what does not fit it is NaT."""
    if guess.format in _EPOCHS:
        unit = _EPOCHS[guess.format][0]
        return pd.to_datetime(pd.to_numeric(text, errors="coerce"), unit=unit, errors="coerce", utc=True)  # type: ignore[call-overload,no-any-return]
    return pd.to_datetime(text.str.strip(), format=guess.format or "ISO8601", errors="coerce", utc=True)


def _number(words: pd.Series) -> Guess | None:
    values = pd.to_numeric(words, errors="coerce").astype(float)
    if not np.isfinite(values).all():
        return None
    if words.map(_PADDED.fullmatch).notna().any() and words.map(_INTEGER.fullmatch).notna().all():
        return None  # 007 is a code, not seven
    if words.map(_INTEGER.fullmatch).notna().all():
        return Guess("integer", values, "whole numbers")
    return Guess("number", values, "numbers")


def _datetime(words: pd.Series) -> Guess | None:
    if words.map(_LOOKS_DATED.match).isna().any():
        return None
    readings = {form: pd.to_datetime(words, format=form, errors="coerce", utc=True) for form in _DATE_FORMATS}
    fitting = [form for form, times in readings.items() if times.notna().all()]
    if not fitting:
        return None
    evidence = "dates and times" + (f"; also readable as {', '.join(fitting[1:])}: check" if len(fitting) > 1 else "")
    return Guess("datetime", readings[fitting[0]], evidence, format=None if fitting[0] == "ISO8601" else fitting[0])


def _texts(words: pd.Series) -> Guess:
    distinct, rows = words.nunique(), int(words.notna().sum())
    if distinct <= max(MAX_CATEGORIES, CATEGORY_SHARE * rows) and distinct < rows:
        return Guess("category", words, f"{distinct} different texts")
    return Guess("string", words, f"{distinct} different texts in {rows} rows")
