"""The cells of one column: as they came, in Arrow, and what was read of them. How they are read stands elsewhere."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_ARROW_TYPES = {"string": "large_string", "boolean": "bool", "integer": "int64", "date": "date32"}
"""Of cells of one of these types equal ones have one text."""


@dataclass(frozen=True)
class Cells:
    """What was `read` of a column; of each row, whether it is not of its type, has no value, hides signs, no field."""

    read: "pd.Series"
    broken: "pd.Series"
    absent: "pd.Series"
    hidden: "pd.Series"
    short: "pd.Series"


def in_arrow(raw: "pd.Series") -> Any:
    """The cells of a column of one type; None where there are several types, or what has no place in Arrow."""
    import pandas as pd
    import pyarrow as pa

    kind = _ARROW_TYPES.get(pd.api.types.infer_dtype(raw, skipna=True)) if raw.dtype == object else None
    try:
        return None if kind is None else pa.array(raw, pa.type_for_alias(kind), from_pandas=True)
    except (pa.ArrowException, UnicodeError, OverflowError):  # half of a surrogate pair, a number of many digits
        return None


def lacking(raw: "pd.Series") -> "pd.Series":
    """Rows that lack the field: readers mark it by a float NaN among texts; a null of Parquet is None there."""
    import numpy as np
    import pandas as pd

    short = np.zeros(len(raw), bool)
    if raw.dtype == object:
        none = np.flatnonzero(raw.isna())
        short[none] = [isinstance(value, float) for value in raw.to_numpy()[none]]
    return pd.Series(short, raw.index)


def cells_of(
    values: "pd.Series", broken: "np.ndarray[Any, Any]", absent: "np.ndarray[Any, Any]", raw: "pd.Series"
) -> Cells:
    """What was read of a column of which no cell hides signs."""
    import pandas as pd

    nowhere = pd.Series(False, raw.index)
    short = lacking(raw) if absent.any() else nowhere
    return Cells(values, pd.Series(broken, raw.index), pd.Series(absent, raw.index), nowhere, short)
