"""Parquet: every row with its own types, page checksums held, and no more unpacked than the source allows."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapters.sources import bounds
from tasks.adapters.sources.delimited import refuse_bad_header

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_GLANCE = 2_000
_ROWS = 32_768  # that are unpacked before they are measured
_NUMBERING = re.compile(r"__index_level_\d+__")


def read_parquet(path: Path, limit: int = bounds.SIZE) -> "pd.DataFrame":
    """Every row of a file; raises DataRejected beyond `limit` bytes, whatever the file says about its own size."""
    import pandas as pd
    import pyarrow as pa

    table = _measured(path, limit)
    # Of a large file each column is let go once it is taken over; of one piece columns would be shared and read-only.
    large = table.num_columns > 0 and table.column(0).num_chunks > 1
    apart = _hardly_repeating(table) if large else []
    order, texts = table.column_names, {name: table.column(name).to_pandas(deduplicate_objects=False) for name in apart}
    table = table.drop_columns(apart)
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True, split_blocks=large, self_destruct=large)
    del table
    if apart:
        frame = pd.DataFrame({name: texts.get(name, frame.get(name)) for name in order}, copy=False)
    pa.default_memory_pool().release_unused()
    frame.index = pd.RangeIndex(len(frame))
    return frame


def _hardly_repeating(table: "pa.Table") -> list[str]:
    """Texts that are mostly different: looking for equal ones would take the memory of all of them once more."""
    glances = {field.name: table.column(field.name)[:_GLANCE] for field in table.schema if _is_text(field.type)}
    return [name for name, glance in glances.items() if len(glance.unique()) > len(glance) / 2]


def _measured(path: Path, limit: int) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    bounds.refuse_size(path.stat().st_size, limit)
    with pq.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
        refuse_bad_header(schema.names)
        bounds.refuse_cells(metadata.num_rows, len(schema.names), limit)
    # A text that is held once and told a million times is measured before it is written out.
    texts = [field.name for field in schema if _is_text(field.type)]
    batches, size = [], 0
    with pq.ParquetFile(path, metadata=metadata, page_checksum_verification=True, read_dictionary=texts) as file:
        for packed in file.iter_batches(batch_size=_ROWS):
            bounds.refuse_size(size + _written_out(packed, texts), limit)
            batch = packed.cast(schema)
            size += batch.nbytes
            bounds.refuse_size(size, limit)
            _refuse_long_fields(packed, texts)
            batches.append(batch)
    # What pandas left about its index is not believed: a column that was one is a column, and its own numbering none.
    numbering = [name for name in schema.names if _NUMBERING.fullmatch(name)]
    return pa.Table.from_batches(batches, schema).replace_schema_metadata(None).drop_columns(numbering)


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    is_ = pa.types
    return any(one(kind) for one in (is_.is_string, is_.is_large_string, is_.is_binary, is_.is_large_binary))


def _written_out(batch: "pa.RecordBatch", texts: Collection[str]) -> int:
    """Bytes of the texts of a batch that are held as dictionaries."""
    import pyarrow.compute as pc

    columns = [batch.column(name) for name in texts]
    return sum(pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0 for column in columns)


def _refuse_long_fields(batch: "pa.RecordBatch", texts: Collection[str]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, name in enumerate(batch.schema.names, 1):
        if name in texts:
            column = batch.column(name)
            binary = pa.types.is_binary(column.type.value_type) or pa.types.is_large_binary(column.type.value_type)
            lengths = pc.binary_length(column.dictionary) if binary else pc.utf8_length(column.dictionary)
            bounds.refuse_field(f"Column {place}", pc.max(lengths.take(column.indices)).as_py() or 0)
