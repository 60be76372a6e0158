"""Records on the disk until all of them have come: told apart by id and put in order in bounded memory (SQLite)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tasks.adapters.store.folders import hidden_file, writing
from tasks.core.errors import ConfigInvalid, TransientError

Mark = int | date | datetime
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Spool:
    """Records by id; of one id that comes twice the later mark counts. It knows which walk over the pages saw which."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
            "CREATE TABLE records (id TEXT PRIMARY KEY, place INTEGER NOT NULL, line TEXT, walk INTEGER NOT NULL);"
            "CREATE INDEX places ON records (place, id);"
        )

    def add(self, key: str, mark: Mark, line: str | None, walk: int) -> bool:
        """Keep a record, or without a line that it was seen. True where the walk before saw it with the same mark."""
        place = place_of(mark)
        kept = self._connection.execute("SELECT place, walk FROM records WHERE id = ?", (key,)).fetchone()
        if kept is None:
            self._connection.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (key, place, line, walk))
            return False
        if place > kept[0]:
            update = "UPDATE records SET place = ?, line = ?, walk = ? WHERE id = ?"
            self._connection.execute(update, (place, line, walk, key))
            return False
        self._connection.execute("UPDATE records SET walk = ? WHERE id = ?", (walk, key))
        return bool(place == kept[0] and kept[1] >= walk - 1)

    def saw_more(self, walk: int) -> bool:
        """Whether a walk saw records that no later one did."""
        found = self._connection.execute("SELECT 1 FROM records WHERE walk = ? LIMIT 1", (walk,))
        return found.fetchone() is not None

    def parts(self, rows: int) -> Iterator[tuple[list[str], int]]:
        """Lines in the order of their marks, about `rows` at a time, of one mark together; and the last place."""
        lines: list[str] = []
        last = 0
        in_order = "SELECT place, line FROM records WHERE line IS NOT NULL ORDER BY place, id"
        for place, line in self._connection.execute(in_order):
            if len(lines) >= rows and place != last:
                yield lines, last
                lines = []
            lines.append(line)
            last = place
        if lines:
            yield lines, last


@contextmanager
def spooling(folder: Path) -> Iterator[Spool]:
    """A spool in a hidden file of the folder, gone afterwards. Raises TransientError where the disk refuses."""
    with writing(folder), hidden_file(folder) as (_, path):
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                yield Spool(connection)
        except sqlite3.Error as error:
            raise TransientError(
                f"Cannot write below {folder}: {type(error).__name__}. Free space, then run again."
            ) from None


def place_of(mark: Mark) -> int:
    """A mark as a number of the same order."""
    if isinstance(mark, datetime):
        return (mark - _EPOCH) // timedelta(microseconds=1)
    if isinstance(mark, date):
        return mark.toordinal()
    if not -(2**63) <= mark < 2**63:
        raise ConfigInvalid("source.watermark holds a number of more than 64 bits. Choose a time or a running number.")
    return mark


def mark_at(place: int, like: Mark) -> Mark:
    """The mark of a place, of the type of another one."""
    if isinstance(like, datetime):
        return _EPOCH + timedelta(microseconds=place)
    return date.fromordinal(place) if isinstance(like, date) else place
