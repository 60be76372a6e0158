"""Finding and ending processes of a stack, grandchildren and orphans included, and never anybody else's.

A process is ours when its environment carries our mark (children inherit it), or when it was recorded by number and
time of creation, or descends from such a one. What to end and when is decided elsewhere.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from deployments.stack.state import ProcessId

MARK = "KEEPFIT_STACK_MARK"
PART = "KEEPFIT_STACK_PART"
_ROUNDS = 10  # bounds the wait for a process that even the kernel cannot end (a hung disk)


def identify(pid: int) -> ProcessId | None:
    """The unmistakable identity of a process that runs now, else None."""
    try:
        return ProcessId(pid=pid, created=psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def find(identity: ProcessId | None) -> psutil.Process | None:
    """The process that was recorded, if it still runs; a recycled number is not it."""
    if identity is None:
        return None
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.created) < 1
    except psutil.Error:
        return None
    return process if same and is_alive(process) else None


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs. A zombie does not: it waits for a parent that may never look."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def family(home: Path, recorded: Iterable[ProcessId | None] = (), part: str | None = None) -> list[psutil.Process]:
    """Every living process of the stack of `home` (of one `part` of it), oldest first, never the caller's own line."""
    found: dict[int, psutil.Process] = {}
    for process in filter(None, map(find, recorded)):
        found |= {member.pid: member for member in [process, *_children(process)]}
    for process in psutil.process_iter():
        if _is_marked(process, str(home), part):
            found[process.pid] = process
    own = psutil.Process()
    spared = {own.pid, *(parent.pid for parent in own.parents())}
    return sorted((p for p in found.values() if p.pid not in spared and is_alive(p)), key=_age)


def end(members: Callable[[], list[psutil.Process]], grace: float) -> int:
    """End everything that `members` finds: politely, then after `grace` seconds by force; returns how many there were.

    `members` is asked again after each round, because a process may start another one while it is being ended.
    """
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        if not (processes := members()):
            break
        ended |= {process.pid for process in processes}
        for process in processes:
            _signal(process.terminate)
        survivors = _wait(processes, grace)
        for process in survivors:
            _signal(process.kill)
        _wait(survivors, 5)
        grace = 0.5
    return len(ended)


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    while (living := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return living


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _is_marked(process: psutil.Process, home: str, part: str | None) -> bool:
    try:
        environ = process.environ()
    except (psutil.Error, OSError):
        return False
    return environ.get(MARK) == home and part in (None, environ.get(PART))


def _age(process: psutil.Process) -> float:
    try:
        return process.create_time()
    except psutil.Error:
        return 0.0
