"""Whole columns at once, where that gives to the bit what `tasks.core.columns` reads cell by cell; else None.

Of cells of one type each different one is read once. Numbers and times that Parquet holds as such need no text at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.core.columns import Column

_MANY = 0.5  # where more values differ, looking for equal ones is in vain
_ARROW_TYPES = {"string": "large_string", "boolean": "bool", "integer": "int64", "date": "date32"}
"""Of cells of one of these types equal ones have one text."""
_LARGEST = 10**18
_PLAIN = "^([!-~]([ -~]*[!-~])?)?$"
"""A text of signs that everybody sees, without blanks around it, in the words of RE2: it is read as it is."""


@dataclass(frozen=True)
class Cells:
    """What was `read` of a column, and of each row whether it has no value, hides signs, or lacks the field."""

    read: "pd.Series"
    absent: "pd.Series"
    hidden: "pd.Series"
    short: "pd.Series"


def numbers(raw: "pd.Series", column: "Column") -> Cells | None:
    """A column of numbers, as numbers or whole numbers."""
    import numpy as np
    import pandas as pd

    if column.type not in {"number", "integer"}:
        return None
    held = _held(raw)
    if held is None:
        return None
    found, absent = held
    kind = float if found.dtype.kind == "f" else int
    for word in column.missing:
        if (value := _value_of(word, kind)) is not None:
            absent = absent | (found == value)
    if column.type == "number":
        real = found.astype("float64") + 0.0  # a negative zero has the text 0
        real[absent | ~np.isfinite(real)] = np.nan
        return _cells(pd.Series(real, raw.index), absent, raw)
    with np.errstate(invalid="ignore"):
        broken = ~((found > -_LARGEST) & (found < _LARGEST)) | (found != np.floor(found))
    whole = np.where(absent | broken, 0, found).astype("int64")
    return _cells(pd.Series(pd.arrays.IntegerArray(whole, absent | broken), raw.index), absent, raw)


def _held(raw: "pd.Series") -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None":
    """The numbers of a column, and which of them are none; whole ones as int64, others as float64."""
    import numpy as np

    if raw.dtype == object:
        whole = _in_arrow(raw)
        if whole is None or whole.type != "int64":
            return None
        return whole.fill_null(0).to_numpy(), whole.is_null().to_numpy(zero_copy_only=False)
    kind = raw.dtype.kind if isinstance(raw.dtype, np.dtype) else ""
    if kind == "f":
        real = raw.to_numpy("float64")
        return real, np.isnan(real)
    if kind not in {"i", "u"} or (kind == "u" and len(raw) and int(raw.max()) >= _LARGEST):
        return None
    return raw.to_numpy("int64"), np.zeros(len(raw), bool)


def _value_of(word: str, kind: type) -> Any:
    """The number whose text a word for "no value" is."""
    try:
        value = kind(word)
    except ValueError:
        return None
    fits = kind is float or abs(value) < 2**63
    return value if fits and number_text(value) == word else None


def number_text(value: float) -> str:
    """How a number is read: 3.0 is how a whole one arrives from Parquet where others are missing."""
    return str(int(value)) if isinstance(value, int) or float(value).is_integer() else repr(float(value))


def truths(raw: "pd.Series", column: "Column") -> Cells | None:
    """A column of truth values, as such."""
    import numpy as np

    if raw.dtype != np.dtype(bool) or column.type != "boolean" or {"True", "False"} & set(column.missing):
        return None
    return _cells(raw.astype("boolean"), np.zeros(len(raw), bool), raw)


def times(raw: "pd.Series", column: "Column") -> Cells | None:
    """A column of times: those with a zone are moments, those without are of the column's zone."""
    import pandas as pd

    if column.type != "datetime" or not pd.api.types.is_datetime64_any_dtype(raw):
        return None
    if any(word[:1].isdigit() or word[:1] == "-" for word in column.missing):
        return None
    zone, known = raw.dt.tz, raw.dropna()
    # The text of a time is read in nanoseconds, which end with the year 2262; that of an offset has no seconds.
    bounds = [pd.Timestamp(end, tz=zone) for end in ("1678-01-01", "2262-01-01")]
    if (len(known) and not bounds[0] <= known.min() <= known.max() <= bounds[1]) or str(zone) not in {"None", "UTC"}:
        return None
    if zone is None:
        here = raw.dt.tz_localize(ZoneInfo(column.timezone), ambiguous="NaT", nonexistent="NaT")
    moments = raw if zone is not None else here.dt.tz_convert("UTC")
    return _cells(moments.astype("datetime64[us, UTC]"), raw.isna().to_numpy(), raw)


def repeated(raw: "pd.Series", read: "Callable[[pd.Series], Cells]") -> Cells | None:
    """A column of one type of cells in which values repeat: `read` gets each different one, and what is none, once."""
    import pandas as pd

    if isinstance(raw.dtype, pd.CategoricalDtype):  # a missing one is a null of Parquet, not a field that lacks
        raw = raw.astype(object).where(raw.notna(), None)
    cells = _in_arrow(raw)
    if cells is None:
        return None
    coded = cells.dictionary_encode()
    if len(coded.dictionary) > _MANY * len(raw):
        return None
    distinct = coded.dictionary.to_pylist()
    codes = coded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    once = read(pd.Series([*distinct, None], dtype=object))
    values, absent, hidden = (_taken(part, codes, raw) for part in (once.read, once.absent, once.hidden))
    return Cells(values, absent, hidden, lacking(raw))


def _in_arrow(raw: "pd.Series") -> Any:
    """The cells of a column of one type; None where there are several types, or what has no place in Arrow."""
    import pandas as pd
    import pyarrow as pa

    kind = _ARROW_TYPES.get(pd.api.types.infer_dtype(raw, skipna=True)) if raw.dtype == object else None
    try:
        return None if kind is None else pa.array(raw, pa.type_for_alias(kind), from_pandas=True)
    except (pa.ArrowException, UnicodeError, OverflowError):  # half of a surrogate pair, a number of many digits
        return None


def _taken(part: "pd.Series", codes: "np.ndarray[Any, Any]", raw: "pd.Series") -> "pd.Series":
    import pandas as pd

    return pd.Series(part.array.take(codes), index=raw.index)


def plain(raw: "pd.Series") -> "np.ndarray[Any, Any]":
    """Mask of the texts that are read as they are: nothing to strip and nothing hidden. Others may be, too."""
    import numpy as np
    import pyarrow.compute as pc

    words = _in_arrow(raw)
    if words is None or words.type != "large_string":
        return np.zeros(len(raw), bool)
    found = pc.fill_null(pc.match_substring_regex(words, _PLAIN), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def lacking(raw: "pd.Series") -> "pd.Series":
    """Rows that lack the field: readers mark it by a float NaN among texts; a null of Parquet is None there."""
    import numpy as np
    import pandas as pd

    short = np.zeros(len(raw), bool)
    if raw.dtype == object:
        none = np.flatnonzero(raw.isna())
        short[none] = [isinstance(value, float) for value in raw.to_numpy()[none]]
    return pd.Series(short, raw.index)


def _cells(values: "pd.Series", absent: "np.ndarray[Any, Any]", raw: "pd.Series") -> Cells:
    import pandas as pd

    return Cells(values, pd.Series(absent, raw.index), pd.Series(False, raw.index), lacking(raw))
