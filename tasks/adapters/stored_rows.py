"""Rows of a table as they lie in its Parquet files, for engines that need not hold them: how many, and what is empty.

Evaluating rules of them stands in `engines`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core.emptiness import Emptiness

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as ds


@dataclass(frozen=True)
class Stored:
    """The files by their addresses and as Arrow's fragments; `read` gives the rows to an engine that holds them."""

    files: tuple[str, ...]
    fragments: "tuple[ds.ParquetFileFragment, ...]"
    read: "Callable[[], pd.DataFrame]"

    @property
    def count(self) -> int:
        """The number of rows."""
        return sum(footer.num_rows for footer in self._footers())

    def emptiness(self, may_be: Collection[str]) -> Emptiness:
        """In which columns no file holds a value, by the files' own counts; without a count there may be some."""
        held: dict[str, bool] = {}
        for footer in self._footers():
            for place in range(footer.num_columns):
                name = footer.schema.column(place).path
                told = [footer.row_group(group).column(place) for group in range(footer.num_row_groups)]
                held[name] = held.get(name, False) or any(_holds(one) for one in told)
        return Emptiness(self.count == 0, {name: name in may_be for name, has in held.items() if not has})

    def _footers(self) -> Iterator[Any]:
        yield from (one.metadata for one in self.fragments)


def _holds(chunk: Any) -> bool:
    told = chunk.statistics
    return told is None or not told.has_null_count or (chunk.num_values > 0 and told.null_count < chunk.num_values)
