"""The inbox of a source that fetches: files that wait to be ingested, each named by the watermark that it reaches.

Watermarks are times or running numbers. Fetching belongs to the kinds.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.adapters.sources.files import UNFINISHED
from tasks.adapters.sources.parquet import read_parquet
from tasks.adapters.store.folders import hidden_file, private, sync, writing
from tasks.core.errors import ConfigInvalid

if TYPE_CHECKING:
    import pyarrow as pa

Watermark = int | Decimal | date | datetime | str
_NAME, _SUFFIX, _TEXT = "until ", ".parquet", "text "
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
        if (done is not None and highest([mark_of(path.name), done]) == done) or not _is_whole(path):
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
    import pyarrow.parquet as pq

    with writing(inbox), hidden_file(inbox) as (file, unfinished):
        pq.write_table(table, file, write_page_checksum=True)
        file.flush()
        os.fsync(file.fileno())
        unfinished.replace(inbox / f"{_NAME}{_text_of(mark)}{_SUFFIX}")
        sync(inbox)


def mark_of(name: str) -> Any:
    """The watermark that a delivery's name tells; None for a name of another kind of source."""
    if not (name.startswith(_NAME) and name.endswith(_SUFFIX)):
        return None
    told = name[len(_NAME) : -len(_SUFFIX)]
    if told.startswith(_TEXT):
        return told.removeprefix(_TEXT)
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


def _is_whole(path: Path) -> bool:
    try:
        read_parquet(path)
    except Exception:  # noqa: BLE001 - whatever the reader says: it is not what was written
        return False
    return True


def _text_of(mark: Watermark) -> str:
    if isinstance(mark, str):
        return _TEXT + mark
    return mark.isoformat() if isinstance(mark, date) else str(mark)
