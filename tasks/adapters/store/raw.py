"""Raw deliveries, kept by content before anything parses them: one file per SHA-256, whole or not there at all."""

import os
import re
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from tasks.adapters.store.erasing import ERASED
from tasks.adapters.store.folders import hidden_file, sync, writing
from tasks.core.errors import NotFound, SourceUnavailable

_CHUNK = 1 << 20
_COMPRESSED = {".gz", ".bz2", ".xz", ".zst", ".zip"}


def keep(folder: Path, delivery: Path) -> str:
    """Copy the delivery to `folder/<sha256><suffix>` and give the SHA-256 of exactly the bytes that were copied.

    One read feeds the copy and the hash, so a file that changes meanwhile cannot give a copy with another's name.
    Raises SourceUnavailable when the delivery cannot be read, TransientError when the copy cannot be written.
    """
    digest = sha256()
    with writing(folder), hidden_file(folder) as (copy, temporary):
        for chunk in _chunks(delivery):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
        name = digest.hexdigest()
        if list(folder.glob(f"{name}{ERASED}*")):
            return name  # somebody was erased from this very content: it is known, and does not come back
        # The same content under another suffix keeps its first name; writing it again heals a damaged copy.
        target = next(iter(_kept(folder, name)), folder / f"{name}{_suffix(delivery)}")
        temporary.replace(target)
        sync(folder)
    return name


def path_of(folder: Path, digest: str) -> Path:
    """The kept file. Raises NotFound."""
    found = _kept(folder, digest)
    if not found:
        raise NotFound(f"No raw delivery with SHA-256 {digest} is kept in {folder}; deliver the file again.")
    return found[0]


def _kept(folder: Path, digest: str) -> list[Path]:
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise NotFound(f"{digest!r} is no SHA-256; a raw delivery is named by 64 hexadecimal digits.")
    return sorted(folder.glob(f"{digest}*"))


def _suffix(path: Path) -> str:
    kept = path.suffixes[-2:] if path.suffix.lower() in _COMPRESSED else path.suffixes[-1:]
    suffix = "".join(kept).lower()
    return suffix if re.fullmatch(r"(\.[a-z0-9]{1,10})*", suffix) else ""


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        # Non-blocking, so that a named pipe is refused instead of waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceUnavailable(f"{path} is no regular file; deliver a file, not a folder, pipe or device.")
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise SourceUnavailable(
            f"{path} cannot be read: {error.strerror or type(error).__name__}. Check that it is there and readable."
        ) from None
