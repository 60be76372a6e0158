"""Parquet: every row with its own types, page checksums held, and no more unpacked than the source allows."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapters.sources import bounds
from tasks.adapters.sources.delimited import refuse_bad_header

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

_ROWS = 131_072  # that are unpacked before they are measured
_NUMBERING = re.compile(r"__index_level_\d+__")


def read_parquet(path: Path, limit: int = bounds.SIZE) -> "pd.DataFrame":
    """Every row of a file; raises DataRejected beyond `limit` bytes, whatever the file says about its own size.

    In a large file texts that repeat are categories: each different one is held, and looked at, once.
    """
    import pandas as pd
    import pyarrow as pa

    table, reals, order = _measured(path, limit)
    # Of a large file each column is let go once it is taken over; of one piece columns would be shared and read-only.
    large = table.num_columns > 0 and table.column(0).num_chunks > 1
    # Texts that are no categories are mostly different: looking for equal ones would take the memory of all once more.
    apart = [field.name for field in table.schema if large and _is_text(field.type)]
    columns = reals | {name: table.column(name).to_pandas(deduplicate_objects=False) for name in apart}
    table = table.drop_columns(apart)
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True, split_blocks=large, self_destruct=large)
    del table
    if columns:
        frame = pd.DataFrame({name: columns.get(name, frame.get(name)) for name in order}, copy=False)
    pa.default_memory_pool().release_unused()
    frame.index = pd.RangeIndex(len(frame))
    return frame


def _measured(path: Path, limit: int) -> "tuple[pa.Table, dict[str, NDArray[np.float64]], list[str]]":
    """The columns of a file, real numbers of a large one apart from the others, and the names of all in their order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    bounds.refuse_size(path.stat().st_size, limit)
    with pq.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
        refuse_bad_header(schema.names)
        bounds.refuse_cells(metadata.num_rows, len(schema.names), limit)
    # A text that is held once and told a million times is measured before it is written out.
    texts = [field.name for field in schema if _is_text(field.type)]
    large = metadata.num_rows > _ROWS
    # Real numbers are taken over at once: Arrow would hold them until the end, beside what is made of them.
    kinds = {field.name: field.type for field in schema}
    reals = {name: np.empty(metadata.num_rows) for name, kind in kinds.items() if large and kind == pa.float64()}
    batches: list[pa.RecordBatch] = []
    size, rows, target = 0, 0, schema
    kept = {"metadata": metadata, "page_checksum_verification": True, "read_dictionary": texts}
    with pq.ParquetFile(path, pre_buffer=False, **kept) as file:
        for packed in file.iter_batches(batch_size=_ROWS):
            told = _written_out(packed, texts)
            bounds.refuse_size(size + sum(told.values()), limit)
            target = _with_categories(schema, packed) if large and not batches else target
            batch = packed.cast(target)
            size += batch.nbytes + sum(told[name] for name in texts if target.field(name).type != kinds[name])
            bounds.refuse_size(size, limit)
            _refuse_long_fields(packed, texts)
            for name, column in reals.items():
                column[rows : rows + len(batch)] = batch.column(name).to_numpy(zero_copy_only=False)
            rows += len(batch)
            batches.append(batch.drop_columns(list(reals)))
    target = pa.schema([field for field in target if field.name not in reals])
    table = pa.Table.from_batches(batches, target).unify_dictionaries()
    # What pandas left about its index is not believed: a column that was one is a column, and its own numbering none.
    order = [name for name in schema.names if not _NUMBERING.fullmatch(name)]
    reals = {name: column[:rows] for name, column in reals.items() if name in order}
    return table.select([name for name in order if name not in reals]), reals, order


def _with_categories(schema: "pa.Schema", first: "pa.RecordBatch") -> "pa.Schema":
    """The schema with the texts as dictionaries that repeat in the first rows."""
    import pyarrow as pa

    for place, field in enumerate(schema):
        column = first.column(place)
        if field.type in (pa.string(), pa.large_string()) and 2 * len(column.dictionary) <= len(column):
            schema = schema.set(place, field.with_type(column.type))
    return schema


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    is_ = pa.types
    return any(one(kind) for one in (is_.is_string, is_.is_large_string, is_.is_binary, is_.is_large_binary))


def _written_out(batch: "pa.RecordBatch", texts: Collection[str]) -> dict[str, int]:
    """Bytes of the texts of a batch, by column, that are held as dictionaries."""
    import pyarrow.compute as pc

    columns = {name: batch.column(name) for name in texts}
    return {
        name: pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
        for name, column in columns.items()
    }


def _refuse_long_fields(batch: "pa.RecordBatch", texts: Collection[str]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, name in enumerate(batch.schema.names, 1):
        if name in texts:
            column = batch.column(name)
            binary = pa.types.is_binary(column.type.value_type) or pa.types.is_large_binary(column.type.value_type)
            lengths = pc.binary_length(column.dictionary) if binary else pc.utf8_length(column.dictionary)
            bounds.refuse_field(f"Column {place}", pc.max(lengths.take(column.indices)).as_py() or 0)
