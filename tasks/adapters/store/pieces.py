"""Writes a table to a Parquet file piece by piece, so that a large frame is never held a second time in Arrow.

The columns' types are those that the whole table would have.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapters.store.columns import cast, to_arrow

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROWS = 250_000
_GLANCE = 2_000


class _OtherTypes(Exception):
    pass


def write(path: Path, rows: "pd.DataFrame | pa.Table") -> None:
    """Write all rows with storable types. Raises DataRejected as `to_arrow`."""
    if not _in_pieces(path, rows):
        _save(path, iter([to_arrow(rows)]))


def _in_pieces(path: Path, rows: "pd.DataFrame | pa.Table") -> bool:
    """False: the pieces do not tell the types of the whole, because one holds other types than the first."""
    import pyarrow as pa

    if isinstance(rows, pa.Table) or len(rows) <= _ROWS:
        return False
    first = to_arrow(rows.iloc[:_ROWS])

    def pieces() -> "Iterator[pa.Table]":
        yield first
        for start in range(_ROWS, len(rows), _ROWS):
            yield _alike(to_arrow(rows.iloc[start : start + _ROWS]), first.schema)

    try:
        _save(path, pieces())
    except _OtherTypes:
        return False
    return True


def _alike(piece: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    for field, held in zip(schema, piece.schema, strict=True):
        if held.type != field.type and not pa.types.is_null(held.type):
            raise _OtherTypes
    columns = [cast(field.name, piece.column(field.name), field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _save(path: Path, tables: "Iterator[pa.Table]") -> None:
    import pyarrow.parquet as pq

    first = next(tables)
    names = [name for name in first.column_names if _repeats(first.column(name))]
    with (
        pq.ParquetWriter(path, first.schema, write_page_checksum=True, use_dictionary=names) as writer,
        ThreadPoolExecutor(1) as behind,
    ):
        written = behind.submit(writer.write_table, first)
        for table in tables:  # made while the one before it is written
            written.result()
            written = behind.submit(writer.write_table, table)
        written.result()


def _repeats(column: "pa.ChunkedArray") -> bool:
    """Whether values repeat among the first; of others a dictionary is made in vain."""
    import pyarrow as pa

    glance = column.slice(0, _GLANCE)
    return pa.types.is_nested(column.type) or len(glance.unique()) <= len(glance) / 2
