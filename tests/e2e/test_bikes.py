"""Somebody's own data, no code written: a year of bike rentals through the loop, against doing nothing.

The data stay outside the project: KEEPFIT_REAL_DATA names the folder that holds bike_sharing/hour.csv.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.conftest import clean_environment, keepfit

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]

REAL = os.environ.get("KEEPFIT_REAL_DATA")
MEASURE = """
import json, sys
from pathlib import Path
from tempfile import TemporaryDirectory
import pandas as pd
from config.opening import open_pipeline
from config.settings import apply_environment, load_settings
settings = load_settings(); apply_environment(settings)
from tasks.adapters import cleanroom, registry
from tasks.core.features import design_matrix
from tasks.versions import facts_of
config, session = open_pipeline("bikes", None, "measure")
promoted = [e.decision for e in session.journal.entries("promotion") if e.decision.outcome == "promoted"]
frozen = [d.evidence["version"] for d in promoted if d.as_of.year == 2011][-1]
events, labels = session.store.read("events"), session.store.read("labels")
rows = events.merge(labels[["_row_id", "label"]], on="_row_id")
rows = rows[rows["_event_time"] >= pd.Timestamp("2012-01-01", tz="UTC")]
version = registry.version_of("bikes", frozen)
with TemporaryDirectory() as folder:
    path = registry.fetch("bikes", version, Path(folder))
    matrix = design_matrix(rows, facts_of(version).features)
    rows["frozen"] = cleanroom.predict_in_clean_process(path, matrix, "regression")
served = session.store.read("predictions").sort_values("scored_at", kind="stable").drop_duplicates("_row_id")
rows = rows.merge(served[["_row_id", "prediction", "model_version"]], on="_row_id")
month = rows["_event_time"].dt.strftime("%Y-%m")
def mae(name): return (rows[name] - rows["label"]).abs().groupby(month).mean().round(1).to_dict()
print(json.dumps({"frozen": mae("frozen"), "loop": mae("prediction"), "rows": len(rows), "frozen_version": frozen,
                  "promoted": [[d.as_of.isoformat(), d.evidence["version"]] for d in promoted]}))
"""


@pytest.mark.skipif(not REAL, reason="KEEPFIT_REAL_DATA is not set: the folder that holds bike_sharing/hour.csv")
def test_the_loop_beats_the_model_of_2011_by_a_quarter(tmp_path: Path) -> None:
    hours = pd.read_csv(Path(str(REAL)) / "bike_sharing" / "hour.csv", dtype=str, keep_default_na=False)
    (tmp_path / "bikes").mkdir()
    for month, rows in hours.groupby(hours["dteday"].str[:7]):
        rows.to_csv(tmp_path / "bikes" / f"{month}.csv", index=False)
    pipelines = tmp_path / "pipelines"
    pipelines.mkdir()
    environment = clean_environment(tmp_path / "home") | {
        "KEEPFIT_PIPELINES_DIR": str(pipelines),
        "KEEPFIT_DEPLOYMENTS_FILE": str(tmp_path / "prefect.yaml"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    try:
        assert keepfit(environment, "up", "--detach").returncode == 0
        source = str(tmp_path / "bikes")
        made = keepfit(environment, "new", "bikes", "--from", source, "--target", "cnt", "--time", "dteday")
        assert made.returncode == 0, made.stdout + made.stderr
        for leak in ("casual", "registered"):
            assert f"ignored: {leak}" in made.stdout, made.stdout
            assert "LEAK" in made.stdout
        assert "registered 7 deployments" in made.stdout
        when = ("--from", "2011-11-01", "--to", "2013-01-01", "--every", "30d")
        replayed = keepfit(environment, "replay", "bikes", "--here", *when)
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert measured.returncode == 0, measured.stderr
        assert keepfit(environment, "verify", "bikes").returncode == 0
    finally:
        assert keepfit(environment, "down").returncode == 0
    found = json.loads(measured.stdout.splitlines()[-1])
    print(json.dumps(found, indent=1))  # noqa: T201 - the figures, for whoever runs with -s
    assert [one for one in found["promoted"] if one[0].startswith("2012")], "a retraining was promoted in 2012"
    assert len(found["loop"]) == 12, found
    frozen, loop = (sum(found[name].values()) / 12 for name in ("frozen", "loop"))
    assert loop <= 0.75 * frozen, found
