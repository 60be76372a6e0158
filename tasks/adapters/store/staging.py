"""Staging: a batch's tables are written aside, whole or not at all, and then published table by table.

A publication that was cut off anywhere is published again: what is committed stays, what is missing follows.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapters.store import pieces
from tasks.adapters.store.folders import private, sync, writing
from tasks.core.errors import ArtefactMismatch, ConfigInvalid, NotFound
from tasks.core.records import read_object

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CLOSING = "batches"
SUPERSEDED = "superseded"
REPLACEABLE = ("events", "labels", "predictions")
_FIRST = ("labels", "quarantine", "events")
_MANIFEST = "manifest.json"
_AT_ONCE = 2  # tables that are written


@dataclass(frozen=True)
class Staged:
    """A staged table: its file, and the SHA-256 of what was written to it."""

    path: Path
    sha256: str

    def check(self) -> None:
        """Raise ArtefactMismatch for a file that changed on the disk."""
        if _sum(self.path) != self.sha256:
            raise _damaged(self.path, self.path.parent.name)

    def read(self) -> "pa.Table":
        """All its rows."""
        import pyarrow.parquet as pq

        return pq.read_table(self.path, page_checksum_verification=True)


def write(folder: Path, batch_id: str, tables: "Mapping[str, pd.DataFrame | pa.Table]") -> None:
    """Stage the tables: a hidden folder is filled, synced and renamed.

    An earlier stage of the same batch stands, since parts of it may be published already. Raises ConfigInvalid without
    a `batches` table, which closes a publication.
    """
    final = stage_folder(folder, batch_id)
    if CLOSING not in tables:
        raise ConfigInvalid(f"Batch {batch_id} has no table {CLOSING!r}; stage its row there with the others.")
    with writing(folder):
        temporary = Path(tempfile.mkdtemp(prefix=f".{batch_id}.", dir=private(folder)))
        try:
            paths = [temporary / f"{name}.parquet" for name in tables]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                sums = dict(zip(tables, pool.map(_write_table, paths, tables.values()), strict=True))
            (temporary / _MANIFEST).write_text(json.dumps(sums, sort_keys=True))
            sync(temporary / _MANIFEST)
            sync(temporary)
            if not final.exists():
                _rename(temporary, final)
            sync(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def publish(
    folder: Path,
    batch_id: str,
    append: "Callable[[str, Staged], object]",
    is_published: Callable[[], bool],
    before_each: Callable[[str], None] | None = None,
) -> None:
    """Append each staged table in order (labels, quarantine, events, others by name, batches), then drop the stage.

    Nothing happens when the batch was published before. Raises NotFound for a batch that nobody staged and
    ArtefactMismatch for staged files that changed on the disk.
    """
    final = stage_folder(folder, batch_id)
    try:
        sums = _manifest(final)
        files = {table: Staged(final / f"{table}.parquet", sums[table]) for table in in_order(sums)}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(Staged.check, files.values()))
        for table, rows in files.items():
            if before_each is not None:
                before_each(table)
            append(table, rows)
    except FileNotFoundError:
        if is_published():
            return  # another process published it and dropped the stage under our feet, or did so long ago
        raise NotFound(f"Batch {batch_id} is neither staged nor published; ingest its delivery again.") from None
    drop(final)


def drop(final: Path) -> None:
    """Remove a stage: it is hidden by one rename first, so that a half-removed stage is never taken for a whole one."""
    doomed = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        final.rename(doomed / "done")
    except FileNotFoundError:
        pass  # another process dropped it
    finally:
        shutil.rmtree(doomed, ignore_errors=True)


def staged(folder: Path) -> list[str]:
    """Batches that are staged whole and wait for publication."""
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []


def in_order(tables: Iterable[str]) -> list[str]:
    """The order of publication. `batches` closes it: a batch that stands there is published whole."""
    rank = {name: place for place, name in enumerate(_FIRST)} | {CLOSING: len(_FIRST) + 1}
    return sorted(tables, key=lambda name: (rank.get(name, len(_FIRST)), name))


def stage_folder(folder: Path, batch_id: str) -> Path:
    """Where a batch is staged. Raises ConfigInvalid for an id that is no plain file name."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,199}", batch_id):
        raise ConfigInvalid(
            f"{batch_id!r} cannot name a batch; allowed are up to 200 letters, digits and _ . = -, first no dot."
        )
    return folder / batch_id


def _rename(temporary: Path, final: Path) -> None:
    try:
        temporary.rename(final)
    except OSError:
        if not final.is_dir():  # a folder that is there: another process staged the same batch first
            raise


def _manifest(final: Path) -> dict[str, str]:
    try:
        sums = read_object((final / _MANIFEST).read_bytes())
        if CLOSING in sums:
            return sums
    except ValueError:
        pass
    raise _damaged(final / _MANIFEST, final.name)


def _write_table(path: Path, table: "pd.DataFrame | pa.Table") -> str:
    pieces.write(path, table)
    sync(path)
    return _sum(path)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, batch_id: str) -> ArtefactMismatch:
    return ArtefactMismatch(
        f"The staged file {path} is damaged: it is not what was written. "
        f"Delete that folder and ingest again; the raw delivery of batch {batch_id} is kept."
    )
