"""Whole columns at once, where that gives to the bit what `tasks.core.columns` reads cell by cell; else None.

Numbers and times that Parquet holds as such need no text at all. Where cells repeat: `repeated_cells`.
"""

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tasks.core.cells import Cells, cells_of, in_arrow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.core.columns import Column

_LARGEST = 10**18
_PLAIN = "^([!-~]([ -~]*[!-~])?)?$"
"""A text of signs that everybody sees, without blanks around it, in the words of RE2: it is read as it is."""


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
        broken = ~absent & ~np.isfinite(real)
        real[absent | broken] = np.nan
        return cells_of(pd.Series(real, raw.index), broken, absent, raw)
    with np.errstate(invalid="ignore"):
        broken = ~((found > -_LARGEST) & (found < _LARGEST)) | (found != np.floor(found))
    whole = np.where(absent | broken, 0, found).astype("int64")
    read = pd.Series(pd.arrays.IntegerArray(whole, absent | broken), raw.index)
    return cells_of(read, broken & ~absent, absent, raw)


def _held(raw: "pd.Series") -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None":
    """The numbers of a column, and which of them are none; whole ones as int64, others as float64."""
    import numpy as np

    if raw.dtype == object:
        whole = in_arrow(raw)
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
    nowhere = np.zeros(len(raw), bool)
    return cells_of(raw.astype("boolean"), nowhere, nowhere, raw)


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
    absent = raw.isna().to_numpy()
    return cells_of(moments.astype("datetime64[us, UTC]"), moments.isna().to_numpy() & ~absent, absent, raw)


def plain_texts(raw: "pd.Series", column: "Column", cells: Any) -> Cells | None:
    """A column of texts of which each is read as it is; `cells` are those of the column in Arrow, or None."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type not in {"category", "string"} or cells is None or cells.type != "large_string":
        return None
    if pc.any(pc.invert(pc.match_substring_regex(cells, _PLAIN))).as_py():
        return None
    absent = pc.or_(cells.is_null(), pc.is_in(cells, value_set=pa.array(column.missing, cells.type)))
    none = absent.to_numpy(zero_copy_only=False)
    return cells_of(raw.where(~none, None) if none.any() else raw, np.zeros(len(raw), bool), none, raw)


def plain(raw: "pd.Series") -> "np.ndarray[Any, Any]":
    """Mask of the texts that are read as they are: nothing to strip and nothing hidden. Others may be, too."""
    import numpy as np
    import pyarrow.compute as pc

    words = in_arrow(raw)
    if words is None or words.type != "large_string":
        return np.zeros(len(raw), bool)
    found = pc.fill_null(pc.match_substring_regex(words, _PLAIN), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)
