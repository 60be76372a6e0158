"""Real processes for tests: started from a clean fork server, because Delta's threads do not survive a plain fork."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["pandas", "pyarrow.dataset", "pyarrow.parquet", "deltalake", "sqlalchemy"])


def start(target: Callable[..., None], *args: object) -> BaseProcess:
    """Start `target(*args)`; both must be importable by name. The caller joins."""
    process = _context.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def run_all(target: Callable[..., None], arguments: list[tuple[object, ...]]) -> list[int | None]:
    """Run one process per argument tuple, all at once, and give their exit codes (negative: killed by that signal)."""
    processes = [start(target, *args) for args in arguments]
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def die_at(passage: int) -> Callable[[], int]:
    """Kill this process before its n-th change of the file system (SQLite's method: 1st, 2nd, 3rd ... until untouched).

    Gives a function that tells how many changes were counted; call `tick` below for steps that Python does not see.
    """
    count = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal count
        writes = event == "open" and isinstance(args[2], int) and bool(args[2] & 0o103)
        if writes or event in {
            "os.rename",
            "os.link",
            "os.remove",
            "os.mkdir",
            "os.rmdir",
            "tempfile.mkdtemp",
            "keepfit.step",
        }:
            count += 1
            if count == passage:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return lambda: count


def tick() -> None:
    """Mark a step for `die_at`."""
    sys.audit("keepfit.step")
