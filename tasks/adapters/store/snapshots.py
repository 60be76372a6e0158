"""Snapshots: the labelled rows of a window at pinned table versions, with a digest of their content.

Which windows and moments are asked for is decided elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tasks.adapters.store import reads, tables
from tasks.core.errors import ArtefactMismatch
from tasks.core.privacy.erasure import follow
from tasks.core.results import Snapshot, Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Not content: two stores that ingested the same batches at different moments hold the same rows.
_NOT_CONTENT = "_ingested_at"


def take(pipeline: str, events: str, labels: str, window: Window, as_of: datetime) -> Snapshot:
    """Pin the current versions of the tables at `events` and `labels` (addresses) and digest what they give."""
    newest = [tables.open_table(uri) for uri in (events, labels)]
    versions = [-1 if table is None else int(table.version()) for table in newest]
    pinned = Snapshot(pipeline, versions[0], versions[1], window, as_of, rows=0, digest="")
    rows = rows_of(pinned, events, labels)
    return replace(pinned, rows=rows.num_rows, digest=content_digest(rows))


def read(snapshot: Snapshot, events: str, labels: str, renewed: Callable[[], Mapping[str, str]]) -> "pd.DataFrame":
    """The rows, ordered by (_event_time, _row_id), with the column `label`. Raises ArtefactMismatch if changed.

    `renewed` tells the digests that rows have had since erasures took somebody out of them.
    """
    rows = rows_of(snapshot, events, labels)
    digest = content_digest(rows)
    if digest != snapshot.digest and digest not in follow(snapshot.digest, renewed()):
        raise ArtefactMismatch(
            f"Snapshot {snapshot.window} of {snapshot.pipeline} (events {snapshot.events_version}, labels "
            f"{snapshot.labels_version}) has {rows.num_rows} rows with digest {digest[:12]} and must have "
            f"{snapshot.rows} with {snapshot.digest[:12]}: its files were changed. Restore the store from a backup."
        )
    frame: pd.DataFrame = rows.to_pandas()
    return frame


def content_digest(rows: "pa.Table") -> str:
    """SHA-256 of rows in their order and of columns in the order of their names.

    Files, chunks, encodings and the moment of ingestion have no influence. A missing value differs from every value.
    """
    import numpy as np

    digest = sha256()
    for name in sorted(set(rows.column_names) - {_NOT_CONTENT}):
        column = rows.column(name)
        digest.update(f"{name}\0{column.type}\0{rows.num_rows}\0".encode())
        for chunk in _even_chunks(column):
            digest.update(np.packbits(chunk.is_valid().to_numpy(zero_copy_only=False)).tobytes())
            for part in _parts(chunk):
                digest.update(part)
    return digest.hexdigest()


def rows_of(snapshot: Snapshot, events: str, labels: str) -> "pa.Table":
    """The rows as they stand, whatever their digest."""
    import pyarrow as pa
    import pyarrow.compute as pc

    within = (pc.field("_event_time") >= snapshot.window.start) & (pc.field("_event_time") < snapshot.window.end)
    found = reads.read_arrow(events, where=within, version=snapshot.events_version)
    known = reads.read_arrow(
        labels,
        columns=["_row_id", "label", "known_at", "_batch_id"],
        where=pc.field("known_at") <= snapshot.as_of,
        version=snapshot.labels_version,
    )
    if found is None or known is None:
        return pa.table({})
    found = _last(found, ["_ingested_at", "_batch_id"])
    known = _last(known, ["known_at", "_batch_id"])
    known = known.filter(pc.is_valid(known["label"]))
    places = pc.index_in(found["_row_id"], value_set=known["_row_id"].combine_chunks())
    labelled = pc.is_valid(places)
    label = known["label"].take(places.filter(labelled))
    rows = found.drop_columns(["label"] if "label" in found.column_names else []).filter(labelled)
    return rows.append_column("label", label).sort_by([("_event_time", "ascending"), ("_row_id", "ascending")])


def _last(rows: "pa.Table", by: list[str]) -> "pa.Table":
    """One row per row id: the last by the given columns."""
    import pyarrow.compute as pc

    if pc.count_distinct(rows["_row_id"]).as_py() == rows.num_rows:
        return rows
    ordered = rows.sort_by([(name, "ascending") for name in by if name in rows.column_names])
    ids = ordered["_row_id"].to_pandas()
    return ordered.filter(~ids.duplicated(keep="last").to_numpy())


def _even_chunks(column: Any) -> list[Any]:
    """The column cut every million rows, so that its digest does not depend on how it was chunked."""
    size = 1_000_000
    cuts = (column.slice(start, size) for start in range(0, len(column), size))
    return [cut.combine_chunks() for cut in cuts]


def _parts(chunk: Any) -> list[bytes]:
    """The bytes of the values, with zeros or nothing where a value is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = chunk.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        filled = chunk.cast(pa.large_binary()).fill_null(b"")
        lengths = pc.binary_length(filled).to_numpy(zero_copy_only=False)
        return [lengths.tobytes(), b"".join(filled.to_pylist())]
    if pa.types.is_timestamp(kind):
        chunk = chunk.cast(pa.int64())
    elif pa.types.is_date32(kind):
        chunk = chunk.cast(pa.int32())
    elif pa.types.is_boolean(kind):
        chunk = chunk.cast(pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return [repr(chunk.to_pylist()).encode()]
    return [chunk.fill_null(0).to_numpy(zero_copy_only=False).tobytes()]
