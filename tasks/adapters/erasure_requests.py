"""What an erasure that is not over has to know, in the private store: whom it is about, and the plan of it.

Both are gone when it ends. No server is told of them.
"""

from collections.abc import Callable
from pathlib import Path

from tasks.adapters.faults import fault_point
from tasks.adapters.store import Store, erasing, folders
from tasks.core.errors import ArtefactMismatch, ConfigInvalid
from tasks.core.privacy.erasure import Plan


def request(store: Store, digest: str, subject: str) -> None:
    """Write down whom an erasure is about, in the private store, so that no server is told. Raises ConfigInvalid."""
    folders.require_local(store.root, "an erasure")
    path = folders.private(store.folder / erasing.REQUESTS) / f"{digest}.request"
    path.write_text(subject, encoding="utf-8")


def requested(store: Store, digest: str) -> str:
    """Whom an erasure is about. Raises ConfigInvalid where nobody asked for it."""
    try:
        return (store.folder / erasing.REQUESTS / f"{digest}.request").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigInvalid(f"Nobody asked for the erasure {digest}, or it is over; run `keepfit erase`.") from None
    except ValueError:
        raise ConfigInvalid(f"Whom the erasure {digest} is about cannot be read; run `keepfit erase` again.") from None


def forget(store: Store, digest: str) -> None:
    """Drop the plan and the request: the erasure is over."""
    for ending in ("plan", "request"):
        (store.folder / erasing.REQUESTS / f"{digest}.{ending}").unlink(missing_ok=True)


def planned(store: Store, digest: str, make: Callable[[], Plan]) -> Plan:
    """The plan, written down first; that of a run that was cut off stands, with what came since."""
    path = store.folder / erasing.REQUESTS / f"{digest}.plan"
    plan = make()
    if path.is_file():
        plan = _kept(path).and_since(plan)
    with folders.hidden_file(path.parent) as (file, unfinished):
        file.write(plan.as_text().encode())
        file.flush()
        unfinished.replace(path)
    folders.sync(path.parent)
    fault_point("erasure.planned")
    return plan


def _kept(path: Path) -> Plan:
    try:
        return Plan.read(path.read_bytes())
    except ValueError:
        # It may name rows that are found by it alone, because what led to them is erased already.
        raise ArtefactMismatch(
            f"The plan of an erasure that was cut off, {path}, is damaged. Restore it from a backup, then erase again; "
            "without one delete it, erase again, and look for traces that are left."
        ) from None
