"""Results that Prefect stores for us: what is not plain JSON of ours is removed before Prefect reads it.

Prefect reads a stored result by the serializer that the file itself names: pickle, or a function of any module.
"""

import json
import logging
from pathlib import Path
from typing import Any

from tasks.core.errors import TerminalError

_PARTS = {"metadata", "result"}
_CALLS = {"__class__", "__exc_type__"}  # Prefect's JSON imports and calls what these name
_log = logging.getLogger(__name__)


def distrust(key: str) -> None:
    """Remove the stored result of a key unless it is JSON without a name to call; it is then computed again.

    Raises TerminalError where it cannot be removed.
    """
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

    path = Path(PREFECT_LOCAL_STORAGE_PATH.value()) / key
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise TerminalError(f"The stored result {path} cannot be read ({error.strerror}). Remove it.") from None
    if is_plain(content):
        return
    try:
        path.unlink()
    except OSError as error:
        raise TerminalError(
            f"The stored result {path} is none of ours, and cannot be removed ({error.strerror})."
        ) from None
    _log.error("the stored result %s was none of ours: it is removed unread, and computed again", key[:12])


def is_plain(content: bytes) -> bool:
    """Whether a stored result is read by Prefect's JSON with its own settings, and names nothing to call."""
    from prefect.serializers import JSONSerializer

    try:
        record = json.loads(content, object_pairs_hook=_once)
        json.loads(record["result"], object_pairs_hook=_once)
        return set(record) == _PARTS and record["metadata"]["serializer"] == JSONSerializer().model_dump()
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) or _CALLS & set(found):
        raise ValueError("a name stands twice, or is one to call")
    return found
