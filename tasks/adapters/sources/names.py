"""Names of deliveries that are fetched as files: the file's own name with a mark in it that tells its content."""

import re
from pathlib import Path, PurePosixPath

from tasks.adapters.sources.readable import COMPRESSED

UNFINISHED = (".part", ".tmp", ".crdownload", ".partial")
"""Endings of files that somebody still writes."""
_MARKED = re.compile(r"(.*) \(([0-9a-f]{12})\)((?:\.[A-Za-z0-9]+){0,2})")


def marked(name: str, mark: str) -> str:
    """The name with the first twelve digits of a hexadecimal mark before its ending; plain letters only."""
    plain = re.sub(r"[^\w.()-]+", "_", name, flags=re.ASCII).lstrip(".") or "file"
    suffixes = PurePosixPath(plain).suffixes
    kept = suffixes[-2:] if suffixes and suffixes[-1].lower() in COMPRESSED else suffixes[-1:]
    ending = "".join(kept)
    return f"{plain.removesuffix(ending)} ({mark[:12]}){ending}"


def mark_in(path: Path) -> str | None:
    """The mark in a file's name; None for a file of another kind."""
    found = _MARKED.fullmatch(path.name)
    return found[2] if found else None
