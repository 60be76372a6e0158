"""Which columns of a delivery a rule looks at, so that no rule is asked of more.

Great Expectations itself stands elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

ROW_NUMBER = "_row_number"
_ABOUT_TYPES = frozenset({"ExpectColumnValuesToBeOfType", "ExpectColumnValuesToBeInTypeList"})
Asked = tuple[str, Mapping[str, Any]]
"""The name of an expectation and its arguments."""


def by_columns(asked: Mapping[int, Asked], frame: "pd.DataFrame") -> dict[tuple[str, ...], list[int]]:
    """Rules, told by their numbers, by the columns that they look at; () stands for all columns.

    Great Expectations copies all columns of a batch for every metric of a rule that names one of them.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, (expect, arguments) in asked.items():
        names = columns_of(arguments)
        whole = expect.startswith("ExpectTable") or expect in _ABOUT_TYPES or bool(arguments.get("row_condition"))
        narrow = bool(names) and not whole and all(one in frame for one in names)
        groups.setdefault(tuple(dict.fromkeys(names)) if narrow else (), []).append(number)
    return groups


def columns_of(arguments: Mapping[str, Any]) -> list[str]:
    """The columns that the arguments of a rule name."""
    told = [arguments.get(key) for key in ("column", "column_A", "column_B")]
    listed = arguments.get("column_list") or []
    named = [*told, *(listed if isinstance(listed, list) else [listed])]
    return [one for one in named if isinstance(one, str)]


def part(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """The columns that some rules look at; categories as their texts, whole numbers without gaps as NumPy's.

    What a column's type is called is asked of all columns, which keep theirs and have the row's number beside them.
    """
    rows = frame[list(names)] if names else frame.copy(deep=False)
    kinds = {name: str(kind) for name, kind in rows.dtypes.items()}
    texts = {name: "object" for name, kind in kinds.items() if kind == "category"}
    if names:
        whole = [name for name, kind in kinds.items() if kind == "Int64" and not rows[name].hasnans]
        return rows.astype(texts | dict.fromkeys(whole, "int64")) if texts or whole else rows
    rows = rows.astype(texts) if texts else rows
    rows[ROW_NUMBER] = frame.index
    return rows


def row_numbers(told: Iterable[Any]) -> Iterator[int]:
    """The rows that an answer names: pandas tells numbers, Spark columns of them."""
    for one in told:
        yield from map(int, one[ROW_NUMBER]) if isinstance(one, dict) else (int(one),)
