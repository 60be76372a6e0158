"""How long things take to begin, by Prefect's own records: a run's first task, and the retraining of a breach.

Everything goes through the stack's own server, work pool and worker, with the deployments' own concurrency limit.
"""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks import world
from benchmarks.results import Row, load
from benchmarks.world import PIPELINE, World

TASK_GOAL, BREACH_GOAL = 3.0, 10.0
LANES = 3
"""Pipelines that breach side by side; each waits for its retraining to end, as the governor would make it wait."""
_PATIENCE = 180.0
_SENT_TWICE = 10  # every tenth retraining is sent again, as after a crash between the sending and the journal


@dataclass(frozen=True)
class Start:
    """Seconds from Pending (the worker takes the run) to its process, to Running, and to its first task's Running."""

    process: float
    running: float
    task: float


def measure_starts(ground: World, repetitions: int) -> list[Row]:
    """From Pending to the first task, for the scoring and the cycle deployment, with nothing new to take in."""
    world.restore(ground)
    (ground.source() / "new.csv").unlink(missing_ok=True)
    return [_start_row(flow, [_start_of(flow) for _ in range(repetitions)]) for flow in ("scoring", "cycle")]


def _start_row(flow: str, starts: list[Start]) -> Row:
    process, running, task = (
        float(np.median([getattr(start, name) for start in starts])) for name in ("process", "running", "task")
    )
    parts = f"worker {process:.1f}, Python and imports {running - process:.1f}, opening {task - running:.1f}"
    return Row(
        f"{flow}: run taken by the worker to its first task, median of {len(starts)}", f"{task:.1f} s ({parts})",
        goal=f"<= {TASK_GOAL:g} s", met=task <= TASK_GOAL, load=load(),
    )  # fmt: skip


def _start_of(flow: str) -> Start:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.deployments import run_deployment

    given = {"pipeline": PIPELINE, "as_of": world.TRAINED_AT.isoformat()}
    run: Any = run_deployment(f"{flow}/{PIPELINE}", parameters=given, timeout=0, as_subflow=False)
    with get_client(sync_client=True) as client:
        _wait(client, run.id, lambda state: state.is_final())
        moments = _moments(client, run.id)
        if "COMPLETED" not in moments:
            raise RuntimeError(f"the {flow} run ended badly: it went through {', '.join(moments)}")
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
        process = _process_start(client.read_flow_run(run.id).labels)
    first = min(task.start_time for task in tasks if task.start_time is not None)
    taken = moments["PENDING"]
    return Start(*((moment - taken).total_seconds() for moment in (process, moments["RUNNING"], first)))


def _process_start(labels: Any) -> datetime:
    """When the run's process began; Keepfit signs each flow run with it, in clock ticks since the boot (proc(5))."""
    ticks = int(str(labels["keepfit.process"]).rpartition(" ")[2])
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return datetime.fromtimestamp(booted + ticks / os.sysconf("SC_CLK_TCK"), UTC)


def _wait(client: Any, run_id: UUID, until: Callable[[Any], bool]) -> bool:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if until(client.read_flow_run(run_id).state):
            return True
        time.sleep(0.5)
    return False


def _moments(client: Any, run_id: UUID) -> dict[str, datetime]:
    """The first moment at which a run was in each type of state."""
    found: dict[str, datetime] = {}
    for state in sorted(client.read_flow_run_states(run_id), key=lambda state: state.timestamp):
        found.setdefault(state.type.value, state.timestamp)
    return found


@dataclass(frozen=True)
class Breach:
    """A decided breach: its token, and the seconds until the worker took its run and until that ran (None: never)."""

    token: str
    taken: float | None
    running: float | None


def measure_breaches(ground: World, count: int) -> list[Row]:
    """Decide `count` breaches through the production path and see when, and how often, each one's training starts."""
    # The task is called outside of a flow, a hundred times: its log belongs to no page and would hide the figures.
    logging.getLogger("prefect.task_runs").setLevel(logging.ERROR)
    names = [f"breach-{number}" for number in range(min(LANES, count))]
    for name in names:
        ground.add_pipeline(name)
    _register(names)
    shares = [count // len(names) + (place < count % len(names)) for place in range(len(names))]
    with ThreadPoolExecutor(len(names)) as pool:
        breaches = [breach for lane in pool.map(_lane, names, shares) for breach in lane]
    started = sorted(breach.running for breach in breaches if breach.running is not None)
    lost, twice = count - len(started), _twice(names, breaches)
    if not started:
        raise RuntimeError(f"none of {count} retrainings was started")
    taken = [breach.taken for breach in breaches if breach.taken is not None]
    p95 = float(np.quantile(started, 0.95))
    more = (
        f"median {np.median(started):.1f}, worst {started[-1]:.1f}; taken by the worker {np.quantile(taken, 0.95):.1f}"
    )
    return [
        Row(
            f"breach decided to its retraining Running, p95 of {count}; {lost} lost, {twice} twice",
            f"{p95:.1f} s ({more})",
            goal=f"<= {BREACH_GOAL:g} s, none lost", met=p95 <= BREACH_GOAL and not lost and not twice, load=load(),
        )
    ]  # fmt: skip


def _register(names: list[str]) -> None:
    """The training deployments as they are in production, but for the body of the flow."""
    from config.load import load_pipeline
    from config.settings import load_settings
    from deployments.register import register
    from deployments.render import deployments

    specs = deployments(load_pipeline(name, load_settings()) for name in names)
    mine = [spec for spec in specs if spec["entrypoint"].startswith("flows.training.")]
    register([{**spec, "entrypoint": "benchmarks.standin.training_flow"} for spec in mine])


def _lane(name: str, count: int) -> list[Breach]:
    return [_breach(name, number) for number in range(count)]


def _breach(name: str, number: int) -> Breach:
    from prefect.client.orchestration import get_client

    from config.opening import open_pipeline
    from tasks import monitoring
    from tasks.core import observations
    from tasks.core.results import Check, Verdict, Window

    as_of = world.START + timedelta(days=number)
    _, session = open_pipeline(name, as_of, f"breach {number}")
    context = observations.Context(name, 1, Window(as_of - timedelta(days=30), as_of), as_of, session.run_id)
    allowed = Check("governor", Verdict.PASS, "the benchmark allows every retraining")
    entry = session.record(observations.decide(context, None, observations.FIRST, allowed))
    run_id = UUID(monitoring.start_retraining(session, entry.decision))
    if number % _SENT_TWICE == 0:
        monitoring.start_retraining.fn(session, entry.decision)
    with get_client(sync_client=True) as client:
        _wait(client, run_id, lambda state: state.is_final())
        moments = _moments(client, run_id)
    after = {kind: (moment - entry.recorded_at).total_seconds() for kind, moment in moments.items()}
    return Breach(str(entry.decision.evidence["token"]), after.get("PENDING"), after.get("RUNNING"))


def _twice(names: list[str], breaches: list[Breach]) -> int:
    """Runs beyond one per token."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    of_ours = DeploymentFilter(name=DeploymentFilterName(any_=names))
    with get_client(sync_client=True) as client:
        runs: list[Any] = []
        while page := client.read_flow_runs(deployment_filter=of_ours, limit=200, offset=len(runs)):
            runs += page
    return max(0, len(runs) - len({breach.token for breach in breaches}))
