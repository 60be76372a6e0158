"""Processes of this machine: a name that no other process ever has, what became of the one so named, and CPU time.

A process of another machine, of another container or of an earlier boot can never be called dead from here.
"""

import gc
import os
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Fate = Literal["running", "dead", "unknown"]

GARBAGE = (100_000, 50, 50)
"""Python's own 700 looks through the vendors' million objects again and again: a fifth of what importing them takes."""


def collect_garbage_rarely() -> None:
    """For a process that is ours, before it imports vendors: their objects are no garbage."""
    gc.set_threshold(*GARBAGE)


def own() -> str:
    """The name of this process: where it runs, its number, and when it began; "" where that cannot be told."""
    machine = _machine()
    return f"{machine} {os.getpid()} {_state_and_start(os.getpid())[1]}" if machine else ""


@dataclass(frozen=True)
class Meter:
    """What this process, its threads and its ended children have used since the meter was started."""

    wall: float
    cpu: float

    @classmethod
    def start(cls) -> "Meter":
        """A meter that stands at zero now."""
        return cls(time.perf_counter(), sum(os.times()[:4]))

    def read(self) -> dict[str, float | None]:
        """`seconds` of wall time and `cpu_seconds` (user and system) so far."""
        return {"seconds": time.perf_counter() - self.wall, "cpu_seconds": sum(os.times()[:4]) - self.cpu}


def fate(process: str) -> Fate:
    """Whether the process with this name runs or is dead; unknown when it is stopped, hidden or not of this machine."""
    machine, _, rest = process.partition(" ")
    number, _, began = rest.partition(" ")
    if not machine or machine != _machine() or not number.isdecimal():
        return "unknown"
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return "dead"
    except PermissionError:
        pass  # another user's: it is there
    try:
        state, start = _state_and_start(int(number))
    except OSError:
        return "unknown"  # hidden from us, or ended in this very moment
    if start != began or state in "ZX":
        return "dead"  # the number belongs to another process now, or to one that nobody has buried yet
    return "unknown" if state in "Tt" else "running"


@cache
def _machine() -> str:
    # Numbers of processes mean the same only within one boot of one kernel, and there within one namespace.
    if sys.platform == "linux":
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + os.readlink("/proc/self/ns/pid")  # noqa: PTH115
        except OSError:
            return ""
    import platform

    return platform.node().replace(" ", "-") if sys.platform == "darwin" else ""


def _state_and_start(number: int) -> tuple[str, str]:
    """The one-letter state and the moment of the start (proc(5)); raises OSError where there is none to be seen."""
    if sys.platform == "linux":
        # In clock ticks since the boot: unlike a time of day it does not move when the clock is set.
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    import psutil

    try:
        process = psutil.Process(number)
        letter = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_STOPPED: "T"}.get(process.status(), "R")
        return letter, str(process.create_time())
    except psutil.Error as error:
        raise ProcessLookupError(str(error)) from None
