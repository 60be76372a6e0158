"""The order in which a stack ends, whoever ends it: the supervisor, `keepfit down`, or the next `keepfit up`."""

from pathlib import Path

import psutil

from deployments.stack.processes import end, family
from deployments.stack.state import StackState

# A flow run that is told to end says so to Prefect through its worker; for that both must still be there.
_GRACE_RUNS, _GRACE_WORKER, _GRACE_SERVERS = 6.0, 6.0, 6.0


def end_parts(home: Path, state: StackState) -> int:
    """End flow runs, then the worker, then the servers; returns how many processes there were. Safe to repeat."""
    recorded = {name: part.process for name, part in state.parts.items()}
    worker = recorded.get("worker")

    def runs() -> list[psutil.Process]:
        return [run for run in family(home, [worker], "worker") if worker is None or run.pid != worker.pid]

    ended = end(runs, _GRACE_RUNS)
    ended += end(lambda: family(home, [worker], "worker"), _GRACE_WORKER)
    return ended + end(lambda: family(home, recorded.values()), _GRACE_SERVERS)
