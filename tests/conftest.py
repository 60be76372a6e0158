"""For all tests: shared machines are slow at times, so a property has no time limit per example."""

import os

# Threads of one small fit that wait for each other on a busy machine make it ten times slower. What the end-to-end
# tests start does not inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

from tasks.adapters.processes import collect_garbage_rarely

collect_garbage_rarely()  # as our own processes do
settings.register_profile("keepfit", deadline=None)
settings.load_profile("keepfit")

_LENGTHS = {"chicago": 1, "bikes": 2, "demo": 3}  # of the scenarios that play meanwhile (tests/e2e/early.py), in order


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a long scenario come when it has played: the longest last, and then benchmarks."""

    def order(item: pytest.Item) -> tuple[bool, int]:
        played = (_LENGTHS.get(name, 0) for name in getattr(item, "fixturenames", ()))
        longest = len(_LENGTHS) + 1 if "benchmarks" in item.path.parts else max(played, default=0)
        return "e2e" in item.keywords, longest

    items.sort(key=order)
