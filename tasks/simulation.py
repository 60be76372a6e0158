"""Task wrappers of the simulation: pin the history, fit ahead, run one policy, and record what came out in MLflow."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time
from typing import TYPE_CHECKING, Any

from prefect import task
from pydantic import TypeAdapter

from tasks.adapters import plots, rehearsals, tracking
from tasks.adapters.store import Store
from tasks.adapters.tracking import LEASE_TAG
from tasks.core import rehearsal, simulation
from tasks.core.comparison import Run, Standing
from tasks.core.errors import DataRejected
from tasks.core.features import EVENT_TIME
from tasks.core.fitting import Recipe
from tasks.core.history import History
from tasks.core.metrics import MetricName
from tasks.core.policies import Policy
from tasks.core.rehearsal import Setting, Trained
from tasks.core.results import Window
from tasks.retrying import STEP
from tasks.session import Session

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_PERIODS = TypeAdapter(tuple[simulation.Period, ...])
_COUNTS = ("mean", "regret", "retrainings", "promotions", "cpu_seconds", "false_alarms", "missed")


@dataclass(frozen=True)
class Pinned:
    """The accepted events and labels of a store at exact table versions; `first` and `last` bound the event times."""

    store: Store
    events_version: int
    labels_version: int
    span: Window


@task(name="pin history", **STEP)
def pin_history(session: Session) -> Pinned:
    """The newest versions of the tables; everything of this simulation reads those."""
    store = session.store
    versions = store.version("events"), store.version("labels")
    if min(versions) < 0:
        raise DataRejected(f"{store.pipeline} has no accepted events with labels yet. Ingest its history first.")
    times = store.read("events", [EVENT_TIME], version=versions[0])[EVENT_TIME]
    return Pinned(store, *versions, Window(times.min().to_pydatetime(), times.max().to_pydatetime()))


@lru_cache(maxsize=2)
def history_of(pinned: Pinned) -> History:
    """The pinned rows and labels, read once per process however many policies ask."""
    events = pinned.store.read("events", version=pinned.events_version)
    return History.of(events, pinned.store.read("labels", version=pinned.labels_version))


def key_of(pinned: Pinned, setting: Setting, moments: Sequence[datetime], code_digest: str, *more: str) -> str:
    """SHA-256 that is equal exactly when a simulation's rows, settings, moments and code are."""
    versions = [pinned.events_version, pinned.labels_version]
    parts = [versions, repr(setting), [moment.isoformat() for moment in moments], code_digest, *more]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@task(
    name="rehearse training",
    task_run_name="rehearse training as of {as_of:%Y-%m-%d}",
    cache_key_fn=lambda _context, parameters: str(parameters["key"]),
    persist_result=True,
    result_serializer="json",
)
def rehearse_training(pinned: Pinned, setting: Setting, as_of: datetime, code_digest: str, key: str) -> float:  # noqa: ARG001
    """Fit what a training as of a moment would fit, ahead of the policies that ask for it; gives its seconds."""
    try:
        rows = rehearsal.training_rows(history_of(pinned).at(as_of), setting.split)
        return rehearsals.fit(pinned.store, rows, rehearsal.recipes(setting), code_digest).seconds
    except DataRejected:
        return 0.0  # the policies meet the same refusal and tell it


@task(
    name="simulate policy",
    task_run_name="simulate {policy.kind}",
    cache_key_fn=lambda _context, parameters: str(parameters["key"]),
    persist_result=True,
    result_serializer="json",
)
def simulate_policy(
    pinned: Pinned,
    setting: Setting,
    policy: Policy,
    moments: Sequence[datetime],
    code_digest: str,
    key: str,  # noqa: ARG001 - Prefect finds the result by it
) -> dict[str, Any]:
    """One policy through the history. Prefect keeps the result under `key`: an interrupted simulation resumes."""
    tried, inside = rehearsal.recipes(setting), 0.0

    def trainer(rows: "pd.DataFrame") -> Trained:
        nonlocal inside
        began = thread_time()
        trained = rehearsals.fit(pinned.store, rows, tried, code_digest)
        inside += thread_time() - began
        return trained

    def refitter(
        rows: "pd.DataFrame", recipes: Sequence[Recipe], positions: "np.ndarray"
    ) -> tuple[dict[str, "np.ndarray"], float]:
        nonlocal inside
        began = thread_time()
        refits, _ = rehearsal.refit(rows, recipes, positions)
        inside += (seconds := thread_time() - began)
        return refits, seconds

    began = thread_time()
    periods = tuple(simulation.simulate(history_of(pinned), setting, policy, moments, trainer, refitter))
    checks = thread_time() - began - inside
    return {"policy": policy.kind, "periods": _PERIODS.dump_python(periods, mode="json"), "check_seconds": checks}


def run_of(answer: Mapping[str, Any]) -> Run:
    """What `simulate_policy` gave, as our type."""
    periods = _PERIODS.validate_python(answer["periods"])
    return Run(str(answer["policy"]), periods, float(answer["check_seconds"]))


@task(name="record simulation", **STEP)
def record_simulation(
    session: Session, runs: Sequence[Run], table: Sequence[Standing], metric: MetricName, page: str
) -> str:
    """One MLflow run with the plot and the page, one nested run per policy with its figures and its score over time."""
    lease = {LEASE_TAG: session.run_id}
    parent = tracking.open_run(session.pipeline, f"simulation of {session.pipeline}", lease)
    for run, line in zip(runs, table, strict=True):
        nested = tracking.open_run(session.pipeline, run.policy, lease, parent)
        figures = {name: value for name, value in asdict(line).items() if name in _COUNTS and value is not None}
        tracking.log(nested, {"policy": run.policy, "metric": metric}, figures, {})
        tracking.log_series(nested, metric, [period.score for period in run.periods])
        tracking.close_run(nested)
    with TemporaryDirectory(prefix="keepfit-") as folder:
        plots.draw_simulation(runs, metric, Path(folder) / "simulation.png")
        (Path(folder) / "simulation.md").write_text(page, encoding="utf-8")
        tracking.log_files(parent, Path(folder), "simulation")
    tracking.close_run(parent)
    return parent
