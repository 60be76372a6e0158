"""The ground of the benchmarks: a stack of its own in a temporary folder, pipelines made for the purpose, their data.

Nothing is measured here, except what a process cost.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml

NUMBERS, CATEGORIES = [f"number_{i:02d}" for i in range(15)], [f"category_{i}" for i in range(5)]
LOWEST, HIGHEST, BAD_ROWS = -8.0, 8.0, 20
START = datetime(2024, 1, 1, tzinfo=UTC)
HISTORY_DAYS, NEW_DAYS = 60, 30
TRAINED_AT = START + timedelta(days=HISTORY_DAYS + 1)
MEASURED_AT = START + timedelta(days=HISTORY_DAYS + NEW_DAYS + 1)
LABEL_DELAY = timedelta(days=1)
PIPELINE = "bench"
_FOREIGN = ("KEEPFIT_", "PREFECT_", "MLFLOW_")


@dataclass(frozen=True)
class Cost:
    """What a process took from its start to its end: seconds on the clock and, with its children, of the processor."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class World:
    """A running stack and the folders around it."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def store(self) -> Path:
        return self.home / "store" / PIPELINE

    def source(self, pipeline: str = PIPELINE) -> Path:
        return self.folder / "sources" / pipeline

    def add_pipeline(self, name: str) -> None:
        """Write the pipeline's file and make its source folder."""
        self.source(name).mkdir(parents=True)
        (self.folder / "pipelines" / f"{name}.yaml").write_text(yaml.safe_dump(_pipeline(name, self.source(name))))

    def run(self, *arguments: str) -> Cost:
        """Run Python with these arguments in a fresh process; what it said is shown only when it failed."""
        log = self.folder / "child.log"
        with log.open("wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen([sys.executable, *arguments], stdout=output, stderr=output)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments[:5])} ended with {process.returncode}:\n{log.read_text()[-4000:]}")
        return Cost(wall, usage.ru_utime + usage.ru_stime)

    def keepfit(self, *arguments: str) -> Cost:
        return self.run("-m", "deployments.cli", *arguments)


@contextmanager
def world() -> Iterator[World]:
    """A fresh stack with the production settings; it ends, and its folder goes, with the block."""
    from config.settings import apply_environment, load_settings
    from deployments.stack import running_stack

    with TemporaryDirectory(prefix="keepfit-bench-") as name:
        folder = Path(name)
        for part in ("pipelines", "deployments", "sources"):
            (folder / part).mkdir()
        for variable in [known for known in os.environ if known.startswith(_FOREIGN)]:
            del os.environ[variable]
        os.environ["KEEPFIT_HOME"] = str(folder / "home")
        os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"
        os.environ["KEEPFIT_PIPELINES_DIR"] = str(folder / "pipelines")
        os.environ["KEEPFIT_DEPLOYMENTS_FILE"] = str(folder / "deployments" / "prefect.yaml")
        settings = load_settings()
        with running_stack(settings):
            apply_environment(settings)
            yield World(folder)


def prepare(ground: World, rows: int, history: int) -> None:
    """Bring `bench` to the day before the measured delivery: a champion that has scored and watched its history."""
    ground.add_pipeline(PIPELINE)
    deliver(ground, "history.csv", history, first_day=0, days=HISTORY_DAYS)
    ground.keepfit("deploy")
    for flow in ("ingestion", "training", "cycle"):
        ground.keepfit("run", flow, PIPELINE, "--as-of", TRAINED_AT.isoformat())
    shutil.copytree(ground.store, ground.folder / "prepared")
    deliver(ground, "new.csv", rows, first_day=HISTORY_DAYS, days=NEW_DAYS)


def restore(ground: World) -> None:
    """Take Keepfit's tables and reports back to what `prepare` left, so that every repetition does the same work."""
    shutil.rmtree(ground.store)
    shutil.copytree(ground.folder / "prepared", ground.store)
    shutil.rmtree(ground.home / "evidently", ignore_errors=True)


def deliver(ground: World, name: str, count: int, first_day: int, days: int) -> None:
    """Write a CSV of generated rows into the source folder: nothing drifts, a few values are missing, 20 are absurd."""
    rng = np.random.default_rng([first_day, days])
    numbers = rng.normal(size=(count, len(NUMBERS))).clip(LOWEST, HIGHEST).round(4)
    frame = pd.DataFrame(numbers, columns=NUMBERS)
    cause = numbers[:, 0] - 0.7 * numbers[:, 1] + 0.5 * numbers[:, 2] * numbers[:, 3] + 0.7 * rng.normal(size=count)
    for column in NUMBERS[-2:]:
        frame.loc[rng.random(count) < 0.02, column] = np.nan
    frame.loc[frame.index[:BAD_ROWS], NUMBERS[0]] = 99.0
    for column in CATEGORIES:
        frame[column] = rng.choice(["red", "green", "blue", "amber", "violet"], count)
    at = pd.Timestamp(START) + pd.to_timedelta(np.sort(rng.uniform(first_day, first_day + days, count)), unit="D")
    frame.insert(0, "id", [f"{first_day}-{number:08d}" for number in range(count)])
    frame.insert(1, "at", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    frame["label"] = (cause > 0).astype(int)
    frame.to_csv(ground.source() / name, index=False)


def _pipeline(name: str, folder: Path) -> dict[str, object]:
    inside = {"column": NUMBERS[0], "min_value": LOWEST, "max_value": HIGHEST}
    return {
        "pipeline": name,
        "problem": "binary",
        "source": {"kind": "folder", "path": str(folder), "settle": "0s"},
        "labels": {"kind": "column", "delay": "1d"},
        "columns": [
            {"name": "id", "role": "id", "type": "string", "required": True},
            {"name": "at", "role": "time", "type": "datetime", "required": True},
            *({"name": column, "role": "feature", "type": "number"} for column in NUMBERS),
            *({"name": column, "role": "feature", "type": "category"} for column in CATEGORIES),
            {"name": "label", "role": "target", "type": "category"},
        ],
        "positive": "1",
        "validation": {"expectations": [{"expect": "ExpectColumnValuesToBeBetween", "arguments": inside}]},
        "split": {"history": ["40d"], "tuning": "7d", "evaluation": "10d"},
        "candidates": [{"kind": "hist_gradient_boosting"}],
        "search": {"trials": 1},
        "metric": "roc_auc",
        "drift": {"window": "31d"},
        "performance": {"window": "31d"},
    }
