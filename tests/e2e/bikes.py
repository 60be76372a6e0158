"""The life of a pipeline of somebody's own: monthly files of bike rentals through `keepfit new` and the loop.

What must come of it stands in test_bikes.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e import early
from tests.real_data import real_texts

HOURS = "bike_sharing/hour.csv"
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


def live(folder: Path) -> dict[str, Any]:
    """Monthly errors of the loop's champion and of the model of 2011, and the promotions, after two years of files."""
    from tests.e2e.conftest import clean_environment, keepfit

    hours = real_texts(HOURS)
    source, pipelines = folder / "bikes", folder / "pipelines"
    for made in (source, pipelines):
        made.mkdir(parents=True)
    for month, rows in hours.groupby(hours["dteday"].str[:7]):
        rows.to_csv(source / f"{month}.csv", index=False)
    environment = clean_environment(folder / "home") | {
        "KEEPFIT_PIPELINES_DIR": str(pipelines),
        "KEEPFIT_DEPLOYMENTS_FILE": str(folder / "prefect.yaml"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    try:
        assert keepfit(environment, "up", "--detach").returncode == 0
        new = keepfit(environment, "new", "bikes", "--from", str(source), "--target", "cnt", "--time", "dteday")
        assert new.returncode == 0, new.stdout + new.stderr
        when = ("--from", "2011-11-01", "--to", "2013-01-01", "--every", "30d")
        replayed = keepfit(environment, "replay", "bikes", "--here", *when, patience=early.PATIENCE)
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert measured.returncode == 0, measured.stderr
        verified = keepfit(environment, "verify", "bikes")
        served = json.loads(measured.stdout.splitlines()[-1])["promoted"][-1][1]
        again = keepfit(environment, "reproduce", "bikes", str(served))
    finally:
        assert keepfit(environment, "down").returncode == 0
    return json.loads(measured.stdout.splitlines()[-1]) | {
        "new": new.stdout, "verified": verified.returncode, "reproduced": again.stdout + again.stderr,
    }  # fmt: skip
