"""Opens a delivery of text, packed or not: its lines, within bounds. What stands in them is not looked at here."""

import codecs
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from tasks.adapters.sources import bounds
from tasks.core.errors import DataRejected

# What begins like this is no text, whatever its name says.
_OTHERS = {
    b"PK\x03\x04": "a zip archive or a workbook", b"PK\x05\x06": "a zip archive", b"\x1f\x8b\x08": "a gzip file",
    b"\xfd7zXZ\0": "an xz file", b"\x28\xb5\x2f\xfd": "a zstd file", b"PAR1\x15": "a Parquet file", b"%PDF-": "a PDF",
    b"ARROW1\0": "an Arrow file", b"\xd0\xcf\x11\xe0": "an old workbook", b"SQLite format 3\0": "a database",
    b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture",
}  # fmt: skip
_LETTERS = ("ä".encode(), "中".encode())  # which an encoding of single bytes reads as two and as three letters
_LONGEST = max(map(len, _OTHERS))


@contextmanager
def opened(path: Path, encoding: str, limit: int, kind: str) -> Iterator[Iterator[str]]:
    """The lines of a delivery, unpacked, with their ends.

    Raises DataRejected for what is no text, for archives of other than one file, and for more than `limit` bytes.
    """
    bounds.refuse_size(path.stat().st_size, limit)
    with _unpacked(path, limit) as packed, io.BufferedReader(_Bounded(packed, limit, encoding)) as raw:
        begins = raw.peek(_LONGEST)[:_LONGEST]
        if told := next((name for sign, name in _OTHERS.items() if begins.startswith(sign)), None):
            raise DataRejected(
                f"The file is not readable as {kind}: it begins like {told}. Check source.format and its ending, or "
                "have it delivered again.",
                "format",
            )
        with io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
            yield _lines(text)


def _lines(text: IO[str]) -> Iterator[str]:
    for number, line in enumerate(iter(partial(text.readline, bounds.LINE), ""), 1):
        if len(line) == bounds.LINE:
            raise DataRejected(
                f"Line {number} is longer than {bounds.LINE:,} characters. {bounds.AGAIN}", "line-length"
            )
        yield line


@contextmanager
def _unpacked(path: Path, limit: int) -> Iterator[IO[bytes]]:
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, limit)) as member:
            yield member
        return
    import fsspec

    with fsspec.filesystem("file").open(str(path), "rb", compression="infer") as raw:
        yield raw


def _only_member(archive: zipfile.ZipFile, limit: int) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise DataRejected(
            f"The archive holds {len(members)} files, and one is allowed. Have them delivered apart.", "zip-members"
        )
    name = members[0].orig_filename
    paths = (PurePosixPath(name), PureWindowsPath(name))
    if any(path.is_absolute() or path.drive or ".." in path.parts for path in paths):
        raise DataRejected(f"The archive's file has a path that leads out of the archive. {bounds.AGAIN}", "zip-path")
    bounds.refuse_size(members[0].file_size, limit)
    return members[0]


class _Bounded(io.RawIOBase):
    """Bytes of another stream, up to a limit.

    Raises UnicodeError at the end of UTF-8 text whose declared encoding is one of single bytes: those read anything,
    and what they make of it is wrong without a word. Text in their own letters is all but never valid UTF-8.
    """

    def __init__(self, packed: IO[bytes], limit: int, encoding: str) -> None:
        self._packed, self._limit, self._seen = packed, limit, 0
        single = all(len(letter.decode(encoding, "replace")) == len(letter) for letter in _LETTERS)
        self._utf8 = codecs.getincrementaldecoder("utf-8")() if single else None
        self._letters = False

    def readable(self) -> bool:
        """It is for reading only."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; raises DataRejected beyond the limit."""
        chunk = self._packed.read(len(buffer))
        self._seen += len(chunk)
        bounds.refuse_size(self._seen, self._limit)
        self._look(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _look(self, chunk: bytes) -> None:
        if self._utf8 is None:
            return
        try:
            self._utf8.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            self._utf8 = None
            return
        self._letters |= not chunk.isascii()
        if not chunk and self._letters:
            raise UnicodeError
