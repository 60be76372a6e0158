"""What type a column of texts has, guessed from all of its values; used for a first draft that a person reviews.

The exact conversion by a declared schema is `tasks.core.columns`; roles and leaks are `tasks.core.profile`'s.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from tasks.core.columns import ColumnType

EPOCH_SECONDS, EPOCH_MILLISECONDS = "epoch_seconds", "epoch_milliseconds"
MAX_CATEGORIES, CATEGORY_SHARE = 50, 0.02
_MISSING_WORDS = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None", "none", "?", "-", "#N/A", "\\N")
_MISSING_TEXTS = ("N/A", "NaN", "nan", "NULL", "null", "#N/A", "\\N")
_BOOLEAN_WORDS = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})
_INTEGER, _PADDED = re.compile(r"[+-]?\d{1,18}"), re.compile(r"[+-]?0\d+")
_DECIMAL_COMMA, _THOUSANDS = re.compile(r"[+-]?(\d+|\d*,\d+)"), re.compile(r"[+-]?\d{1,3},\d{3}")
_LOOKS_DATED = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_LOOKS_NAMED = re.compile(r"\d{1,2}[- ][A-Za-z]{3,9}[-, ]|[A-Za-z]{3,9} \d{1,2},? \d{4}")
_DATE_FORMATS = (
    "ISO8601", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%Y/%m/%d", "%Y/%m/%d %H:%M:%S",
)  # fmt: skip
# Months by their English names, which is what pandas reads in any place.
_NAMED_FORMATS = tuple(
    f"{day}{clock}"
    for day in ("%d %B %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d-%B-%Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y",
                "%b %d %Y")
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
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

    `missing_words` are texts other than "" that mean no value; `format` reads a datetime, None is ISO 8601; `decimal`
    is the decimal sign of a number.
    """

    type: ColumnType
    parsed: pd.Series
    evidence: str
    missing_words: tuple[str, ...] = ()
    format: str | None = None
    decimal: Literal[".", ","] = "."


def guess_type(text: pd.Series) -> Guess:
    """The narrowest type that every value fits; words like NA count as missing where all else is no text."""
    words = text.astype(object).where(text.notna(), "").map(lambda value: str(value).strip())
    words = words.where(words != "", None)
    if words.isna().all():
        return Guess("string", words, "holds no value at all")
    found = words.dropna()
    if set(found.str.lower().unique()) <= _BOOLEAN_WORDS:
        return _boolean(words)
    rest = found[~found.isin(_MISSING_WORDS)]
    if len(rest):
        yes_or_no = set(rest.str.lower().unique()) <= _BOOLEAN_WORDS
        if guess := _boolean(rest) if yes_or_no else _number(rest) or _datetime(rest):
            return _beside(replace(guess, parsed=guess.parsed.reindex(text.index)), found, rest)
    # Among texts NA may be Namibia and a dash an answer; these are what databases and pandas write for nothing.
    rest = found[~found.isin(_MISSING_TEXTS)]
    return _beside(_texts(words.where(words.isin(rest))), found, rest)


def _beside(guess: Guess, found: pd.Series, rest: pd.Series) -> Guess:
    used = tuple(sorted(set(found.drop(rest.index))))
    evidence = guess.evidence + (f", apart from {', '.join(used)} for missing" if used else "")
    return replace(guess, evidence=evidence, missing_words=used)


def _boolean(words: pd.Series) -> Guess:
    values = words.str.lower().isin(["true", "yes", "t", "y"]).astype(float).where(words.notna())
    return Guess("boolean", values, "yes/no words")


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
    if guess := _decimal_comma(words):
        return guess
    values = pd.to_numeric(words, errors="coerce").astype(float)
    if not np.isfinite(values).all():
        return None
    if words.map(_PADDED.fullmatch).notna().any() and words.map(_INTEGER.fullmatch).notna().all():
        return None  # 007 is a code, not seven
    if words.map(_INTEGER.fullmatch).notna().all():
        return Guess("integer", values, "whole numbers")
    return Guess("number", values, "numbers")


def _decimal_comma(words: pd.Series) -> Guess | None:
    with_comma = words[words.str.contains(",", regex=False)]
    if with_comma.empty or words.map(_DECIMAL_COMMA.fullmatch).isna().any():
        return None
    if with_comma.map(_THOUSANDS.fullmatch).notna().all():
        return None  # 1,234 may be either: a person has to say
    values = words.str.replace(",", ".", regex=False).astype(float)
    return Guess("number", values, "numbers with a decimal comma", decimal=",")


def _datetime(words: pd.Series) -> Guess | None:
    if words.map(_LOOKS_DATED.match).notna().all():
        formats: tuple[str, ...] = _DATE_FORMATS
    elif words.map(_LOOKS_NAMED.match).notna().all():
        formats = _NAMED_FORMATS
    else:
        return None
    readings = {form: pd.to_datetime(words, format=form, errors="coerce", utc=True) for form in formats}
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
