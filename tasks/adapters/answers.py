"""The log of online answers on this machine: a line is written before its answer is given, and taken up later.

A server's file is locked while it writes; what a killed one left is taken up like any other. No table is known here.
"""

import fcntl
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from tasks.adapters.store.folders import private, sync
from tasks.core.errors import ServerUnavailable

_GROUP_BYTES = 64_000_000  # of files that are taken up in one commit; this bounds the memory


def folder_of(home: Path, pipeline: str) -> Path:
    """Where the answers of a pipeline stand until they are taken up."""
    return home / "serving" / pipeline / "answers"


class AnswerLog:
    """One server's file. `write` returns when the line survives the end of this process; with `durable`, of the power.

    Raises ServerUnavailable when the line cannot be written whole; then nothing of it stands in the file.
    """

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._open, self._closed = private(folder / "open"), private(folder / "closed")
        self._durable = durable
        self._lock = threading.Lock()
        self._faults: dict[str, str] = {}
        self._path, self._file = self._begin()
        self._size = self._synced = 0

    @property
    def fault(self) -> str:
        """What the disk refused when the log last asked for it; empty: nothing."""
        return "; ".join(tuple(self._faults.values()))

    def write(self, payload: bytes, *, given: bool = True) -> None:
        """Append one line; callers of several threads take turns. What nobody is given is not forced to the disk."""
        line = b"%08x %b\n" % (zlib.crc32(payload), payload)
        with self._lock:
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
                if self._durable and given:
                    os.fdatasync(self._file)
            except OSError as error:
                self._faults["write"] = f"answers cannot be written down: {error.strerror}"
                os.ftruncate(self._file, self._size)
                raise ServerUnavailable(
                    f"The answer could not be written down ({os.strerror(error.errno or 0)}), so it is not given."
                ) from error
            self._size += len(line)
            self._faults.pop("write", None)

    def flush(self) -> None:
        """Force what was written to the disk; called every second. Raises OSError where the disk refuses."""
        with self._lock, self._told("flush", "what was written cannot be forced to the disk"):
            if self._size > self._synced:
                os.fdatasync(self._file)
                self._synced = self._size

    def turn(self) -> None:
        """Close the file, so that it can be taken up, and begin another; an empty one stays.

        Raises OSError where the disk refuses; the file then goes on being written to, and can be turned later.
        """
        with self._lock, self._told("turn", "the log cannot be closed, so that no answer is taken up"):
            if self._size:
                os.fsync(self._file)
                path, file = self._begin()
                try:
                    self._path.rename(self._closed / self._path.name)
                except OSError:
                    os.close(file)
                    path.unlink(missing_ok=True)
                    raise
                os.close(self._file)
                self._path, self._file = path, file
                self._size = self._synced = 0

    def close(self) -> None:
        """Leave nothing open."""
        self.turn()
        with self._lock:
            os.close(self._file)
            self._file = -1  # who writes now gets an error, and nothing into the file that has its number next
            self._path.unlink(missing_ok=True)

    @contextmanager
    def _told(self, step: str, fault: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._faults[step] = f"{fault}: {error.strerror}"
            raise
        self._faults.pop(step, None)

    def _begin(self) -> tuple[Path, int]:
        # Hidden until it is locked: an unlocked one would be taken for that of a server that was killed.
        hidden = self._open / f".{uuid4().hex}.log"
        path = self._open / hidden.name[1:]
        file = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            hidden.rename(path)
            sync(self._open)
        except OSError:
            for left in (hidden, path):
                with suppress(OSError):
                    left.unlink(missing_ok=True)
            os.close(file)
            raise
        return path, file


@contextmanager
def taking(folder: Path) -> Iterator[list[Path]]:
    """Groups of closed files, each with a name that it keeps until it is removed; none while another process takes."""
    if not folder.is_dir():
        yield []
        return
    with (folder / "taking.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield []
            return
        yield _groups(folder)


def _groups(folder: Path) -> list[Path]:
    closed = private(folder / "closed")
    for path in (folder / "open").glob("[!.]*.log"):
        if _is_left(path):
            path.rename(closed / path.name)
    for begun in folder.glob(".group-*"):
        begun.rename(folder / begun.name[1:])
    waiting = sorted(closed.glob("*.log"))
    while waiting:
        name, size = f"group-{uuid4().hex}", 0
        hidden = private(folder / f".{name}")
        while waiting and size < _GROUP_BYTES:
            path = waiting.pop()
            size += path.stat().st_size
            path.rename(hidden / path.name)
        hidden.rename(folder / name)
    sync(folder)
    return sorted(folder.glob("group-*"))


def _is_left(path: Path) -> bool:
    """Whether no living process writes to the file: the kernel drops a lock with its process."""
    with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return True
    return False


def lines_of(group: Path) -> tuple[list[bytes], int]:
    """The payloads of a group's files, and how many lines were damaged.

    The end of a file without a line break is no damage: its server was killed while it wrote, and gave no answer.
    """
    whole, damaged = [], 0
    for path in sorted(group.glob("*.log")):
        *lines, _ = path.read_bytes().split(b"\n")
        for line in lines:
            payload = line[9:]
            if line[:9] == b"%08x " % zlib.crc32(payload):
                whole.append(payload)
            else:
                damaged += 1
    return whole, damaged


def drop_damaged(folder: Path, holds: Callable[[Path], bool]) -> None:
    """Remove the damaged files of which `holds` is true: their whole lines stand in the tables."""
    for path in sorted((folder / "damaged").glob("*/*.log")):
        if holds(path):
            path.unlink()


def drop(group: Path, *, keep: bool) -> None:
    """Remove a group whose lines stand in the tables, or set it aside where some of them could not be read."""
    if keep:
        group.rename(private(group.parent / "damaged") / group.name)
        return
    for path in group.glob("*.log"):
        path.unlink()
    group.rmdir()
