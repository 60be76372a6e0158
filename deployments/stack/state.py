"""What is remembered about a stack: `stack.json` (who runs where) and `stack.lock` (whether a supervisor lives).

Only the supervisor writes; everybody else reads. No process is started or ended here.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

ALREADY_RUNNING = 3  # exit status of a supervisor that found another one at work
Health = Literal["starting", "healthy", "silent", "restarting", "stopped"]
Phase = Literal["starting", "ready", "failed", "stopping", "stopped"]


class ProcessId(BaseModel):
    """A process that cannot be mistaken: its number may be reused, number and time of creation together are not."""

    model_config = ConfigDict(frozen=True)
    pid: int
    created: float


class PartState(BaseModel):
    """One part as the supervisor last saw it. `seconds` is how long it took from its start to its first answer."""

    model_config = ConfigDict(frozen=True)
    title: str
    address: str
    health: Health = "starting"
    process: ProcessId | None = None
    restarts: int = 0
    seconds: float | None = None


class StackState(BaseModel):
    """The whole of `stack.json`. `addresses` hold what our own servers serve; given servers are in `elsewhere`."""

    model_config = ConfigDict(frozen=True)
    phase: Phase = "stopped"
    reason: str = ""
    supervisor: ProcessId | None = None
    ports: dict[str, int] = {}
    addresses: dict[str, str] = {}
    elsewhere: dict[str, str] = {}
    parts: dict[str, PartState] = {}
    seconds: float | None = None


def read_state(home: Path) -> StackState:
    """The state on disk; an empty one when there is none or it cannot be read (then only ports are forgotten)."""
    try:
        return StackState.model_validate_json((home / "stack.json").read_bytes())
    except (OSError, ValidationError):
        return StackState()


def write_state(home: Path, state: StackState) -> None:
    """Replace the state in one step, so that a reader never sees half of it."""
    staged = home / f".stack.{os.getpid()}.json"
    staged.write_text(state.model_dump_json(indent=2), "utf-8")
    staged.replace(home / "stack.json")


@contextmanager
def try_lock(home: Path) -> Iterator[bool]:
    """Hold the lock of this home if nobody else does; yields whether it is held."""
    with (home / "stack.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
