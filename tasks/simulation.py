"""Task wrappers of the simulation: pin the history, fit ahead, run one policy, and record what came out in MLflow."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
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
from tasks.core import probe, rehearsal, simulation
from tasks.core.comparison import Run, Standing
from tasks.core.errors import DataRejected
from tasks.core.features import EVENT_TIME
from tasks.core.fitting import Recipe
from tasks.core.history import History
from tasks.core.metrics import MetricName
from tasks.core.plays import Play
from tasks.core.rehearsal import Setting, Trained
from tasks.core.results import Window
from tasks.retrying import CACHED, STEP
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


def key_of(pinned: Pinned, code_digest: str, *parts: object) -> str:
    """SHA-256 that is equal exactly when a simulation's rows, code and whatever else it depends on are."""
    parts = (pinned.events_version, pinned.labels_version, code_digest, *map(repr, parts))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@task(
    name="rehearse training",
    task_run_name="rehearse training as of {as_of:%Y-%m-%d}",
    **CACHED,
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
    task_run_name="simulate {play.name}",
    **CACHED,
)
def simulate_policy(pinned: Pinned, play: Play, code_digest: str, key: str) -> dict[str, Any]:  # noqa: ARG001
    """One policy through the history. Prefect keeps the result under `key`: an interrupted simulation resumes."""
    inside = 0.0

    def trainer(rows: "pd.DataFrame", tried: Sequence[Recipe]) -> Trained:
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
        refits = probe.refit(rows, recipes, positions)
        inside += (seconds := thread_time() - began)
        return refits, seconds

    periods, seconds, history = [], 0.0, history_of(pinned)
    began = thread_time()
    for period in play.periods(history, trainer, refitter):
        spent = thread_time() - began - inside
        began, inside = thread_time(), 0.0
        if play.counts(period):
            periods.append(period)
            seconds += spent
    told = _PERIODS.dump_python(tuple(periods), mode="json")
    return {"policy": play.name, "periods": told, "check_seconds": seconds}


def run_of(answer: Mapping[str, Any]) -> Run:
    """What `simulate_policy` gave, as our type."""
    periods = _PERIODS.validate_python(answer["periods"])
    return Run(str(answer["policy"]), periods, float(answer["check_seconds"]))


def fit_ahead(
    pool: Any, pinned: Pinned, setting: Setting, moments: Sequence[datetime], code_digest: str, step: Callable[[], None]
) -> None:
    """Fit what trainings as of these moments would fit, side by side, for the policies to find; `step` after each."""
    _finish([
        pool.submit(rehearse_training, parameters={
            "pinned": pinned, "setting": setting, "as_of": as_of, "code_digest": code_digest,
            "key": key_of(pinned, code_digest, setting, as_of)})
        for as_of in moments
    ], step)  # fmt: skip


def play_all(pool: Any, pinned: Pinned, plays: Sequence[Play], code_digest: str, step: Callable[[], None]) -> list[Run]:
    """Every play through the pinned history, side by side, in the order asked; `step` after each."""
    told = _finish([
        pool.submit(simulate_policy, parameters={
            "pinned": pinned, "play": play, "code_digest": code_digest, "key": key_of(pinned, code_digest, play)})
        for play in plays
    ], step)  # fmt: skip
    return [run_of(answer) for answer in told]


def _finish(futures: Sequence[Any], step: Callable[[], None]) -> list[Any]:
    found = []
    for future in futures:
        found.append(future.result())
        step()
    return found


@task(name="record simulation", **STEP)
def record_simulation(
    session: Session,
    runs: Sequence[Run],
    table: Sequence[Standing],
    metric: MetricName,
    page: str,
    name: str = "simulation",
) -> str:
    """One MLflow run with the plot and the page, one nested run per policy with its figures and its score over time."""
    lease = {LEASE_TAG: session.run_id}
    parent = tracking.open_run(session.pipeline, f"{name} of {session.pipeline}", lease)
    for run, line in zip(runs, table, strict=True):
        nested = tracking.open_run(session.pipeline, run.policy, lease, parent)
        figures = {name: value for name, value in asdict(line).items() if name in _COUNTS and value is not None}
        tracking.log(nested, {"policy": run.policy, "metric": metric}, figures, {})
        tracking.log_series(nested, metric, [period.score for period in run.periods])
        tracking.close_run(nested)
    with TemporaryDirectory(prefix="keepfit-") as folder:
        plots.draw_simulation(runs, metric, Path(folder) / f"{name}.png")
        (Path(folder) / f"{name}.md").write_text(page, encoding="utf-8")
        tracking.log_files(parent, Path(folder), name)
    tracking.close_run(parent)
    return parent
