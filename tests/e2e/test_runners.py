"""Trials run in threads, in processes or on a Dask cluster by one line of the pipeline's file, with equal results.

The flows are called from Python, as a person's own script would.
"""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from config.settings import PROJECT
from tests.e2e.conftest import Demo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900, func_only=True)]

PIPELINE = """
pipeline: {name}
problem: regression
metric: mae
source: {{kind: folder, path: "{folder}", settle: 0s}}
columns:
  - {{name: day, role: time, type: datetime}}
  - {{name: size, role: feature, type: number}}
  - {{name: colour, role: feature, type: category}}
  - {{name: price, role: target, type: number}}
  - {{name: note, role: ignore, type: string}}
split: {{history: [60d], tuning: 10d, evaluation: 10d}}
candidates: [{{kind: linear}}]
search: {{trials: 2}}
runner: {runner}
"""


KINDS = ("threads", "processes", "dask")
EQUAL = ("keepfit.recipe", "keepfit.promised", "keepfit.trained_until")
SCRIPT = """
import sys
from datetime import UTC, datetime
from config.settings import apply_environment, load_settings
apply_environment(load_settings())
from flows.ingestion import ingestion_flow
from flows.training import training_flow
if __name__ == "__main__":
    for name in sys.argv[1:]:
        ingested = ingestion_flow(name)
        print(f"{name}: {ingested} {training_flow(name, as_of=datetime(2024, 4, 1, tzinfo=UTC))}")
"""


def deliver(folder: Path, note: str) -> None:
    """The same houses each time; the note makes other row ids of them, so that no fit of another pipeline is theirs."""
    rng = np.random.default_rng(5)
    days = pd.date_range("2024-01-01", periods=900, freq="2h")
    size, colour = rng.normal(50, 10, len(days)), rng.choice(["red", "blue"], len(days))
    price = 3 * size + 20 * (colour == "red") + rng.normal(0, 5, len(days))
    table = pd.DataFrame({"day": days.strftime("%Y-%m-%dT%H:%M:%SZ"), "size": size, "colour": colour, "price": price})
    folder.mkdir()
    table.assign(note=note).to_csv(folder / "houses.csv", index=False)


def test_threads_processes_and_dask_find_the_same_candidate(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    for kind in KINDS:
        deliver(tmp_path / kind, kind)
        text = PIPELINE.format(name=f"houses-{kind}", folder=tmp_path / kind, runner=f"{{kind: {kind}}}")
        (tmp_path / "pipelines" / f"houses-{kind}.yaml").write_text(text)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    environment = demo.environment | {"KEEPFIT_PIPELINES_DIR": str(tmp_path / "pipelines"), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, str(script), *(f"houses-{kind}" for kind in KINDS)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = [line for line in ran.stdout.splitlines() if line.startswith("houses")]
    assert told == [f"houses-{kind}: ['houses.csv: accepted'] (1, 'promoted')" for kind in KINDS]
    found = {kind: _tags(demo, f"houses-{kind}") for kind in KINDS}
    digests = {json.loads(tags["keepfit.snapshot"])["digest"] for tags in found.values()}
    assert len(digests) == len(KINDS), "no fit comes from another's cache"
    for kind, tags in found.items():
        assert [tags[key] for key in EQUAL] == [found["threads"][key] for key in EQUAL], kind
        assert _trials(demo, f"houses-{kind}") == ["Completed"] * 2, kind


def _tags(demo: Demo, name: str) -> dict[str, str]:
    query = {"name": name, "version": "1"}
    found = httpx.get(f"{demo.mlflow}/api/2.0/mlflow/model-versions/get", params=query, trust_env=False).json()
    return {tag["key"]: tag["value"] for tag in found["model_version"]["tags"]}


def _trials(demo: Demo, name: str) -> list[str]:
    """How each trial of the pipeline's training ended."""
    api = httpx.Client(base_url=f"{demo.prefect}/api", trust_env=False)
    query = {"flow_runs": {"name": {"like_": name}}, "flows": {"name": {"any_": ["training"]}}, "limit": 200}
    tasks = api.post("/task_runs/filter", json=query).json()
    return [task["state_name"] for task in tasks if task["task_key"].startswith("fit_trial")]
