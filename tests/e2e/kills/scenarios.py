"""What is done to a pipeline in each case, and what was seen: a process dies, and the flow runs again."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.kills.launcher import Ended, Started
from tests.e2e.kills.world import CHANGED_AT, LEARNT_AT, World, rows

BEGINNING = {"ingestion": None, "training": "history", "promotion": "registered", "scoring": "changed",
             "monitoring": "scored"}  # fmt: skip
DELIVERED_DAYS = 4
# What was decided before the death is finished by the timer's flow, without another run of the one that died.
FINISHED_BY_TIMER = ("ingestion.published.events", "ingestion.published", "promotion.journaled", "monitoring.decided",
                     "monitoring.triggered")  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """How the armed process ended, how the run after it ended, the facts afterwards, and what took how long."""

    died: Ended
    again: Ended
    facts: dict[str, Any]
    seconds: float


def stage_of(point: str) -> str:
    return point.partition(".")[0]


def name_of(kind: str, point: str) -> str:
    return f"{kind}-{point}".replace(".", "-")


def arguments(name: str, stage: str) -> dict[str, Any]:
    """What the stage's flow is called with."""
    as_of = LEARNT_AT if stage in {"ingestion", "training"} else CHANGED_AT
    more = {"version": 2} if stage == "promotion" else {}
    return {"flow": stage, "pipeline": name, "as_of": as_of.isoformat(), **more}


def prepare(world: World, name: str, stage: str) -> None:
    folder = world.home / "sources" / name
    state = BEGINNING[stage]
    if state is None:
        rows(0, DELIVERED_DAYS, changed=False).to_csv(folder / "delivery.csv", index=False)
    else:
        world.begin_in(state, name)


def kill(world: World, point: str) -> Seen:
    """SIGKILL at the point; a delivery then comes again, twice, under other names; one more run."""
    name, stage = name_of("kill", point), stage_of(point)
    prepare(world, name, stage)
    died = world.launcher.run("run_flow", {"KEEPFIT_FAULT": point}, **arguments(name, stage))
    if stage == "ingestion":
        deliver_again(world.home / "sources" / name)
    timer = {"flow": "reconciliation", "pipeline": name}
    began = time.monotonic()
    again = world.launcher.run("run_flow", **(timer if point in FINISHED_BY_TIMER else arguments(name, stage)))
    seconds = time.monotonic() - began
    return Seen(died, again, _facts(world, name, stage), seconds)


def terminate(world: World, point: str) -> Seen:
    """SIGTERM at the point, measured from outside: stopped there, told to end, let go."""
    name, stage = name_of("term", point), stage_of(point)
    prepare(world, name, stage)
    process = _stop_at(world, name, stage, point)
    os.kill(process.pid, signal.SIGTERM)
    began = time.monotonic()
    os.kill(process.pid, signal.SIGCONT)
    died = process.wait()
    seconds = time.monotonic() - began
    again = world.launcher.run("run_flow", **arguments(name, stage))
    return Seen(died, again, _facts(world, name, stage), seconds)


def pause(world: World, point: str, *, wait: bool) -> Seen:
    """SIGSTOP at the point until another run has taken over and ended; then the paused process goes on."""
    name, stage = name_of("pause", point), stage_of(point)
    prepare(world, name, stage)
    process = _stop_at(world, name, stage, point)
    if not wait:
        world.launcher.ask("expire", lease=f"{stage}/{name}")
    began = time.monotonic()
    again = world.launcher.run("run_flow", **arguments(name, stage))
    seconds = time.monotonic() - began
    os.kill(process.pid, signal.SIGCONT)
    return Seen(process.wait(), again, _facts(world, name, stage), seconds)


def deliver_again(folder: Path) -> None:
    """The same content twice more, under names that sort before and after the first."""
    content = (folder / "delivery.csv").read_bytes()
    for name in ("a copy.csv", "z.csv"):
        (folder / name).write_bytes(content)


def _facts(world: World, name: str, stage: str) -> dict[str, Any]:
    if stage == "monitoring":
        world.launcher.ask("await_trainings", pipeline=name)
    facts: dict[str, Any] = world.launcher.ask("facts", pipeline=name)
    return facts


def _stop_at(world: World, name: str, stage: str, point: str) -> Started:
    armed = {"KEEPFIT_FAULT": point, "KEEPFIT_FAULT_SIGNAL": "STOP"}
    process = world.launcher.start("run_flow", armed, **arguments(name, stage))
    stat, end = Path(f"/proc/{process.pid}/stat"), time.monotonic() + 1100
    while (state := stat.read_text().rpartition(")")[2].split()[0]) not in "TZ":
        assert time.monotonic() < end, f"{name} did not come to {point}"
        time.sleep(0.05)  # polls; what is asserted does not depend on it
    assert state == "T", process.wait().output[-4000:]
    return process
