"""A home folder in which flows run without Prefect: a real MLflow (SQLite), store, journal and lease table, no server.

Prepared once; `restore` brings it back under its old path, so that MLflow's open database stays open.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import numpy as np
import pandas as pd
from prefect.futures import PrefectFuture

from tasks.core.errors import TerminalError, TransientError

PIPELINE = "p"
START, DAY = datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=1)
FIRST, BETWEEN, SECOND = START + 40 * DAY, START + 88 * DAY, START + 90 * DAY
DAYS, PER_DAY = 90, 30
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
search: {trials: 1}
candidates: [{kind: linear}]
metric: roc_auc
drift: {window: 20d, multivariate: false}
performance: {window: 20d}
triggers: [{kind: performance}]
governor: {cooldown: 1d, min_new_labels: 10}
"""


def rows() -> pd.DataFrame:
    """Ninety days; from day 45 on x means the opposite, so that what was learnt before is worse than a guess."""
    rng, count = np.random.default_rng(3), DAYS * PER_DAY
    day = np.arange(count) // PER_DAY
    x, z = rng.normal(size=count), rng.normal(size=count)
    chance = 1 / (1 + np.exp(-(np.where(day < 45, 2.0, -2.0) * x + 0.5 * z)))
    times = [START + (number + 0.5) / PER_DAY * DAY for number in range(count)]
    return pd.DataFrame({"_row_id": [f"r{n}" for n in range(count)], "_event_time": times, "x": x, "z": z,
                         "label": (rng.random(count) < chance).astype(float)})  # fmt: skip


@dataclass
class Ground:
    """A home folder, where its prepared content is kept, and what its runs started, showed and were alarmed by."""

    home: Path
    folder: Path
    started: dict[str, str] = field(default_factory=dict)
    answered: dict[str, str | None] = field(default_factory=dict)  # by what it was started with: which breach
    alerts: list[str] = field(default_factory=list)
    running: list[Any] = field(default_factory=list)
    runs: int = 0
    token: str = ""

    @contextlib.contextmanager
    def inside(self) -> Iterator["Ground"]:
        """Flows run in this process, on this home."""
        log, handler = logging.getLogger("tasks"), _Keeping(self.alerts)
        environment = {"KEEPFIT_HOME": str(self.home), "KEEPFIT_PIPELINES_DIR": str(self.home),
                       "MLFLOW_TRACKING_URI": f"sqlite:///{self.home}/mlflow.db", "DO_NOT_TRACK": "true",
                       "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}  # fmt: skip
        log.addHandler(handler)
        try:
            with mock.patch.dict(os.environ, environment), contextlib.chdir(self.home), _without_prefect(self):
                yield self
        finally:
            log.removeHandler(handler)

    @contextlib.contextmanager
    def run(self) -> Iterator[str]:
        """A flow run of its own in a process of its own: when it ends, so does whatever it held."""
        from tasks import training
        from tasks.adapters import processes

        self.runs += 1
        me = str(UUID(int=self.runs))
        training.labelled_rows.cache_clear()  # what one process has read, the next one has not
        fate = lambda name: "running" if name == me else "dead"  # noqa: E731
        named = mock.patch.dict(os.environ, {"PREFECT__FLOW_RUN_ID": me})
        own = mock.patch.object(processes, "own", return_value=me)
        with named, own, mock.patch.object(processes, "fate", fate):
            yield me

    def keep(self, name: str) -> None:
        """Keep the home as it is now, by name."""
        shutil.copytree(self.home, self.folder / name)

    def restore(self, name: str) -> None:
        """Bring it back as it was kept."""
        kept = self.folder / name
        for path in self.home.iterdir():
            if not path.name.startswith("mlflow.db"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(kept, self.home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlflow.db*"))
        with contextlib.closing(sqlite3.connect(kept / "mlflow.db")) as source, \
                contextlib.closing(sqlite3.connect(self.home / "mlflow.db")) as target:  # fmt: skip
            source.backup(target)
        self.started.clear()
        self.answered.clear()
        self.alerts.clear()
        dead = SimpleNamespace(
            id=str(UUID(int=0)), name="dead", start_time=START, parameters={"pipeline": PIPELINE}, labels={}
        )
        self.running = [dead] if name == "killed" else []

    def session(self, moment: datetime) -> Any:
        from config.opening import open_pipeline

        return open_pipeline(PIPELINE, moment, "reading")[1]

    def starts(self, **given: Any) -> SimpleNamespace:
        token = given["idempotency_key"]
        self.answered[token] = given["parameters"]["token"]
        return SimpleNamespace(id=self.started.setdefault(token, f"run-{len(self.started)}"))


class _Keeping(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class _Done(PrefectFuture[Any]):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def wait(self, timeout: float | None = None) -> None:
        """It is done."""

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        return self.answer

    def add_done_callback(self, fn: Any) -> None:
        fn(self)


def _call(task: Any, *given: Any, **named: Any) -> Any:
    """A task as Prefect calls it: with its retries, of transient errors only, and without the pauses between them."""
    for left in range(task.retries, -1, -1):
        try:
            return task.fn(*given, **named)
        except TransientError:
            if not left:
                raise
    raise AssertionError


def _clean_process(real: Any, command: list[str], **given: Any) -> Any:
    """What a clean process would answer, asked in this one: starting Python anew takes longer than all the rest."""
    if "-I" not in command:
        return real(command, **given)
    import skops.io

    model, asked, out, problem, _, trusted = command[4:10]
    fitted, matrix = skops.io.load(model, trusted=json.loads(trusted)), pd.read_parquet(asked)
    predicted = fitted.predict_proba(matrix)[:, 1] if problem == "binary" else fitted.predict(matrix)
    np.save(out, predicted.astype("float64"))
    return SimpleNamespace(returncode=0, stdout="[0.001, 100000000]", stderr="")


_MEASURED: dict[str, Any] = {}


def _remembered(real: Any) -> Any:
    """Evidently, asked once about the same rows: what it says does not depend on what fails."""

    def measure(*frames: pd.DataFrame, **named: Any) -> Any:
        sums = [int(pd.util.hash_pandas_object(frame).sum()) for frame in frames]
        key = repr((sums, sorted(named.items())))
        if key not in _MEASURED:
            _MEASURED[key] = real(*frames, **named)
        return _MEASURED[key]

    return measure


@contextlib.contextmanager
def _without_prefect(ground: Ground) -> Iterator[None]:
    import prefect
    import prefect.client.orchestration
    import prefect.deployments

    import flows.ingestion
    import flows.promotion
    import flows.training
    import tasks.reconciliation
    import tasks.reporting
    import tasks.retrying
    from tasks.adapters import drift_metrics, drift_reports, plots

    server = SimpleNamespace(update_flow_run_labels=lambda *_: None, read_flow_runs=lambda **_: list(ground.running),
                             set_flow_run_state=lambda *_, **__: ground.running.clear())  # fmt: skip
    pool = SimpleNamespace(submit=lambda task, parameters: _Done(_call(task, **parameters)))
    process = subprocess.run

    def step(flow: Any, *given: Any, **named: Any) -> Any:
        with mock.patch.object(flows.promotion, "is_step", return_value=True):
            return flow.fn(*given, **named)

    def draw(_model: Any, _rows: Any, _recipe: Any, _worth: Any, folder: Path) -> None:
        (folder / "plot.txt").write_text("a plot", "utf-8")

    def save_html(_measured: Any, path: Path) -> bool:
        return bool(path.write_text("a report", "utf-8"))

    replaced = [
        (prefect.Task, "__call__", _call),
        (prefect.Flow, "__call__", step),
        (tasks.retrying, "RETRY_SECONDS", [0] * tasks.retrying.RETRIES),
        (flows.training, "task_runner", lambda _: contextlib.nullcontext(pool)),
        (flows.ingestion, "task_runner", lambda _: contextlib.nullcontext(pool)),
        (subprocess, "run", lambda command, **given: _clean_process(process, command, **given)),
        (prefect.client.orchestration, "get_client", lambda **_: contextlib.nullcontext(server)),
        (prefect.deployments, "run_deployment", lambda _, **given: ground.starts(**given)),
        (tasks.reporting, "create_markdown_artifact", lambda *_, **__: None),
        (tasks.reporting, "create_progress_artifact", lambda *_, **__: uuid4()),
        (tasks.reporting, "update_progress_artifact", lambda *_, **__: None),
        (tasks.reconciliation, "get_run_logger", lambda: logging.getLogger("tasks.reconciliation")),
        (plots, "draw", draw),
        (drift_metrics, "measure_drift", _remembered(drift_metrics.measure_drift)),
        (drift_reports, "save_html", save_html),
        (drift_reports, "publish_report", lambda *_: "/report"),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, instead in replaced:
            stack.enter_context(mock.patch.object(owner, name, instead))
        yield


def prepare(folder: Path) -> Ground:
    """A champion of day 40 whose world turned on day 45, its predictions, and a better candidate of day 90.

    Of two batches the champion has scored the first. Kept beside it: the same after runs that were killed, and after a
    check that saw the breach and asked for a retraining by `token`.
    """
    from config.load import load_pipeline
    from config.settings import load_settings
    from flows.monitoring import monitoring_flow
    from flows.promotion import promotion_flow
    from flows.scoring import scoring_flow

    home = folder / "home"
    home.mkdir(parents=True)
    (home / f"{PIPELINE}.yaml").write_text(CONFIG, "utf-8")
    ground, told = Ground(home, folder), rows()
    with ground.inside(), ground.run():
        config = load_pipeline(PIPELINE, load_settings())
        _deliver(ground, config, told[told["_event_time"] < BETWEEN], "first")
        first = _register(ground, config, FIRST)
        if (told_so := promotion_flow.fn(PIPELINE, first.number, FIRST))[0] != "promoted":
            raise TerminalError(f"The benchmark's first champion was not promoted: {told_so[1]}")
        scoring_flow.fn(PIPELINE, BETWEEN)
        _deliver(ground, config, told[told["_event_time"] >= BETWEEN], "second")
        _register(ground, config, SECOND)
        ground.keep("whole")
        _kill(ground)
        ground.keep("killed")
    ground.restore("whole")
    with ground.inside(), ground.run():
        monitoring_flow.fn(PIPELINE, SECOND)
        (ground.token,) = ground.started
        ground.keep("breached")
    return ground


def _kill(ground: Ground) -> None:
    """A check and a promotion were killed right after their decisions, a batch before its publication, a training."""
    from flows import monitoring, promotion
    from tasks import training

    check, judge = monitoring.monitoring_flow.fn, promotion.promotion_flow.fn
    killed: tuple[tuple[Any, str, Callable[[], Any]], ...] = (
        (monitoring, "decided", lambda: check(PIPELINE, SECOND)),
        (promotion, "journaled", lambda: judge(PIPELINE, 2, SECOND)),
    )
    for stage, step, flow in killed:
        name = stage.__name__.split(".")[1]
        killer = mock.patch(f"tasks.{name}.fault_point", _killer(f"{name}.{step}"))
        # As a step of a cycle: as a run of its own the second would repair what the first left.
        with contextlib.suppress(SystemExit), killer, mock.patch.object(stage, "is_step", return_value=True):
            flow()
    training.open_run.fn(ground.session(SECOND), {})
    third = rows().head(PER_DAY)
    third = third.assign(_row_id="late " + third["_row_id"], _event_time=third["_event_time"] + 2 * DAYS * DAY)
    _deliver(ground, None, third, "third", publish=False)


def _killer(step: str) -> Any:
    def killed(name: str) -> None:
        if name == step:
            raise SystemExit

    return killed


def _deliver(ground: Ground, config: Any, told: pd.DataFrame, name: str, *, publish: bool = True) -> None:
    import pyarrow as pa

    from config.load import load_pipeline
    from config.settings import load_settings
    from tasks import ingestion
    from tasks.core import batches

    config = config or load_pipeline(PIPELINE, load_settings())
    session = ground.session(FIRST)
    delivery = batches.Delivery(name, hashlib.sha256(name.encode()).hexdigest(), "events", FIRST)
    accepted = told.drop(columns="label").assign(id=told["_row_id"], when=told["_event_time"])
    judged = batches.Judged(accepted, {}, len(told))
    tables = batches.event_tables(judged, delivery, config.columns, None, DAY)
    known = told["_event_time"] + pd.Timedelta(hours=1)
    tables["labels"] = batches.label_table(told["_row_id"], told["label"], known, delivery)
    staged = {key: pa.Table.from_pandas(table, preserve_index=False) for key, table in tables.items()}
    session.store.stage(delivery.batch_id, staged)
    if publish:
        session.store.publish(delivery.batch_id)
        ingestion.record_batch.fn(session, delivery.batch_id)


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
