"""The local folder of one pipeline's store: private folders and files that appear whole or not at all.

What the files mean does not belong here.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import IO
from urllib.parse import unquote, urlsplit

from tasks.core.addresses import without_credentials
from tasks.core.errors import ConfigInvalid, TransientError

LEFT_IN = ("staging", "raw", "cache/evaluated")
"""Where runs write what is hidden until it is whole, or for as long as they need it: a crash leaves it there."""


def is_local(root: str) -> bool:
    """True for a path and for a file:// address."""
    return "://" not in root or root.startswith("file://")


def require_local(root: str, what: str) -> None:
    """Raise ConfigInvalid where the store is no folder of this machine, and `what` would rewrite files in place."""
    if not is_local(root):
        raise ConfigInvalid(
            f"The store {without_credentials(root)} is no folder of this machine, and {what} rewrites files in place. "
            "Take a copy to a folder, do it there, and put it back; the object store's own old versions have to be "
            "removed, too."
        )


def require_plain(root: str, pipeline: str) -> None:
    """Raise ConfigInvalid for names that the parts of the store would read differently.

    deltalake decodes percent signs in plain paths (twice in addresses): it would write to the folder of another name.
    """
    if is_local(root) and re.search("%[0-9A-Fa-f]{2}", str(local_root(root))):
        raise ConfigInvalid(
            f"The store {root!r} cannot be used: its path holds a percent sign and two hexadecimal digits, which table "
            "writers decode. Choose another folder (KEEPFIT_STORE or KEEPFIT_HOME)."
        )
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", pipeline):
        raise ConfigInvalid(
            f"{pipeline!r} cannot name a pipeline's folder; allowed are letters, digits and _ . -, first no dot."
        )


def local_root(root: str) -> Path:
    """Where files of this store live on this machine: the root, or for an object store a private cache folder."""
    if root.startswith("file://"):
        return Path(unquote(urlsplit(root).path))
    if is_local(root):
        return Path(root).absolute()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "keepfit" / sha256(root.encode()).hexdigest()[:16]


def private(folder: Path) -> Path:
    """The folder, created with mode 0700 together with the parents that are missing."""
    missing = [folder, *folder.parents]
    for part in reversed([part for part in missing if not part.exists()]):
        part.mkdir(mode=0o700, exist_ok=True)
    return folder


def sync(path: Path) -> None:
    """Force a file or the entries of a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def hidden_file(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A temporary file in the folder, synced when the block ends and removed when it is still there after that."""
    handle, name = mkstemp(prefix=".", suffix=".part", dir=private(folder))
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Name the folder and the cause when the disk refuses a write (full, read-only, no permission)."""
    try:
        yield
    except OSError as error:
        raise TransientError(
            f"Cannot write below {folder}: {error.strerror or type(error).__name__}. "
            "Free space or correct the permissions, then run again; nothing was half published."
        ) from error


def hidden(folder: Path, older_than: datetime) -> list[Path]:
    """What crashed writers left in the folder (names with a leading dot) and nobody has touched since `older_than`."""
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        try:
            touched = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except FileNotFoundError:
            continue  # its writer has just finished
        if path.name.startswith(".") and touched < older_than:
            found.append(path)
    return found
