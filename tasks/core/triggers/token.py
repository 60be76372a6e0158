"""The token of a breach: what makes it one breach, so that it starts one retraining."""

import hashlib
import json
from datetime import UTC

from tasks.core.errors import DataRejected
from tasks.core.results import Window


def fire_token(pipeline: str, champion_version: int | str | None, window: Window, signal: str) -> str:
    """SHA-256 (hex) of what makes a breach one breach: the same four give the same token in every process, for ever.

    The version counts as text, because the registry returns either type. Raises DataRejected on a window without zone.
    """
    if window.start.tzinfo is None or window.end.tzinfo is None:
        raise DataRejected(f"the window {window} has no time zone; windows are UTC-aware")
    version = None if champion_version is None else str(champion_version)
    edges = [edge.astimezone(UTC).isoformat() for edge in (window.start, window.end)]
    return hashlib.sha256(json.dumps([pipeline, version, *edges, signal]).encode()).hexdigest()
