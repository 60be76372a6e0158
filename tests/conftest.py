"""For all tests: shared machines are slow at times, so a property has no time limit per example."""

import os

# Threads of one small fit that wait for each other on a busy machine make it ten times slower. What the end-to-end
# tests start does not inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

from tasks.adapters.processes import collect_garbage_rarely
from tests.e2e.early import place

collect_garbage_rarely()  # as our own processes do
settings.register_profile("keepfit", deadline=None)
settings.load_profile("keepfit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a long scenario come when it has played: the longest last, and then benchmarks."""

    def order(item: pytest.Item) -> tuple[bool, bool, int]:
        of_servers = "e2e" in item.keywords
        return of_servers, of_servers and "benchmarks" in item.path.parts, place(item)

    items.sort(key=order)
