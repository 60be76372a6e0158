"""Fail closed: the vendors of registry and store fail at each of their calls in turn, and what then moved or started.

The flows themselves run, without Prefect's engine: against a real MLflow registry (SQLite), a real store and journal.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from benchmarks.results import Row, load
from tasks.core import championship, invariants
from tasks.core.errors import KeepfitError, TerminalError

PIPELINE = "p"
START, DAY = datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=1)
FIRST, SECOND = START + 40 * DAY, START + 90 * DAY
PER_DAY = 30
CONFIG = """
pipeline: p
problem: binary
source: {kind: folder, path: in}
labels: {kind: folder, path: labels, id: id, label: y, known_at: known}
columns:
  - {name: id, role: id, type: string}
  - {name: when, role: time, type: datetime}
  - {name: x, role: feature, type: number}
  - {name: z, role: feature, type: number}
split: {history: [45d], tuning: 7d, evaluation: 10d, min_rows: 50}
candidates: [{kind: linear}]
metric: roc_auc
drift: {window: 20d}
performance: {window: 20d}
triggers: [{kind: performance}]
governor: {cooldown: 1d, min_new_labels: 10}
"""


def rows() -> pd.DataFrame:
    """A hundred days; from day 45 on x means the opposite, so that what was learnt before is worse than a guess."""
    rng, count = np.random.default_rng(3), 100 * PER_DAY
    day = np.arange(count) // PER_DAY
    x, z = rng.normal(size=count), rng.normal(size=count)
    chance = 1 / (1 + np.exp(-(np.where(day < 45, 2.0, -2.0) * x + 0.5 * z)))
    times = [START + (number + 0.5) / PER_DAY * DAY for number in range(count)]
    return pd.DataFrame({"_row_id": [f"r{n}" for n in range(count)], "_event_time": times, "x": x, "z": z,
                         "label": (rng.random(count) < chance).astype(float)})  # fmt: skip


class Injection:
    """Counts a vendor's calls, and fails the n-th (and, in an outage, all after it)."""

    def __init__(self, error: Callable[[], Exception], at: int, *, outage: bool) -> None:
        self.error, self.at, self.outage, self.calls = error, at, outage, 0

    @property
    def fired(self) -> bool:
        return self.calls >= self.at

    def tick(self) -> None:
        self.calls += 1
        if self.calls == self.at or (self.outage and self.fired):
            raise self.error()

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self.tick()
            return real(*given, **named)

        return call


@contextlib.contextmanager
def failing_registry(at: int, *, outage: bool = False) -> Iterator[Injection]:
    """MLflow's client (tracking and registry) fails; odd calls as a server's error, even ones as a lost connection."""
    import mlflow
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INTERNAL_ERROR

    server = lambda: MlflowException("injected", error_code=INTERNAL_ERROR)  # noqa: E731
    injection = Injection(server if at % 2 else lambda: ConnectionError("injected"), at, outage=outage)
    with contextlib.ExitStack() as stack:
        for name, real in list(vars(MlflowClient).items()):
            if callable(real) and not name.startswith("_"):
                stack.enter_context(mock.patch.object(MlflowClient, name, injection.wrap(real)))
        real = mlflow.artifacts.download_artifacts
        stack.enter_context(mock.patch.object(mlflow.artifacts, "download_artifacts", injection.wrap(real)))
        yield injection


@contextlib.contextmanager
def failing_store(at: int, *, outage: bool = False) -> Iterator[Injection]:
    """Delta Lake fails to open a table or to write to it."""
    import deltalake

    injection = Injection(lambda: OSError(5, "Input/output error"), at, outage=outage)

    class Opening(deltalake.DeltaTable):  # type: ignore[misc]
        def __init__(self, *given: Any, **named: Any) -> None:
            injection.tick()
            super().__init__(*given, **named)

    writing = injection.wrap(deltalake.write_deltalake)
    with mock.patch.object(deltalake, "DeltaTable", Opening), mock.patch.object(deltalake, "write_deltalake", writing):
        yield injection


@dataclass
class Ground:
    """A home folder; Prefect's engine and server are not there, what would have been started is kept."""

    home: Path
    started: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def inside(self) -> Iterator["Ground"]:
        """Flows run in this process, on this home."""
        server = SimpleNamespace(update_flow_run_labels=lambda *_: None, read_flow_runs=lambda **_: [])
        log, handler = logging.getLogger("tasks"), _Keeping(self.alerts)
        environment = {"KEEPFIT_HOME": str(self.home), "KEEPFIT_PIPELINES_DIR": str(self.home),
                       "MLFLOW_TRACKING_URI": f"sqlite:///{self.home}/mlflow.db", "DO_NOT_TRACK": "true",
                       "PREFECT__FLOW_RUN_ID": "00000000-0000-4000-8000-000000000001"}  # fmt: skip
        log.addHandler(handler)
        try:
            with mock.patch.dict(os.environ, environment), contextlib.chdir(self.home), _without_prefect(server, self):
                yield self
        finally:
            log.removeHandler(handler)

    def copy(self, to: Path) -> "Ground":
        shutil.copytree(self.home, to)
        return Ground(to)

    def session(self, moment: datetime) -> Any:
        from config.opening import open_pipeline

        return open_pipeline(PIPELINE, moment, "reading")[1]

    def starts(self, **given: Any) -> SimpleNamespace:
        self.started.append(given["idempotency_key"])
        return SimpleNamespace(id=f"run-{len(self.started)}")


class _Remembered:
    """The clean process, asked once about each model file and rows: its answers do not depend on what fails."""

    def __init__(self) -> None:
        self.real, self.answers = subprocess.run, {}  # type: ignore[var-annotated]

    def __call__(self, command: list[str], **given: Any) -> Any:
        if "-I" not in command:
            return self.real(command, **given)
        model, asked, out = (Path(part) for part in command[4:7])
        key = hashlib.sha256(model.read_bytes() + asked.read_bytes()).hexdigest()
        if key not in self.answers:
            done = self.real(command, **given)
            self.answers[key] = done, out.read_bytes()
        done, told = self.answers[key]
        out.write_bytes(told)
        return done


_REMEMBERED = _Remembered()


class _Keeping(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def _without_prefect(server: SimpleNamespace, ground: Ground) -> Iterator[None]:
    import prefect
    import prefect.client.orchestration
    import prefect.deployments

    import tasks.reconciliation
    import tasks.reporting

    replaced = [
        (prefect.Task, "__call__", lambda task, *given, **named: task.fn(*given, **named)),
        (subprocess, "run", _REMEMBERED),
        (prefect.client.orchestration, "get_client", lambda **_: contextlib.nullcontext(server)),
        (prefect.deployments, "run_deployment", lambda _, **given: ground.starts(**given)),
        (tasks.reporting, "create_markdown_artifact", lambda *_, **__: None),
        (tasks.reconciliation, "get_run_logger", lambda: logging.getLogger("tasks.reconciliation")),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, instead in replaced:
            stack.enter_context(mock.patch.object(owner, name, instead))
        yield


def prepare(home: Path) -> Ground:
    """A champion of day 40 whose world turned on day 45, its predictions, and a better candidate of day 90."""
    from config.load import load_pipeline
    from config.settings import load_settings
    from flows.promotion import promotion_flow
    from tasks.core import estimators
    from tasks.core.features import design_matrix
    from tasks.scoring import load_champion

    home.mkdir(parents=True)
    (home / f"{PIPELINE}.yaml").write_text(CONFIG, "utf-8")
    ground, told = Ground(home), rows()
    with ground.inside():
        config, store = load_pipeline(PIPELINE, load_settings()), ground.session(FIRST).store
        store.append("events", told.drop(columns="label").assign(_batch_id="b"), "b")
        known = told["_event_time"] + pd.Timedelta(hours=1)
        store.append("labels", told[["_row_id", "label"]].assign(known_at=known, _batch_id="b"), "b")
        first = _register(ground, config, FIRST)
        if (told_so := promotion_flow.fn(PIPELINE, first.number, FIRST))[0] != "promoted":
            raise TerminalError(f"The benchmark's first champion was not promoted: {told_so[1]}")
        model = load_champion.fn(ground.session(FIRST), first)
        made = estimators.predict(model, design_matrix(told, config.features), "binary")
        predicted = told[["_row_id", "_event_time"]].assign(prediction=made, model_version=1, _batch_id="b")
        store.append("predictions", predicted, "b@1")
        _register(ground, config, SECOND)
    return ground


def _register(ground: Ground, config: Any, moment: datetime) -> Any:
    from tasks import training
    from tasks.core.fitting import Recipe

    session = ground.session(moment)
    snapshot = training.take_snapshot.fn(session, config.split)
    recipe = Recipe(config.problem, config.metric, config.features, config.split, config.candidates[0],
                    {"strength": 1.0}, config.split.history[0], 0)  # fmt: skip
    fitted = training.fit_candidate.fn(session, snapshot, recipe, recipe.key(snapshot.digest, "code"))
    run = training.open_run.fn(session, {})
    version = training.register_candidate.fn(session, run, snapshot, recipe, fitted, {})
    training.close_run.fn(run)
    return version


@dataclass(frozen=True)
class Ended:
    """How a run with a failing vendor ended, and what can be seen afterwards."""

    fired: bool
    error: str
    named: bool
    alerts: int
    aliases: dict[str, int]
    receipts: list[int]
    started: list[str]
    decided: list[str]
    broken: list[str]

    @property
    def wrong(self) -> list[str]:
        """What must not be, in words."""
        champion = self.aliases.get("champion")
        found = [*self.broken]
        found += [] if champion == 1 or champion in self.receipts else ["an alias moved without a receipt"]
        found += ["a retraining started that nobody decided"] if set(self.started) - set(self.decided) else []
        found += ["a retraining started twice"] if len(self.started) > 1 else []
        found += [f"an error without a name: {self.error}"] if self.error and not self.named else []
        return found + (["the failure was silent"] if self.fired and not self.error and not self.alerts else [])


def run(ground: Ground, stage: str, failing: Callable[..., Any], at: int, *, outage: bool) -> Ended:
    """One run of a flow with a vendor that fails, in a copy of the ground that is thrown away."""
    from flows.monitoring import monitoring_flow
    from flows.promotion import promotion_flow
    from tasks.adapters import registry

    with tempfile.TemporaryDirectory(prefix="keepfit-failing-") as name:
        copy = ground.copy(Path(name) / "home")
        with copy.inside():
            error, named = "", True
            with failing(at, outage=outage) as injection:
                try:
                    if stage == "promotion":
                        promotion_flow.fn(PIPELINE, 2, SECOND)
                    else:
                        monitoring_flow.fn(PIPELINE, SECOND)
                except Exception as raised:  # noqa: BLE001 - whatever it is, it is what is measured
                    error, named = f"{type(raised).__name__}: {raised}", isinstance(raised, KeepfitError)
            journal = copy.session(SECOND).journal
            entries = journal.entries()
            broken = journal.verify() + invariants.receipt_passes(entries, championship.reign(entries))
            decisions = [entry.decision for entry in entries]
            receipts = [d.evidence["version"] for d in decisions if (d.kind, d.outcome) == ("promotion", "promoted")]
            decided = [d.evidence["token"] for d in decisions if d.outcome == "triggered"]
            return Ended(injection.fired, error, named, len(copy.alerts), registry.aliases(PIPELINE), receipts,
                         copy.started, decided, broken)  # fmt: skip


VENDORS = {"registry": failing_registry, "store": failing_store}


def in_turn(ground: Ground, stage: str, vendor: str, *, outage: bool, step: int = 1) -> list[Ended]:
    """The vendor's 1st, 2nd, 3rd ... call fails, until a run needs no further call; `step` leaves calls out."""
    ended, at = [], 1
    while True:
        ended.append(run(ground, stage, VENDORS[vendor], at, outage=outage))
        if not ended[-1].fired:
            return ended
        at += step


def measure(step: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="keepfit-failures-") as name:
        ground = prepare(Path(name) / "home")
        for stage in ("promotion", "monitoring"):
            for vendor in VENDORS:
                ended = [*in_turn(ground, stage, vendor, outage=False, step=step),
                         *in_turn(ground, stage, vendor, outage=True, step=step)]  # fmt: skip
                failed = [one for one in ended if one.fired]
                wrong = [line for one in ended for line in one.wrong]
                stopped = sum(bool(one.error) for one in failed)
                yield Row(
                    f"{stage}: the {vendor} fails at each call in turn, once and for good",
                    f"{len(failed)} failures: {stopped} named errors, the rest alerts; {len(wrong)} wrong",
                    goal="0 wrong", met=not wrong, load=load(),
                )  # fmt: skip
