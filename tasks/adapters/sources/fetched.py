"""The inbox of a source that fetches whole files: each is kept byte by byte and named by its content.

Which contents were taken in is known from the names in the store: nothing else has to remember it.
"""

import json
import os
from collections.abc import Collection, Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from tasks.adapters.sources.names import UNFINISHED, mark_in, marked
from tasks.adapters.store.folders import hidden_file, private, sync, writing
from tasks.core.records import read_object

_SEEN = ".seen.json"


def put(inbox: Path, name: str, chunks: Iterable[bytes], taken: Collection[str]) -> str:
    """Write a file into the inbox, whole or not at all, unless its content was taken; and give the delivery's name."""
    digest = sha256()
    with writing(inbox), hidden_file(inbox) as (file, unfinished):
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        delivery = marked(name, digest.hexdigest())
        if delivery not in taken:
            unfinished.replace(inbox / delivery)
            sync(inbox)
    return delivery


def seen(inbox: Path) -> dict[str, Any]:
    """What `note` told last; nothing where it is lost or damaged."""
    try:
        return read_object((inbox / _SEEN).read_bytes())
    except (OSError, ValueError):
        return {}


def note(inbox: Path, told: dict[str, Any]) -> None:
    """Remember what the source said, only to spare fetching: it may be lost at any time."""
    with writing(inbox), hidden_file(inbox) as (file, unfinished):
        file.write(json.dumps(told).encode())
        file.flush()
        os.fsync(file.fileno())
        unfinished.replace(inbox / _SEEN)
        sync(inbox)


def clear(inbox: Path, ingested: Collection[str]) -> None:
    """Drop what is unfinished, damaged or ingested."""
    private(inbox)
    for path in inbox.glob(f".*{UNFINISHED[0]}"):  # one process at a time has the lease to ingest
        path.unlink(missing_ok=True)
    for path in waiting(inbox):
        with path.open("rb") as file:
            whole = file_digest(file, "sha256").hexdigest().startswith(str(mark_in(path)))
        if path.name in ingested or not whole:
            path.unlink(missing_ok=True)


def waiting(inbox: Path) -> list[Path]:
    """What waits, as it was fetched."""
    found = [path for path in inbox.iterdir() if mark_in(path)] if inbox.is_dir() else []
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
