"""Takes rows out of every file of a store, of old versions as of new ones, so that no byte of them is left.

Delta's own delete and vacuum would take the old versions along, which snapshots of models name for ever; and the log
would keep the smallest and largest values of each file. So files and log are rewritten in place.
"""

import bz2
import gzip
import json
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tasks.adapters.store import tables
from tasks.adapters.store.folders import hidden_file, sync, writing
from tasks.core.errors import ArtefactMismatch
from tasks.core.joins import is_joined
from tasks.core.privacy.erasure import Traces

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ERASED, REQUESTS = ".erased", "erasing"
Doomed = Callable[["pa.Table"], Any]
"""Of some rows: a mask (NumPy, true or false) of those that have to go."""


def table_folders(store: Path) -> list[Path]:
    """The folders of all Delta tables of a pipeline."""
    return sorted(path.parent for path in store.glob("*/_delta_log"))


def joined_tables(store: Path) -> list[str]:
    """The tables of rows that are joined to events."""
    return [folder.name for folder in table_folders(store) if is_joined(folder.name)]


def rewrite(table: Path, doomed: Doomed) -> int:
    """Take the rows out of every file of a table, whether or not a version still names it, and out of its log.

    Safe to kill and to repeat. Gives the number of rows that went, counted once per file. Raises ArtefactMismatch for a
    log with gaps.
    """
    gone = sum(_without(path, doomed) for path in sorted(table.rglob("*.parquet")) if "_delta_log" not in path.parts)
    _rewrite_log(table)
    return gone


def _without(path: Path, doomed: Doomed) -> int:
    import pyarrow.parquet as pq

    rows = pq.ParquetFile(path).read()
    mask = doomed(rows)
    if not mask.any():
        return 0
    _put(path, lambda file: pq.write_table(rows.filter(~mask), file, compression="zstd"))
    return int(mask.sum())


def _rewrite_log(table: Path) -> None:
    import pyarrow.parquet as pq

    log = table / "_delta_log"
    commits = sorted(log.glob("[0-9]*.json"))
    if [int(path.stem) for path in commits] != list(range(len(commits))):
        raise ArtefactMismatch(f"The log of table {table} has gaps. Restore it from a backup, then erase.")
    changed = False
    for commit in commits:
        actions = [json.loads(line) for line in commit.read_text("utf-8").splitlines() if line]
        added = [action["add"] for action in actions if "add" in action]
        stale = [a for a in added if (table / a["path"]).is_file() and (table / a["path"]).stat().st_size != a["size"]]
        for action in stale:
            file = table / action["path"]
            # The smallest and largest values of a file are somebody's; what is left of them would be a trace.
            count = pq.ParquetFile(file).metadata.num_rows
            action |= {"size": file.stat().st_size, "stats": json.dumps({"numRecords": count})}
        if stale:
            changed = True
            lines = (json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
            _put(commit, partial(_write, content="".join(lines).encode()))
    checkpoints = [*log.glob("*checkpoint*"), *log.glob("*.crc")]
    if changed or not (log / "_last_checkpoint").exists():
        for path in checkpoints:  # they repeat the log: made anew from it
            path.unlink(missing_ok=True)
        if (opened := tables.open_table(str(table))) is not None:
            opened.create_checkpoint()


def redact(folder: Path, digest: str, rows: "pd.DataFrame | None", numbers: tuple[int, ...]) -> None:
    """Put a copy without these rows in the place of a kept delivery; its hash stays its name, so it stays known.

    The rows stay as empty ones, so that every other row keeps its number. `rows` of None leaves an empty file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = folder / f"{digest}{ERASED}{'' if rows is None else '.parquet'}"
    if rows is None:
        _put(target, partial(_write, content=b""))
    else:
        left = rows.astype(object).where(rows.notna(), None)
        left.loc[left.index.isin(numbers)] = None
        texts = pa.table({str(name): pa.array(left[name], type=pa.string()) for name in left.columns})
        _put(target, lambda file: pq.write_table(texts, file, write_page_checksum=True))
    for path in folder.glob(f"{digest}*"):
        if path != target:
            path.unlink(missing_ok=True)
    sync(folder)


def _put(path: Path, write: Callable[[Any], object]) -> None:
    with writing(path.parent), hidden_file(path.parent) as (file, unfinished):
        write(file)
        file.flush()
        os.fsync(file.fileno())
        unfinished.replace(path)
        sync(path.parent)


def _write(file: IO[bytes], content: bytes) -> None:
    file.write(content)


def traces_left(store: Path, traces: Traces) -> list[str]:
    """The files of a store in whose bytes, unpacked, a person can still be found; tables are read value by value."""
    found = []
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        if path.relative_to(store).parts[0] == REQUESTS:
            continue
        if holds(path, traces) or _in_columns(path, traces):
            found.append(str(path.relative_to(store)))
    return found


def holds(path: Path, traces: Traces) -> bool:
    """Whether a person can be found in the bytes of a file, as they are or unpacked."""
    return any(traces.found_in(content) for content in _contents(path))


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw
    openers = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
    for magic, unpack in openers.items():
        if raw.startswith(magic):
            yield unpack(raw)
    if zipfile.is_zipfile(BytesIO(raw)):
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def _in_columns(path: Path, traces: Traces) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.read_bytes()[:4] != b"PAR1":
        return False
    rows = pq.ParquetFile(path).read()
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_nested(kind):  # a checkpoint repeats the log, with the values that it tells of each file
            if traces.found_in("\n".join(map(str, column.to_pylist())).encode("utf-8", "replace")):
                return True
            continue
        if name not in traces.columns and kind not in {pa.string(), pa.large_string()}:
            continue
        texts = {str(value) for value in column.unique().to_pylist() if value is not None}
        if not texts.isdisjoint(traces.row_ids) or any(traces.mentioned(text, name) for text in texts):
            return True
    return False
