"""The life of a pipeline on messy data of somebody's own: months of taxi trips through `keepfit new` and the loop.

What must come of it stands in test_chicago.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from tests.e2e import early
from tests.real_data import real_texts

TRIPS = "chicago_taxi/data.csv"
FIRST, LAST = "2013-04", "2014-04"
LOOK = """
import json
from config.opening import open_pipeline
config, session = open_pipeline("trips", None, "look")
read = session.store.read
batches, served, labels = read("batches"), read("predictions"), read("labels")
print(json.dumps({
    "decisions": [{"stage": e.decision.kind, "outcome": e.decision.outcome, "as_of": e.decision.as_of.isoformat(),
                   "verdict": e.decision.verdict.value, "evidence": dict(e.decision.evidence)}
                  for e in session.journal.entries()],
    "rows": batches[["delivered", "accepted", "quarantined"]].sum().to_dict(), "files": len(batches),
    "events": len(read("events", ["_row_id"])), "positive": int(labels["label"].sum()), "labels": len(labels),
    "scored": len(served), "twice": int(served.duplicated(["_row_id", "model_version"]).sum()),
    "features": [column.name for column in config.columns if column.role == "feature"],
}, default=str))
"""


def delivered(source: Path) -> dict[str, int]:
    """A file a month, in the order of the original, with the target as a column; how many rows and yes they hold."""
    trips = real_texts(TRIPS)
    tips, fares = (pd.to_numeric(trips[name]) for name in ("tips", "fare"))
    trips["big_tip"] = (tips > 0.2 * fares).map({True: "yes", False: "no"})
    month = pd.to_datetime(pd.to_numeric(trips["trip_start_timestamp"]), unit="s").dt.strftime("%Y-%m")
    trips = trips[month.between(FIRST, LAST)]
    for name, rows in trips.groupby(month):
        rows.to_csv(source / f"{name}.csv", index=False)
    return {"rows": len(trips), "yes": int((trips["big_tip"] == "yes").sum()), "files": month[trips.index].nunique()}


def live(folder: Path) -> dict[str, Any]:
    """What `new`, `check`, the replay, `verify` and `reproduce` said, what was delivered, and what became of it."""
    from tests.e2e.conftest import clean_environment, keepfit

    source, pipelines = folder / "trips", folder / "pipelines"
    for made in (source, pipelines):
        made.mkdir(parents=True)
    came = delivered(source)
    environment = clean_environment(folder / "home") | {
        "KEEPFIT_PIPELINES_DIR": str(pipelines),
        "KEEPFIT_DEPLOYMENTS_FILE": str(folder / "prefect.yaml"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    target = ("--target", "big_tip", "--time", "trip_start_timestamp")
    when = ("--from", "2013-12-31", "--to", "2014-05-01", "--every", "30d")
    try:
        assert keepfit(environment, "up", "--detach").returncode == 0
        told = {
            name: keepfit(environment, *arguments, patience=early.PATIENCE)
            for name, arguments in {
                "new": ("new", "trips", "--from", str(source), *target),
                "check": ("check", "trips"),
                "replay": ("replay", "trips", "--here", *when),
                "verify": ("verify", "trips"),
                "reproduce": ("reproduce", "trips", "1"),
            }.items()
        }
        looked = subprocess.run(
            [sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
    finally:
        assert keepfit(environment, "down").returncode == 0
    assert looked.returncode == 0, looked.stderr
    said = {name: (one.returncode, one.stdout + one.stderr) for name, one in told.items()}
    return json.loads(looked.stdout.splitlines()[-1]) | {"came": came, "said": said}
