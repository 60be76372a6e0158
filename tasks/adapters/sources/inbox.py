"""The inbox of a source that fetches: files that wait to be ingested, each named by the watermark that it reaches.

Watermarks are times, running numbers or versions of a table. Fetching belongs to the kinds.
"""

import gzip
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tasks.adapters.sources.names import UNFINISHED
from tasks.adapters.sources.parquet import read_parquet
from tasks.adapters.sources.readable import Readable
from tasks.adapters.sources.versions import Version, version_of
from tasks.adapters.store.folders import hidden_file, private, sync, writing
from tasks.core.errors import ConfigInvalid, SourceUnavailable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Watermark = int | Decimal | date | datetime | str | Version
_NAME, _TEXT, _ROWS, _LINES = "until ", "text ", ".parquet", ".jsonl.gz"
_UNITS = {10: timedelta(days=1), 13: timedelta(hours=1), 16: timedelta(minutes=1)}
"""How long a watermark lasts that is a text of so many letters: 2024-05-01, 2024-05-01 12, 2024-05-01 12:30."""


def clear(inbox: Path, ingested: Collection[str]) -> None:
    """Drop what the source still holds or the store has: unfinished and damaged files, and what was ingested.

    Also what another machine has ingested by now: whatever does not reach beyond the last watermark in the store.
    """
    private(inbox)
    done = last_mark(ingested)
    for path in inbox.glob(f".*{UNFINISHED[0]}"):  # one process at a time has the lease to ingest
        path.unlink(missing_ok=True)
    for path in waiting(inbox):
        if (done is not None and highest([mark_of(path.name), done]) == done) or not is_whole(path):
            path.unlink(missing_ok=True)


def waiting(inbox: Path) -> list[Path]:
    """What waits, the lowest watermark first."""
    found = ((mark_of(path.name), path) for path in inbox.iterdir()) if inbox.is_dir() else ()
    with _alike():
        return [path for _, path in sorted((one for one in found if one[0] is not None), key=lambda one: one[0])]


def last_mark(names: Iterable[str]) -> Any:
    """The highest watermark that these deliveries reached; None when there is none. Raises as `highest` does."""
    return highest(mark for name in names if (mark := mark_of(name)) is not None)


def highest(marks: Iterable[Any]) -> Any:
    """The highest of some watermarks; None when there is none. Raises ConfigInvalid where they are not of one type."""
    with _alike():
        return max(marks, default=None)


def put(inbox: Path, table: "pa.Table", mark: Watermark) -> None:
    """Write a delivery that reaches this watermark, whole or not at all, also when the power fails."""
    put_named(inbox, table, f"{_NAME}{_text_of(mark)}{_ROWS}")


def put_named(inbox: Path, table: "pa.Table", name: str) -> None:
    """The same of a delivery that reaches no watermark."""
    import pyarrow.parquet as pq

    _put(inbox, name, lambda file: pq.write_table(table, file, write_page_checksum=True))


def put_lines(inbox: Path, lines: Iterable[str], mark: Watermark) -> None:
    """The same of JSON lines; packed, so that a file that was cut off is seen."""

    def write(file: IO[bytes]) -> None:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            packed.writelines(f"{line}\n".encode() for line in lines)

    _put(inbox, f"{_NAME}{_text_of(mark)}{_LINES}", write)


def _put(inbox: Path, name: str, write: "Callable[[IO[bytes]], object]") -> None:
    with writing(inbox), hidden_file(inbox) as (file, unfinished):
        write(file)
        file.flush()
        os.fsync(file.fileno())
        unfinished.replace(inbox / name)
        sync(inbox)


def read(path: Path) -> "pd.DataFrame":
    """Every row of a delivery, one index label per row from 0.

    Raises SourceUnavailable for one that is damaged: refused, it would pass for taken in, and its rows be lost.
    """
    try:
        return _frame(path)
    except Exception:  # noqa: BLE001 - whatever the reader says, the answer is: this file is not readable
        raise SourceUnavailable(
            f"The delivery {path.name} is damaged on this machine's disk. Run again: it is fetched anew."
        ) from None


def mark_of(name: str) -> Any:
    """The watermark that a delivery's name tells; None for a name of another kind of source."""
    ending = next((ending for ending in (_ROWS, _LINES) if name.endswith(ending)), None)
    if not name.startswith(_NAME) or ending is None:
        return None
    told = name[len(_NAME) : -len(ending)]
    if told.startswith(_TEXT):
        return told.removeprefix(_TEXT)
    if version := version_of(told):
        return version
    for read in (int, date.fromisoformat, datetime.fromisoformat, Decimal):
        try:
            return read(told)
        except (ValueError, InvalidOperation):
            continue
    return None


def newest_of(one: object, until: datetime) -> Watermark | None:
    """The newest watermark that may be taken, in the type of `one`; None where it is no time.

    Of days, hours and minutes the last that is over: rows may still come to the one that is not.
    """
    utc = until.astimezone(UTC).replace(tzinfo=None)
    if isinstance(one, datetime):
        return until if one.tzinfo else utc
    if isinstance(one, date):
        return (utc - _UNITS[10]).date()
    if not isinstance(one, str):
        return None
    return (utc - _UNITS.get(len(one), timedelta(0))).isoformat(sep=one[10:11] or "T")[: len(one)]


def checked(found: object, name: str) -> Watermark:
    """A value of the watermark column `name` as a watermark; raises ConfigInvalid for one that has no order."""
    if isinstance(found, str):  # SQLite keeps times as text, which orders them as long as they are written alike
        if not re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d.*)?)?)?", found, re.DOTALL):
            raise ConfigInvalid(f"source.watermark {name!r} is text and no time. Choose a time or a number.")
        return found
    if isinstance(found, int | Decimal | date) and not isinstance(found, bool):
        return found
    raise ConfigInvalid(f"source.watermark {name!r} is a {type(found).__name__}. Choose a time or a running number.")


@contextmanager
def _alike() -> Iterator[None]:
    try:
        yield
    except TypeError:
        raise ConfigInvalid(
            "What was taken in of this source reached watermarks of two types: source.watermark is another column now. "
            "Take the earlier one again, or begin a pipeline of another name."
        ) from None


def _frame(path: Path) -> "pd.DataFrame":
    return read_parquet(path) if path.suffix == _ROWS else Readable().read(path)


def is_whole(path: Path) -> bool:
    """Whether a delivery is what was written."""
    try:
        _frame(path)
    except Exception:  # noqa: BLE001 - whatever the reader says: it is not what was written
        return False
    return True


def _text_of(mark: Watermark) -> str:
    if isinstance(mark, str):
        return _TEXT + mark
    return mark.isoformat() if isinstance(mark, date) else str(mark)
