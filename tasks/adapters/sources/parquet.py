"""Parquet: every row with its own types, page checksums held, and no more unpacked than the source allows."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapters.sources import bounds
from tasks.adapters.sources.delimited import refuse_bad_header

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROWS = 8192  # that are unpacked before they are measured
_NUMBERING = re.compile(r"__index_level_\d+__")


def read_parquet(path: Path, limit: int = bounds.SIZE) -> "pd.DataFrame":
    """Every row of a file; raises DataRejected beyond `limit` bytes, whatever the file says about its own size."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    bounds.refuse_size(path.stat().st_size, limit)
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        refuse_bad_header(file.schema_arrow.names)
        bounds.refuse_cells(file.metadata.num_rows, len(file.schema_arrow.names), limit)
        batches, size = [], 0
        for batch in file.iter_batches(batch_size=_ROWS):
            size += batch.nbytes
            bounds.refuse_size(size, limit)
            _refuse_long_fields(batch)
            batches.append(batch)
        table = pa.Table.from_batches(batches, file.schema_arrow)
    # What pandas left about its index is not believed: a column that was one is a column, and its own numbering none.
    table = table.drop_columns([name for name in table.column_names if _NUMBERING.fullmatch(name)])
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas(integer_object_nulls=True)
    return frame.reset_index(drop=True)


def _refuse_long_fields(batch: "pa.RecordBatch") -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, column in enumerate(batch.columns, 1):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            lengths = pc.utf8_length(column)
        elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            lengths = pc.binary_length(column)
        else:
            continue
        bounds.refuse_field(f"Column {place}", pc.max(lengths).as_py() or 0)
