"""Trials run in threads, in processes or on a Dask cluster by one line of the pipeline's file, with equal results."""

from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.e2e.conftest import Demo, keepfit

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

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
split: {{history: [60d], tuning: 10d, evaluation: 10d}}
candidates: [{{kind: linear}}]
search: {{trials: 2}}
runner: {runner}
"""


def deliver(folder: Path) -> None:
    rng = np.random.default_rng(5)
    days = pd.date_range("2024-01-01", periods=900, freq="2h")
    size, colour = rng.normal(50, 10, len(days)), rng.choice(["red", "blue"], len(days))
    price = 3 * size + 20 * (colour == "red") + rng.normal(0, 5, len(days))
    table = pd.DataFrame({"day": days.strftime("%Y-%m-%dT%H:%M:%SZ"), "size": size, "colour": colour, "price": price})
    folder.mkdir()
    table.to_csv(folder / "houses.csv", index=False)


def test_threads_processes_and_dask_find_the_same_candidate(demo: Demo, tmp_path: Path) -> None:
    deliver(tmp_path / "data")
    (tmp_path / "pipelines").mkdir()
    environment = demo.environment | {"KEEPFIT_PIPELINES_DIR": str(tmp_path / "pipelines")}
    found = {}
    for kind in ("threads", "processes", "dask"):
        name = f"houses-{kind}"
        text = PIPELINE.format(name=name, folder=tmp_path / "data", runner=f"{{kind: {kind}}}")
        (tmp_path / "pipelines" / f"{name}.yaml").write_text(text)
        assert keepfit(environment, "run", "ingestion", name).stdout == "houses.csv: accepted\n"
        trained = keepfit(environment, "run", "training", name, "--as-of", "2024-04-01T00:00+00:00")
        assert trained.stdout == "1: promoted\n", trained.stdout + trained.stderr
        found[kind] = _tags(demo, name)
    keys = ("keepfit.recipe", "keepfit.promised", "keepfit.trained_until")
    for kind, tags in found.items():
        assert [tags[key] for key in keys] == [found["threads"][key] for key in keys], kind


def _tags(demo: Demo, name: str) -> dict[str, str]:
    query = {"name": name, "version": "1"}
    found = httpx.get(f"{demo.mlflow}/api/2.0/mlflow/model-versions/get", params=query, trust_env=False).json()
    return {tag["key"]: tag["value"] for tag in found["model_version"]["tags"]}
