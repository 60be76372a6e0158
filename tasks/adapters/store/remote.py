"""Raw deliveries on an object store (any address that Arrow's file systems know); the local copy is a cache.

Delta tables reach an object store through deltalake itself, so nothing about tables belongs here.
"""

from pathlib import Path
from typing import Any

from tasks.core.errors import ServerUnavailable


def upload(folder: str, file: Path) -> None:
    """Copy a local file to the folder unless an object of that name and size is there. Raises ServerUnavailable."""
    from pyarrow import fs

    try:
        system, base = fs.FileSystem.from_uri(folder)
        target = f"{base}/{file.name}"
        if system.get_file_info(target).size != file.stat().st_size:
            system.create_dir(base, recursive=True)
            fs.copy_files(str(file), target, destination_filesystem=system)
    except OSError as error:
        raise _silent(folder, error) from None


def download(folder: str, digest: str, into: Path) -> None:
    """Copy the objects whose names start with the digest to a local folder. Raises ServerUnavailable."""
    from pyarrow import fs

    try:
        system, base = fs.FileSystem.from_uri(folder)
        found: list[Any] = system.get_file_info(fs.FileSelector(base, allow_not_found=True))
        for entry in found:
            if entry.base_name.startswith(digest):
                hidden = into / f".{entry.base_name}.part"
                fs.copy_files(entry.path, str(hidden), source_filesystem=system)
                hidden.replace(into / entry.base_name)
    except OSError as error:
        raise _silent(folder, error) from None


def _silent(folder: str, error: OSError) -> ServerUnavailable:
    return ServerUnavailable(
        f"The object store did not answer for {folder} ({type(error).__name__}). "
        "Check the address, the credentials and the network, then run again."
    )
