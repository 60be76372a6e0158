"""What a row may not be whatever its columns' types say: the header again, empty, or of an impossible time.

Answers are rules with the index labels of the rows that break them; what follows from them is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.core.columns import Column
from tasks.core.errors import DataRejected
from tasks.core.schema_changes import differences

if TYPE_CHECKING:
    import pandas as pd

Faults = dict[str, list[int]]
_FLAT = frozenset({"string", "integer", "boolean", "date"})


def refuse_unusable(text: "pd.DataFrame", columns: Sequence[Column], before: Sequence[Mapping[str, str]] = ()) -> None:
    """Raise DataRejected where declared columns are not there, or hold lists or records.

    What came instead is told where most names are those of accepted deliveries (`before`, the columns of each): without
    a header the names would be cells.
    """
    missing = [column.name for column in columns if column.name not in text and not column.optional]
    if missing:
        told = differences(text, before)
        raise DataRejected(
            f"columns are missing: {', '.join(missing)}.{told} Deliver them, or change the pipeline's file.",
            "columns",
        )
    there = [column.name for column in columns if column.name in text]
    nested = [name for name in there if _holds_nested(text[name])]
    if nested:
        raise DataRejected(f"columns hold lists or records: {', '.join(nested)}. Deliver them flat.", "nested")


def _holds_nested(values: "pd.Series") -> bool:
    import pandas as pd

    if values.dtype != object or pd.api.types.infer_dtype(values, skipna=True) in _FLAT:
        return False
    return bool(values.map(_is_nested).any())


def _is_nested(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes)


def shape_faults(text: "pd.DataFrame", names: Sequence[str]) -> Faults:
    """Rows without any field (`row:no fields`), and the header again among the rows (`row:header`)."""
    # Few rows are left after the first column; of numbers and times that is seen at once.
    there = sorted((name for name in names if name in text), key=lambda name: text[name].dtype == object)
    header, empty = text.index, text.index
    for name in there:
        column = text[name]
        header = header[(_at(column, header) == name).to_numpy(bool)]
        values = _at(column, empty)
        empty = empty[(values.isna() | (values == "")).to_numpy(bool)]
    found = {"row:no fields": list(empty), "row:header": list(header)}
    return {rule: numbers for rule, numbers in found.items() if numbers}


def _at(column: "pd.Series", labels: "pd.Index") -> "pd.Series":
    return column if len(labels) == len(column) else column.loc[labels]


def repeated_rows(text: "pd.DataFrame", columns: Sequence[Column]) -> "pd.Index":
    """Index labels of the rows that hold what an earlier row holds, in every column that is read."""
    import pandas as pd

    names = [column.name for column in columns if column.role != "ignore" and column.name in text]
    values = pd.DataFrame({name: text[name].map(repr) for name in names}, index=text.index)
    return text.index[values.duplicated()]


def time_faults(times: "pd.Series", column: Column | None, now: datetime, name: str) -> Faults:
    """Times (UTC) that are not there (`NAME:missing`), before `column.earliest` (`NAME:too early`) or in the future.

    A time may lie `column.ahead` after `now`, because clocks differ; later is `NAME:future`. Where no column tells the
    time (None) it is that of the delivery, and right.
    """
    import pandas as pd

    found = {f"{name}:missing": times.isna()}
    if column is not None:
        found[f"{name}:too early"] = times < pd.Timestamp(column.earliest)
        found[f"{name}:future"] = times > pd.Timestamp(now) + column.ahead
    return _broken(found)


def _broken(rules: "dict[str, pd.Series]") -> Faults:
    return {rule: list(broken.index[broken]) for rule, broken in rules.items() if broken.any()}
