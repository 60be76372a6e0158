"""A backfill through Prefect's own task runners: in threads, in processes and on Dask it gives what one worker gives.

The flows are called from Python, as a person's own script would.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from config.settings import PROJECT, stack_addresses
from tasks.adapters.store import Store
from tests.e2e.stacks import stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

RUNNERS = {
    "one": "{kind: threads, workers: 1}", "threads": "{kind: threads}", "processes": "{kind: processes}",
    "dask": "{kind: dask}",
}  # fmt: skip
PIPELINE = """
pipeline: back-{name}
problem: regression
metric: mae
source: {{kind: folder, path: "{folder}", settle: 0s}}
columns:
  - {{name: id, role: id, type: string}}
  - {{name: day, role: time, type: datetime}}
  - {{name: size, role: feature, type: number}}
  - {{name: colour, role: feature, type: category}}
  - {{name: agent, role: protected, type: string, privacy: mail}}
  - {{name: price, role: target, type: number}}
validation:
  corrections: by_id
  expectations:
    - {{expect: ExpectColumnValuesToBeBetween, arguments: {{column: size, min_value: 0}}}}
split: {{history: [60d], tuning: 10d, evaluation: 10d}}
runner: {runner}
"""
RARE = "kestrel-coloured"
SCRIPT = """
import sys
from datetime import UTC, datetime
from config.settings import apply_environment, load_settings
apply_environment(load_settings())
from flows.ingestion import ingestion_flow
if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(name, ingestion_flow(name, as_of=datetime(2024, 4, 1, tzinfo=UTC)))
"""


def deliver(folder: Path) -> list[str]:
    """Five files: sound, with broken rows, not to be read, corrected, with a column more."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    days = pd.date_range("2024-01-01", periods=600, freq="2h")
    table = pd.DataFrame({
        "id": [f"h{n}" for n in range(len(days))], "day": days.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "size": rng.normal(50, 10, len(days)).round(3), "colour": rng.choice(["red", "blue", RARE], len(days)),
        "agent": [f"agent{n % 7}@example.org" for n in range(len(days))], "price": rng.normal(90, 9, len(days)),
    })  # fmt: skip
    table.iloc[:200].to_csv(folder / "1.csv", index=False)
    table.iloc[200:400].assign(size=lambda rows: rows["size"].where(rows.index % 20 > 0, -1)).to_csv(
        folder / "2.csv", index=False
    )
    table.drop(columns="price").to_csv(folder / "3.csv", index=False)
    table.iloc[150:250].assign(price=1.0).to_csv(folder / "4.csv", index=False)
    table.iloc[400:].assign(floor=2).to_csv(folder / "5.csv", index=False)
    return ["1.csv: accepted", "2.csv: accepted", "3.csv: quarantined", "4.csv: accepted", "5.csv: accepted"]


def test_every_runner_gives_what_one_worker_gives_and_leaves_no_row_elsewhere(tmp_path: Path) -> None:
    home, pipelines = tmp_path / "home", tmp_path / "pipelines"
    for folder in (pipelines, tmp_path / "tmp"):
        folder.mkdir()
    outcomes = deliver(tmp_path / "in")
    for name, runner in RUNNERS.items():
        text = PIPELINE.format(name=name, folder=tmp_path / "in", runner=runner)
        (pipelines / f"back-{name}.yaml").write_text(text)
    script = tmp_path / "ingest.py"
    script.write_text(SCRIPT)
    variables = {
        "KEEPFIT_PIPELINES_DIR": str(pipelines), "KEEPFIT_PRIVACY_KEYS": "test:" + "k" * 32, "PYTHONPATH": str(PROJECT),
        "TMPDIR": str(tmp_path / "tmp"), "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    }  # fmt: skip
    with stack(home, **variables) as environment:
        command = [sys.executable, str(script), *(f"back-{name}" for name in RUNNERS)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        told = [line for line in ran.stdout.splitlines() if line.startswith("back-")]
        assert told == [f"back-{name} {outcomes}" for name in RUNNERS]
        steps = {name: _steps(stack_addresses(home)["prefect"], f"back-{name}") for name in RUNNERS}
    wanted = {name: _tables(home, f"back-{name}") for name in RUNNERS}
    for name in RUNNERS:
        for table, rows in wanted["one"].items():
            pd.testing.assert_frame_equal(wanted[name][table], rows, obj=f"{table} of {name}")
        examined = {f"examine {number}.csv": "Completed" for number in range(1, 6)}
        assert {step: state for step, state in steps[name].items() if step.startswith("examine")} == (
            {} if name == "one" else examined
        ), name
        assert {step for step in steps[name] if step.startswith("judge")} == {f"judge {n}.csv" for n in range(1, 6)}
    assert _holding(home, tmp_path / "tmp") == []


def _steps(api: str, name: str) -> dict[str, str]:
    """The tasks on the pages of a pipeline's ingestion, and how each ended."""
    query = {"flow_runs": {"name": {"like_": name}}, "flows": {"name": {"any_": ["ingestion"]}}, "limit": 200}
    tasks = httpx.post(f"{api}/task_runs/filter", json=query, trust_env=False).json()
    return {task["name"]: task["state_name"] for task in tasks}


def _tables(home: Path, name: str) -> Mapping[str, Any]:
    store = Store(str(home / "store"), name)
    tables = {table: store.read(table) for table in ("events", "labels", "quarantine", "batches", "superseded")}
    assert len(tables["events"]) > 500
    return {table: rows.sort_values(list(rows), ignore_index=True)[sorted(rows)] for table, rows in tables.items()}


def _holding(home: Path, *others: Path) -> list[str]:
    """Files that hold a row's word, or are results that Prefect stores, outside of the store."""
    files = [path for folder in (home, *others) for path in folder.rglob("*") if path.is_file()]
    outside = [path for path in files if home / "store" not in path.parents]
    assert any(home / "store" in path.parents for path in files)
    stored = home / "prefect" / "results"
    return [str(path) for path in outside if stored in path.parents or RARE.encode() in path.read_bytes()]
