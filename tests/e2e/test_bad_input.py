"""Bad input on a real stack: a sentence that helps, an exit status, and nothing lost. Never a traceback."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from config.settings import PROJECT
from tasks.adapters.store import Store
from tests.e2e.conftest import KEEPFIT, Demo, keepfit

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900, func_only=True)]
_FILE = """
pipeline: parcels
problem: binary
source: {{kind: folder, path: {folder}, pattern: "*", settle: 3s}}
labels: {{kind: column}}
columns:
  - {{name: parcel, role: id, type: string, required: true}}
  - {{name: at, role: time, type: datetime, required: true}}
  - {{name: weight, role: feature, type: number}}
  - {{name: zone, role: feature, type: category}}
  - {{name: late, role: target, type: category}}
positive: "yes"
split: {{history: [30d], tuning: 5d, evaluation: 5d}}
candidates: [{{kind: linear}}]
search: {{trials: 1}}
metric: roc_auc
"""


def rows(first: int, count: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    weight = rng.normal(size=count)
    return pd.DataFrame({
        "parcel": [f"p{first + number}" for number in range(count)],
        "at": [f"2025-01-{1 + number % 28:02d}T00:00:00Z" for number in range(count)],
        "weight": weight.round(3), "zone": rng.choice(["a", "b"], count), "late": np.where(weight > 0, "yes", "no"),
    })  # fmt: skip


@dataclass(frozen=True)
class Parcels:
    """A second pipeline beside the demo's."""

    folder: Path
    pipelines: Path
    environment: dict[str, str]
    store: Store

    def deliver(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (1.7e9, 1.7e9))  # settled long ago

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return keepfit(self.environment | variables, *arguments)

    def batches(self) -> dict[str, dict]:
        return {row["name"]: row for row in self.store.read("batches").to_dict("records")}


@pytest.fixture(scope="module")
def parcels(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Parcels:
    folder, pipelines = tmp_path_factory.mktemp("parcels"), tmp_path_factory.mktemp("pipelines")
    (pipelines / "parcels.yaml").write_text(_FILE.format(folder=folder))
    environment = demo.environment | {"KEEPFIT_PIPELINES_DIR": str(pipelines)}
    return Parcels(folder, pipelines, environment, Store(str(demo.home / "store"), "parcels"))


def refused(ran: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "error: " in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "fault in Keepfit" not in ran.stderr
    for part in parts:
        assert part in ran.stderr, ran.stderr


def holds(parcels: Parcels) -> None:
    for batch in parcels.batches().values():
        assert batch["accepted"] + batch["quarantined"] == batch["delivered"], batch
    verified = parcels.run("verify", "parcels")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_wrong_file_and_an_unknown_pipeline_are_named(parcels: Parcels) -> None:
    wrong = parcels.pipelines / "wrong.yaml"
    wrong.write_text((parcels.pipelines / "parcels.yaml").read_text() + "colour: red\n")
    try:
        refused(parcels.run("check", "wrong"), "wrong.yaml", "colour", "this key does not exist here")
    finally:
        wrong.unlink()
    refused(parcels.run("run", "ingestion", "parcel"), "There is no pipeline 'parcel'", "Did you mean parcels?")


def test_each_bad_delivery_is_refused_by_its_own_rule(parcels: Parcels) -> None:
    def csv(frame: pd.DataFrame) -> bytes:
        return frame.to_csv(index=False).encode()

    bad: dict[str, tuple[bytes, str]] = {
        "empty.csv": (b"", "The file is empty: not even a header"),
        "unreadable.csv": (bytes(range(128, 256)) * 20, "its bytes are not utf-8-sig text"),
        "damaged.parquet": (b"PAR1" + bytes(100), "not readable as parquet"),
        "missing-column.csv": (csv(rows(200).drop(columns="zone")), "columns are missing: zone"),
        "wrong-type.csv": (csv(rows(300).assign(weight="heavy")), "max_quarantined_share"),
        "all-null.csv": (csv(rows(400).assign(weight="")), "ExpectColumnProportionOfNonNullValuesToBeBetween:weight"),
        "zero-rows.csv": (csv(rows(500, 0)), "ExpectTableRowCountToBeBetween"),
    }
    for name, (content, _) in bad.items():
        parcels.deliver(name, content)
    growing = parcels.folder / "growing.csv"
    growing.write_bytes(csv(rows(600)))
    os.utime(growing, (4e9, 4e9))
    try:
        ran = parcels.run("run", "ingestion", "parcels")
    finally:
        growing.unlink()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "left alone, still being written: growing.csv" in ran.stderr
    batches = parcels.batches()
    for name, (_, rule) in bad.items():
        assert f"{name}: quarantined" in ran.stdout
        assert rule in batches[name]["refusal"], batches[name]["refusal"]
        assert batches[name]["accepted"] == 0
    assert "growing.csv" not in batches
    holds(parcels)


def test_without_a_prefect_server_the_run_says_so(parcels: Parcels) -> None:
    refused(parcels.run("run", "ingestion", "parcels", PREFECT_API_URL="http://127.0.0.1:9/api"), "127.0.0.1:9")


def stopped_at(parcels: Parcels, point: str) -> "subprocess.Popen[str]":
    """An ingestion that has stopped itself at a fault point."""
    armed = parcels.environment | {"KEEPFIT_FAULT": point, "KEEPFIT_FAULT_SIGNAL": "STOP"}
    process = subprocess.Popen(
        [*KEEPFIT, "run", "ingestion", "parcels"], cwd=PROJECT, env=armed, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED or process.poll() is not None)
    return process


def until(happened: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_ctrl_c_ends_a_run_with_one_word_and_the_next_run_loses_nothing(parcels: Parcels) -> None:
    parcels.deliver("good.csv", rows(1000).to_csv(index=False).encode())
    process = stopped_at(parcels, "ingestion.staged")
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGCONT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, output + errors
    assert "Traceback" not in output + errors
    assert "interrupted" in errors
    again = parcels.run("run", "ingestion", "parcels")
    assert again.returncode == 0, again.stdout + again.stderr
    assert parcels.batches()["good.csv"]["accepted"] == 20
    holds(parcels)
