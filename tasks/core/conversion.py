"""How one column of texts becomes typed values, by its declared type; what does not convert exactly is missing.

Which columns there are, and what follows for a row, is decided elsewhere.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pandas as pd

    from tasks.core.columns import Column

EPOCHS: dict[str | None, Literal["s", "ms"]] = {"epoch_seconds": "s", "epoch_milliseconds": "ms"}
TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
# Every text matches in one way at most, or a long one that does not match would be tried for hours.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO = r"[0-9]{4}(?:[0-9]{4}|[-/][0-9]{1,2}[-/][0-9]{1,2})(?:[T ][0-9T :.,+Zz-]*)?"
_SWAPPED = str.maketrans(",.", ".,")
_LONGEST_TIME = 64
# What nobody sees or what does something to who reads it; two joiners belong to the letters of some scripts only.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_OFFSET = r"[T ].*(?:[Zz]|[+-][0-9]{1,2}(?::?[0-9]{2})?)$"
_NO_EPOCH = 1e14  # beyond all calendars, and pandas crashes on such numbers
_CLOCK_WORDS = ("now", "today")  # pandas reads the clock for these


def hides(word: object) -> bool:
    """Whether a text holds signs that nobody sees."""
    return isinstance(word, str) and not word.isprintable() and _HIDDEN.search(word) is not None


def _integer(words: "pd.Series", _: "Column") -> "pd.Series":
    import pandas as pd

    valid = words.map(lambda word: isinstance(word, str) and _INTEGER.fullmatch(word) is not None)
    whole = [int(n) if isinstance(n, str) else None for n in words.where(valid)]
    return pd.Series(pd.array(whole, dtype="Int64"), words.index)


def _number(words: "pd.Series", column: "Column") -> "pd.Series":
    import numpy as np

    if column.decimal == ",":  # a point would be a thousands separator, or a number of another country: refused
        words = words.map(lambda word: word.translate(_SWAPPED) if isinstance(word, str) else word)

    # Not pandas' own parser, which is off by one in the last place for a quarter of all numbers.
    valid = words.map(lambda word: isinstance(word, str) and _NUMBER.fullmatch(word) is not None).astype(bool)
    values = words.where(valid).astype("float64")
    return values.where(np.isfinite(values))


def _boolean(words: "pd.Series", _: "Column") -> "pd.Series":
    meaning = dict.fromkeys(TRUE_WORDS, True) | dict.fromkeys(FALSE_WORDS, False)
    return words.map(lambda word: meaning.get(word.lower()) if isinstance(word, str) else None).astype("boolean")


def _text(words: "pd.Series", _: "Column") -> "pd.Series":
    return words.astype(object).where(words.notna(), None)


def _datetime(words: "pd.Series", column: "Column") -> "pd.Series":
    import pandas as pd

    if column.format in EPOCHS:
        counts = _number(words, column).where(lambda numbers: numbers.abs() < _NO_EPOCH)
        moments = pd.to_datetime(counts, unit=EPOCHS[column.format], errors="coerce", utc=True)
        return moments.astype("datetime64[us, UTC]")
    form, words = column.format or "ISO8601", words.where(words.str.len() <= _LONGEST_TIME)
    texts = words.astype("string")
    words = words.where(~texts.str.lower().isin(_CLOCK_WORDS))
    if column.format is not None and "%z" in column.format.lower():
        return pd.to_datetime(words, format=form, errors="coerce", utc=True).astype("datetime64[us, UTC]")
    with_offset = pd.Series(False, index=words.index)
    if column.format is None:
        words = words.where(texts.str.fullmatch(_ISO).fillna(False).astype(bool))
        with_offset = texts.str.contains(_OFFSET, regex=True).fillna(False).astype(bool)
    aware = pd.to_datetime(words.where(with_offset), format=form, errors="coerce", utc=True)
    naive = pd.to_datetime(words.where(~with_offset), format=form, errors="coerce")
    # An hour that does not exist or exists twice in its zone is refused rather than guessed.
    local = naive.dt.tz_localize(ZoneInfo(column.timezone), ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    return aware.where(with_offset, local).astype("datetime64[us, UTC]")


CONVERTERS: dict[str, Callable[["pd.Series", "Column"], "pd.Series"]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "category": _text,
    "string": _text,
    "datetime": _datetime,
}
