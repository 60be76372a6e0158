"""The store of one pipeline: Delta tables, raw deliveries, staged batches, snapshots and a cache.

This file is its whole surface; how each part works stands in the modules beside it.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapters.store import adopting, folders, raw, reads, remote, removing, snapshots, staging, tables
from tasks.adapters.stored_rows import Stored
from tasks.core.results import Snapshot, Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc


@dataclass(frozen=True)
class Store:
    """`root` is a local path or an address (s3://..., gs://..., file://...); `pipeline` names the folder below it.

    On an object store tables and raw deliveries live there; staging and cache live in a private folder of this machine,
    which may be lost at any time: the delivery is then ingested again, and what was published stays published once.
    """

    root: str
    pipeline: str

    def __post_init__(self) -> None:
        folders.require_plain(self.root, self.pipeline)

    def append(
        self, table: str, frame: "pd.DataFrame | pa.Table", transaction: str, schema: "pa.Schema | None" = None
    ) -> bool:
        """Append the rows once. False: this transaction was committed before and nothing is written.

        New columns widen the table; `schema` gives types to columns that have no values yet. Times are stored in UTC
        microseconds. Raises DataRejected (never naming a value) when rows do not fit, StoreConflict, ServerUnavailable.
        """
        folders.private(self.folder)
        return tables.append(self.uri(table), frame, transaction, schema)

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: "pc.Expression | None" = None,
        version: int | None = None,
    ) -> "pd.DataFrame":
        """The rows that pass the filter, in no promised order; without rows and types when there is no table.

        Raises NotFound for an unknown version or column.
        """
        import pandas as pd

        rows = reads.read_arrow(self.uri(table), columns, where, version)
        return pd.DataFrame(columns=list(columns or [])) if rows is None else rows.to_pandas()

    def scan(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: "pc.Expression | None" = None,
        version: int | None = None,
    ) -> "Iterator[pa.RecordBatch]":
        """The same rows, streamed in batches of at most 65 536 rows in bounded memory."""
        yield from reads.scan(self.uri(table), columns, where, version)

    def version(self, table: str) -> int:
        """The newest version of a table; -1 when there is none."""
        opened = tables.open_table(self.uri(table))
        return -1 if opened is None else int(opened.version())

    def rows(self, table: str) -> int:
        """The number of rows, from the table's own statistics; 0 when there is no table."""
        opened = tables.open_table(self.uri(table))
        return 0 if opened is None else int(opened.count())

    def exists(self, table: str) -> bool:
        """Whether the table was ever created."""
        return tables.open_table(self.uri(table)) is not None

    def committed(self, table: str, transaction: str) -> bool:
        """Whether this transaction stands in the table."""
        opened = tables.open_table(self.uri(table))
        return opened is not None and opened.transaction_version(transaction) is not None

    def compact(self, table: str) -> int:
        """Merge small files; versions, snapshots and transactions stay valid. Gives the number of files merged."""
        return tables.compact(self.uri(table))

    def keep_raw(self, path: Path) -> str:
        """Keep a copy of a delivery by its content and give its SHA-256. Raises SourceUnavailable, TransientError."""
        digest = raw.keep(self.folder / "raw", path)
        if not folders.is_local(self.root):
            remote.upload(self.uri("raw"), raw.path_of(self.folder / "raw", digest))
        return digest

    def raw_path(self, sha256: str) -> Path:
        """The kept copy on this machine. Raises NotFound."""
        folder = self.folder / "raw"
        if not folders.is_local(self.root) and not list(folder.glob(f"{sha256}*")):
            remote.download(self.uri("raw"), sha256, folders.private(folder))
        return raw.path_of(folder, sha256)

    def stage(self, batch_id: str, tables: "Mapping[str, pd.DataFrame | pa.Table]") -> None:
        """Write the tables of a batch aside, all or none. A batch that is staged already keeps its first stage."""
        folders.private(self.folder)
        staging.write(self._staging, batch_id, tables)

    def publish(self, batch_id: str, before_each: Callable[[str], None] | None = None) -> None:
        """Append the staged tables (labels, quarantine, events, others, batches), each once, then drop the stage.

        The rows that a staged table `superseded` names leave their tables; old versions and snapshots keep them.
        Safe to repeat after a crash anywhere; `before_each` is called with each table's name before its append, and
        what it raises stops the publication there. Raises NotFound, ArtefactMismatch, and what `append` raises.
        """
        staging.publish(
            self._staging,
            batch_id,
            append=lambda table, staged: self._put(table, staged, batch_id),
            is_published=lambda: self.committed(staging.CLOSING, batch_id),
            before_each=before_each,
        )

    def take_out(self, rows: "pa.Table") -> int:
        """Take superseded rows (`of_batch`, `_row_id`) out of events, labels and predictions; safe to repeat."""
        return sum(removing.take_out(self.uri(name), rows) for name in staging.REPLACEABLE)

    def _put(self, table: str, staged: staging.Staged, batch_id: str) -> None:
        adopted = None
        if folders.is_local(self.root):
            adopted = adopting.adopt(self.uri(table), staged.path, staged.sha256, batch_id)
        if adopted is None:
            self.append(table, staged.read(), batch_id)
        if table == staging.SUPERSEDED:
            self.take_out(staged.read())

    def staged(self) -> list[str]:
        """Batches that are staged whole and wait for publication."""
        return staging.staged(self._staging)

    def staging_leftovers(self, older_than: datetime) -> list[str]:
        """Half-written files and folders of crashed runs, untouched since `older_than`, as paths below the store."""
        found = [path for part in folders.LEFT_IN for path in folders.hidden(self.folder / part, older_than)]
        return [str(path.relative_to(self.folder)) for path in found]

    def drop_leftovers(self, older_than: datetime) -> list[str]:
        """Remove what `staging_leftovers` names, and name it."""
        names = self.staging_leftovers(older_than)
        for path in (self.folder / name for name in names):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        return names

    def snapshot(self, window: Window, as_of: datetime) -> Snapshot:
        """Pin the labelled rows of a window of event time, with the last label known at `as_of`."""
        return snapshots.take(self.pipeline, self.uri("events"), self.uri("labels"), window, as_of)

    def read_snapshot(self, snapshot: Snapshot) -> "pd.DataFrame":
        """Exactly the rows that were pinned, by (_event_time, _row_id), with `label`. Raises ArtefactMismatch."""
        return snapshots.read(snapshot, self.uri("events"), self.uri("labels"), self._renewed)

    def erased(self, kind: str) -> "pd.DataFrame":
        """What erasures took away: of the kind `rows` by batch (`name`) and table (`part`), or digests of snapshots."""
        import pyarrow.compute as pc

        return self.read("erasures", ["name", "part", "rows"], pc.field("kind") == kind)

    @property
    def folder(self) -> Path:
        """The pipeline's folder on this machine."""
        return folders.local_root(self.root) / self.pipeline

    def _renewed(self) -> dict[str, str]:
        return dict(self.erased("snapshot")[["name", "part"]].itertuples(index=False, name=None))

    def cache_path(self, *parts: str) -> Path:
        """A path below cache/ on this machine; its folder exists. Whatever stands there may be deleted at any time."""
        path = self.folder.joinpath("cache", *parts)
        folders.private(path.parent)
        return path

    def stored(self, table: str) -> Stored | None:
        """The table's rows as they lie in its files, None without a table; raises as `read` does."""
        return reads.stored(self.uri(table))

    def uri(self, table: str) -> str:
        """The address of a table."""
        if folders.is_local(self.root):
            return str(self.folder / table)
        return f"{self.root.rstrip('/')}/{self.pipeline}/{table}"

    @property
    def _staging(self) -> Path:
        return self.folder / "staging"
