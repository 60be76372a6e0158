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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The loop comes late: its longest scenarios play while the other tests run (see tests/e2e/early.py)."""
    items.sort(key=lambda item: ("benchmarks" in item.path.parts and "e2e" in item.keywords, "e2e" in item.keywords))
