"""A real stack for the length of a block, in a home of its own; nothing that belongs to it is left running."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.e2e.conftest import clean_environment, keepfit


@contextmanager
def stack(home: Path, **variables: str) -> Iterator[Mapping[str, str]]:
    """`keepfit up --detach` and `keepfit down`; yields the environment in which commands find the stack."""
    environment = clean_environment(home) | variables
    up = keepfit(environment, "up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        yield environment
    finally:
        down = keepfit(environment, "down")
        assert down.returncode == 0, down.stdout + down.stderr
        # Helpers of multiprocessing end a moment after the process that they serve.
        _, left = psutil.wait_procs([process for process in psutil.process_iter() if belongs_to(process, home)], 10)
        assert not left, f"processes left behind: {left}"


def belongs_to(process: psutil.Process, home: Path) -> bool:
    """Whether a process of somebody else's carries this home in its environment."""
    try:
        return process.pid != os.getpid() and process.environ().get("KEEPFIT_HOME") == str(home)
    except psutil.Error:
        return False
