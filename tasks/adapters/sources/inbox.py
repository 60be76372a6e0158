"""The inbox of a source that fetches: files that wait to be ingested, each named by the watermark that it reaches.

Watermarks are times or running numbers. Fetching belongs to the kinds.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.adapters.sources.files import UNFINISHED
from tasks.core.errors import ConfigInvalid

if TYPE_CHECKING:
    import pyarrow as pa

Watermark = int | Decimal | date | datetime | str
_NAME, _SUFFIX, _TEXT = "until ", ".parquet", "text "


def clear(inbox: Path, ingested: Collection[str]) -> None:
    """Make the inbox if it is not there, and drop what has been ingested: the store keeps its own copy."""
    inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in waiting(inbox):
        if path.name in ingested:
            path.unlink(missing_ok=True)


def waiting(inbox: Path) -> list[Path]:
    """What waits, the lowest watermark first."""
    found = ((mark_of(path.name), path) for path in inbox.iterdir()) if inbox.is_dir() else ()
    return [path for _, path in sorted((one for one in found if one[0] is not None), key=lambda one: one[0])]


def last_mark(names: Iterable[str]) -> Any:
    """The highest watermark that these deliveries reached; None when there is none."""
    return max((mark for name in names if (mark := mark_of(name)) is not None), default=None)


def put(inbox: Path, table: "pa.Table", mark: Watermark) -> None:
    """Write a delivery that reaches this watermark, whole or not at all."""
    import pyarrow.parquet as pq

    path = inbox / f"{_NAME}{_text_of(mark)}{_SUFFIX}"
    unfinished = path.with_name(path.name + UNFINISHED[0])
    pq.write_table(table, unfinished, write_page_checksum=True)
    unfinished.chmod(0o600)
    unfinished.replace(path)


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
    """The newest watermark that may be taken, in the type of `one`; None where it is no time."""
    utc = until.astimezone(UTC).replace(tzinfo=None)
    if isinstance(one, datetime):
        return until if one.tzinfo else utc
    if isinstance(one, date):
        return utc.date()
    return utc.isoformat(sep=one[10:11] or "T")[: len(one)] if isinstance(one, str) else None


def checked(found: object, name: str) -> Watermark:
    """A value of the watermark column `name` as a watermark; raises ConfigInvalid for one that has no order."""
    if isinstance(found, str):  # SQLite keeps times as text, which orders them as long as they are written alike
        try:
            datetime.fromisoformat(found)
        except ValueError:
            raise ConfigInvalid(f"source.watermark {name!r} is text and no time. Choose a time or a number.") from None
        return found
    if isinstance(found, int | Decimal | date) and not isinstance(found, bool):
        return found
    raise ConfigInvalid(f"source.watermark {name!r} is a {type(found).__name__}. Choose a time or a running number.")


def _text_of(mark: Watermark) -> str:
    if isinstance(mark, str):
        return _TEXT + mark
    return mark.isoformat() if isinstance(mark, date) else str(mark)
