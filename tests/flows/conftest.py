"""What takes long to prepare and several modules begin with."""

import pytest

from benchmarks.ground import Ground, prepare


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A home with a champion whose world has turned, and a better version 2: `restore("whole")`."""
    return prepare(tmp_path_factory.mktemp("ground"))
