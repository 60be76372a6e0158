"""Files of a folder that lies elsewhere (fsspec: s3://, gs://, memory:// ...), fetched once each into the inbox."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from tasks.adapters.sources import fetched
from tasks.adapters.sources.names import UNFINISHED
from tasks.core.addresses import without_credentials
from tasks.core.errors import ConfigInvalid, KeepfitError, SourceUnavailable

_CHUNK = 1 << 20


def room_of(inbox: Path, *what: str) -> Path:
    """The part of the inbox for this folder: events and labels may both come from one."""
    return inbox / sha256("\n".join(what).encode()).hexdigest()[:12]


def fetch(
    address: str, options: Mapping[str, str], pattern: str, settle: float, inbox: Path, ingested: Collection[str]
) -> None:
    """Fetch each file that is `settle` seconds old and new or changed, byte by byte.

    A file system that tells no times is waited for until a file looks alike in two runs. Raises SourceUnavailable when
    it does not answer or the folder is not there, and ConfigInvalid for an address without a driver.
    """
    fetched.clear(inbox, ingested)
    taken = {*ingested, *(path.name for path in fetched.waiting(inbox))}
    before: Mapping[str, Any] = fetched.seen(inbox).get("files", {})
    now: dict[str, Any] = {}
    unsettled = []
    with _answering(address):
        system, root = _opened(address, options)
        for path in _found(system, root, pattern):
            state, known = system.ukey(path), before.get(path, {})
            now[path] = {"state": state}
            if known.get("state") == state and known.get("name") in taken:
                now[path] = known
            elif not _is_settled(system, path, settle, known.get("state") == state):
                unsettled.append(path.rpartition("/")[2])
            else:
                name = fetched.put(inbox, path.rpartition("/")[2], _chunks(system, path, state), taken)
                taken.add(name)
                now[path] = {"state": state, "name": name}
                fetched.note(inbox, {"files": {**before, **now}, "unsettled": unsettled})
    fetched.note(inbox, {"files": now, "unsettled": unsettled})


def unsettled(inbox: Path) -> tuple[str, ...]:
    """The files that the last fetch left alone."""
    return tuple(fetched.seen(inbox).get("unsettled", ()))


def _opened(address: str, options: Mapping[str, str]) -> tuple[Any, str]:
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise ConfigInvalid(f"source.path needs a driver that is not installed ({error}). Install it.") from None
    except ValueError:
        raise ConfigInvalid(
            f"source.path {without_credentials(address)} is no address that fsspec knows; write s3://bucket/folder."
        ) from None
    system.invalidate_cache()
    if not system.isdir(root):
        told = f"The source folder {without_credentials(address)} does not exist or is empty."
        raise SourceUnavailable(f"{told} Create it, or change source.path.")
    return system, str(root).rstrip("/")


def _found(system: Any, root: str, pattern: str) -> list[str]:
    found = [
        str(path) for path, info in system.glob(f"{root}/{pattern}", detail=True).items() if info["type"] == "file"
    ]
    return sorted(path for path in found if not path.endswith(UNFINISHED))


def _is_settled(system: Any, path: str, settle: float, looks_alike: bool) -> bool:
    try:
        changed = system.modified(path).timestamp()
    except NotImplementedError:
        return looks_alike or not settle
    return bool(time.time() - changed >= settle)


def _chunks(system: Any, path: str, state: str) -> Iterator[bytes]:
    size = 0
    with system.open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            yield chunk
    system.invalidate_cache()
    if size != system.info(path)["size"] or system.ukey(path) != state:
        raise SourceUnavailable(f"The file {path.rpartition('/')[2]} changed while it was fetched. Run again.")


@contextmanager
def _answering(address: str) -> Iterator[None]:
    """Turns what drivers say into our errors, without addresses and secrets."""
    try:
        yield
    except KeepfitError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver raises errors of its own
        raise SourceUnavailable(
            f"The source folder {without_credentials(address)} did not answer ({type(error).__name__}). "
            "Check source.path, source.options and the rights, then run again."
        ) from None
