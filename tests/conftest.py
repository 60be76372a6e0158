"""For all tests: shared machines are slow at times, so a property has no time limit per example."""

import pytest
from hypothesis import settings

settings.register_profile("keepfit", deadline=None)
settings.load_profile("keepfit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The loop comes last: its longest scenarios play while the other tests run (see tests/e2e/early.py)."""
    items.sort(key=lambda item: "e2e" in item.keywords)
