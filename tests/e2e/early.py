"""Scenarios that take minutes: played beside other tests, two at the same time, looked at when their tests come.

The first two begin with the session; more at once would hold up the demo, which most tests wait for. A scenario is
begun only where a test of the session asks for the fixture of its name.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

SCENARIOS = ("demo", "kills", "bikes", "chicago")
"""By the names of their fixtures, in the order in which they begin and their tests come."""
AT_THE_SAME_TIME = 2

PATIENCE = 3000
"""Seconds after which a command of a scenario hangs: it plays beside all other tests, out of reach of their bounds."""

_BEGUN = pytest.StashKey[dict[str, "Future[Any]"]]()
_POOL = pytest.StashKey[ThreadPoolExecutor]()


def begin(session: pytest.Session, scenarios: dict[str, Callable[[], Any]]) -> None:
    """Begin each scenario that a test of the session asks for, as soon as it is its turn."""
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    pool = session.stash[_POOL] = ThreadPoolExecutor(AT_THE_SAME_TIME, thread_name_prefix="scenario")
    session.stash[_BEGUN] = {name: pool.submit(scenarios[name]) for name in SCENARIOS if name in asked}


def end(session: pytest.Session, *, wait: bool) -> None:
    """Begin nothing more; `wait` until what has begun is over."""
    if _POOL in session.stash:
        session.stash[_POOL].shutdown(wait=wait, cancel_futures=True)


def place(item: pytest.Item) -> int:
    """Where a test stands among the others: behind those that need no scenario, and the last that it needs."""
    return max(
        (1 + SCENARIOS.index(name) for name in getattr(item, "fixturenames", ()) if name in SCENARIOS), default=0
    )


def outcome(session: pytest.Session, name: str) -> Any:
    """What a scenario gave, when it is over; raises what it raised."""
    return session.stash[_BEGUN][name].result()


def is_begun(session: pytest.Session, name: str) -> bool:
    """Whether the scenario was begun in this session."""
    return name in session.stash.get(_BEGUN, {})
