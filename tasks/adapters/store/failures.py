"""Our errors for tables that do not answer, or are damaged. Vendors' texts may quote values and are never passed on."""

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.core.errors import ArtefactMismatch, ServerUnavailable


@contextmanager
def reading(uri: str) -> Iterator[None]:
    """Turn what Arrow raises while it reads data files into our errors, without the vendor's text."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise unreadable(uri, error) from None


def unreadable(uri: str, error: Exception, action: str = "read") -> ServerUnavailable | ArtefactMismatch:
    """The error for a table that did not answer: transient on an object store and for a failed write, else terminal."""
    cause = (getattr(error, "strerror", None) or _cause(str(error))) or _what(error)
    if action == "written" or ("://" in uri and not uri.startswith("file://")):
        return ServerUnavailable(
            f"Table {uri} could not be {action} ({cause}). Check space, permissions and network, then run again."
        )
    return damaged(uri, cause)


def damaged(uri: str, what: str, otherwise: str = "") -> ArtefactMismatch:
    """The error for a table of which a file is not what it was; `otherwise`: what helps where there is no backup."""
    again = "" if uri.endswith("/decisions") else ", or ingest again from the raw deliveries beside it"
    return ArtefactMismatch(
        f"Table {uri} could not be read ({what}): a file is missing or damaged. Nothing is decided on what is left. "
        f"Restore the folder from a backup{again}.{otherwise}"
    )


def _what(error: Exception) -> str:
    from deltalake.exceptions import DeltaError

    part = "its log in _delta_log" if isinstance(error, DeltaError) else "a data file"
    return f"{part}, {type(error).__name__}"


def _cause(text: str) -> str:
    causes = ("No space left on device", "Permission denied", "Read-only file system", "No such file or directory")
    return next((cause for cause in causes if cause in text), "")
