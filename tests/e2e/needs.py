"""Programs of the system that some tests need: where one is missing a person's test is skipped and CI's fails."""

import os
from typing import NoReturn

import pytest


def is_missing(what: str, package: str) -> NoReturn:
    """End the test, saying what to install."""
    told = f"this test needs {what}, and none is installed: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)
