"""Scenarios that take minutes and mostly wait: begun with the session, looked at when their tests come.

A scenario is begun only where a test of the session asks for the fixture of its name.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

SCENARIOS = ("chicago", "bikes", "demo")
"""By the names of their fixtures, the longest last."""

PATIENCE = 3000
"""Seconds after which a command of a scenario hangs: it plays beside all other tests, out of reach of their bounds."""

_BEGUN = pytest.StashKey[dict[str, "Future[Any]"]]()


def begin(session: pytest.Session, scenarios: dict[str, Callable[[], Any]]) -> None:
    """Begin each scenario that a test of the session asks for, in a thread of its own."""
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    pool = ThreadPoolExecutor(max_workers=max(1, len(scenarios)), thread_name_prefix="scenario")
    session.stash[_BEGUN] = {name: pool.submit(play) for name, play in scenarios.items() if name in asked}


def place(item: pytest.Item) -> int:
    """Where a test stands among the others: behind those that need no scenario, and the longest that it needs."""
    return max(
        (1 + SCENARIOS.index(name) for name in getattr(item, "fixturenames", ()) if name in SCENARIOS), default=0
    )


def outcome(session: pytest.Session, name: str) -> Any:
    """What a scenario gave, when it is over; raises what it raised."""
    return session.stash[_BEGUN][name].result()


def is_begun(session: pytest.Session, name: str) -> bool:
    """Whether the scenario was begun in this session."""
    return name in session.stash.get(_BEGUN, {})
