"""Files: empty, cut off, damaged, packed, in another encoding or format than declared, and things that are no files."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.corpus.case import CANARY, COLUMNS, GOOD, LINES, NO_ROWS, Case, lines, rows, sheet

NAMED = sheet([row | {"zone": "Köln"} for row in rows()]).decode()
BOMB = b"\0" * 8_000_000
SMALL = {"max_size": "1MB"}


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def folder_of_that_name(folder: Path) -> Path:
    """A folder that is called like a delivery."""
    (folder / "delivery.csv").mkdir()
    return folder / "delivery.csv"


def link_out(folder: Path) -> Path:
    """A link to a file that lies elsewhere."""
    secret = folder.parent / "elsewhere.csv"
    secret.write_bytes(GOOD)
    os.utime(secret, (1.7e9, 1.7e9))
    (folder / "delivery.csv").symlink_to(secret)
    return folder / "delivery.csv"


def link_to_nothing(folder: Path) -> Path:
    """A link whose file is gone."""
    (folder / "delivery.csv").symlink_to(folder / "gone.csv")
    return folder / "delivery.csv"


def pipe(folder: Path) -> Path:
    """A named pipe, which would be waited for for ever."""
    os.mkfifo(folder / "delivery.csv")
    return folder / "delivery.csv"


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    yield Case("empty", b"", refused="batch:empty")
    yield Case("header only", LINES[0].encode() + b"\n", refused=NO_ROWS, delivered=0)
    yield Case("cut off inside a field", GOOD[:-8], rows={9: "short:late"}, delivered=10)
    yield Case("cut off inside a quoted field", GOOD[:-3] + b',"b', refused="batch:quotes")
    yield Case("byte order mark", b"\xef\xbb\xbf" + GOOD, typed={"pieces": list(range(1, 11))})
    yield Case("UTF-16", GOOD.decode().encode("utf-16"), refused="batch:encoding")
    yield Case("UTF-16 without a mark", GOOD.decode().encode("utf-16-le"), refused="batch:nul-bytes")
    yield Case(
        "UTF-16, as declared", NAMED.encode("utf-16"), source={"encoding": "utf-16"}, typed={"zone": ["Köln"] * 10}
    )
    yield Case(
        "latin-1 declared as UTF-8", NAMED.encode("latin-1"), refused="batch:encoding", secrets=("Köln", "K\xf6")
    )
    yield Case("UTF-8 declared as cp1252", NAMED.encode(), source={"encoding": "cp1252"}, refused="batch:encoding")
    yield Case(
        "cp1252, as declared", NAMED.encode("cp1252"), source={"encoding": "cp1252"}, typed={"zone": ["Köln"] * 10}
    )
    yield Case("NUL bytes in a field", GOOD.replace(b",b,", b",b\0,", 1), refused="batch:nul-bytes")
    yield Case("NUL bytes at the end", GOOD + b"\0" * 512, refused="batch:nul-bytes")
    yield Case("a picture called csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), refused="batch:format")
    yield Case("a workbook called csv", zipped({"xl/workbook.xml": b"<x/>"}), refused="batch:format")
    yield Case("packed, with an ending that does not say so", gzip.compress(GOOD), refused="batch:format")
    yield Case("plain, with the ending of a packed file", GOOD, file="delivery.csv.gz", refused="batch:damaged")
    for ending, pack in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        yield Case(f"packed {ending}", pack(GOOD), file=f"delivery.csv{ending}", typed={"zone": ["a", "b"] * 5})
        yield Case(f"packed {ending}, cut off", pack(GOOD)[:-20], file=f"delivery.csv{ending}", refused="batch:damaged")
    yield Case(
        "gzip with a wrong sum", _flipped(gzip.compress(GOOD), -6), file="delivery.csv.gz", refused="batch:damaged"
    )
    yield Case("zip", zipped({"a.csv": GOOD}), file="delivery.csv.zip", typed={"zone": ["a", "b"] * 5})
    yield Case(
        "zip with two files", zipped({"a.csv": GOOD, "b.csv": GOOD}), file="delivery.zip", refused="batch:zip-members"
    )
    yield Case("zip with no file", zipped({}), file="delivery.zip", refused="batch:zip-members")
    yield Case(
        "zip with a path out of it",
        zipped({"../../etc/cron.d/x.csv": GOOD}),
        file="delivery.zip",
        refused="batch:zip-path",
        secrets=("cron",),
    )
    yield Case("zip with an absolute path", zipped({"/etc/x.csv": GOOD}), file="delivery.zip", refused="batch:zip-path")
    yield Case("zip with a Windows path", zipped({"C:\\x.csv": GOOD}), file="delivery.zip", refused="batch:zip-path")
    yield Case("zip with a password", _encrypted(), file="delivery.zip", refused="batch:damaged")
    yield Case("zip, cut off", zipped({"a.csv": GOOD})[:-30], file="delivery.zip", refused="batch:damaged")
    yield Case("zip in a zip", zipped({"a.zip": zipped({"a.csv": GOOD})}), file="delivery.zip", refused="batch:format")
    yield Case("zip bomb", zipped({"a.csv": BOMB}), file="delivery.zip", source=SMALL, refused="batch:max-size")
    yield Case(
        "zip bomb that lies about its size", _lying(BOMB), file="delivery.zip", source=SMALL, refused="batch:damaged"
    )
    for ending, pack in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        bomb = pack(LINES[0].encode() + b"\n" + (LINES[1] + "\n").encode() * 60_000)
        yield Case(f"bomb {ending}", bomb, file=f"delivery.csv{ending}", source=SMALL, refused="batch:max-size")
    yield Case("too large a file", lines(LINES[0], *LINES[1:] * 3_000), source=SMALL, refused="batch:max-size")
    yield Case(
        "small on disk, large in memory",
        lines(LINES[0], *["," * (len(COLUMNS) - 1)] * 100),
        source={"max_size": 2_000},
        refused="batch:max-size",
    )
    yield Case("one line without end", b"x" * 4_000_000, refused="batch:line-length", secrets=("xxx",))
    yield Case("one line without end, packed", gzip.compress(BOMB), file="delivery.csv.gz", refused="batch:line-length")
    yield Case(
        "one line without end, of JSON",
        b'{"a": "' + b"x" * 4_000_000,
        file="delivery.jsonl",
        refused="batch:line-length",
    )
    yield Case("a folder", folder_of_that_name, left="file:folder")
    yield Case("a link out of the folder", link_out, left="file:link", secrets=("elsewhere",))
    yield Case("a link to nothing", link_to_nothing, left="file:link")
    yield Case("a named pipe", pipe, left="file:special")
    yield Case("a name twice in a file without header", lines(f"{CANARY}1,{CANARY}1", "x,y"), refused="batch:header")


def _flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 0xFF
    return bytes(changed)


def _encrypted() -> bytes:
    """A zip archive whose one member says that it needs a password."""
    content = bytearray(zipped({"a.csv": GOOD}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def _lying(content: bytes) -> bytes:
    """A zip archive that tells one kilobyte where there are megabytes."""
    packed = bytearray(zipped({"a.csv": content}))
    size = len(content).to_bytes(4, "little")
    for place in (22, packed.index(b"PK\x01\x02") + 24):
        assert packed[place : place + 4] == size
        packed[place : place + 4] = (1000).to_bytes(4, "little")
    return bytes(packed)
