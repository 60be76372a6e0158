"""What some tests need beside the project: where it is missing a person's test is skipped and CI's fails."""

import os
from typing import NoReturn

import pytest


def is_missing(what: str, package: str) -> NoReturn:
    """End the test for lack of a program, saying what to install."""
    cannot_run(f"this test needs {what}, and none is installed: apt-get install {package}")


def cannot_run(told: str) -> NoReturn:
    """End the test, saying why: a skip at a person's desk, and a failure in CI, which has all that tests need."""
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)
