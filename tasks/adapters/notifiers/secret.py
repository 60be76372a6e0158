"""Addresses and secrets of notifiers: the file names a variable, the environment holds what it stands for."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Annotated

from pydantic import StringConstraints

from tasks.core.errors import ConfigInvalid

# Only a variable's name is taken: an address with its secret in a file would end up in somebody's repository.
Variable = Annotated[str, StringConstraints(pattern=r"^\$[A-Z][A-Z0-9_]*$")]


# What speaks to the other side writes whole addresses into its logs.
_TALKATIVE = ("apprise", "httpx", "httpcore", "urllib3", "requests")
_lock = Lock()


@contextmanager
def silent() -> Iterator[None]:
    """A block in which the libraries that send log nothing: their lines hold addresses, and so secrets."""
    with _lock:
        logs = [logging.getLogger(name) for name in _TALKATIVE]
        before = [log.level for log in logs]
        # Loggers below these have no level of their own, so they follow.
        for log in logs:
            log.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for log, level in zip(logs, before, strict=True):
                log.setLevel(level)


def value_of(variable: Variable) -> str:
    """What the environment holds. Raises ConfigInvalid when it holds nothing."""
    name = variable.removeprefix("$")
    found = os.environ.get(name, "").strip()
    if not found:
        raise ConfigInvalid(
            f"alerts.notify names {variable}, which is not set. Set it where the worker and `keepfit` run, "
            "then try it: keepfit alerts PIPELINE --test"
        )
    return found
