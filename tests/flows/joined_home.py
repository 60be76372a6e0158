"""A home whose pipeline joins the weather to its trips, and a program that kills its ingestion at named points.

A program of its own: it forks before any table is opened, because the threads of table readers do not survive a fork.
"""

import json
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from unittest import mock

import pandas as pd

from benchmarks.ground import PIPELINE, Ground

FIRST, SECOND = datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 1, 20, tzinfo=UTC)
CONFIG = """
pipeline: p
problem: regression
source: {kind: folder, path: trips, settle: 0s}
columns:
  - {name: id, role: id, type: string}
  - {name: at, role: time, type: datetime}
  - {name: station, role: feature, type: category}
  - {name: degrees, role: feature, type: number, join: weather.temperature}
  - {name: sky, role: feature, type: category, join: weather}
  - {name: minutes, role: target, type: number}
joins:
  - name: weather
    source: {kind: folder, path: weather, settle: 0s, separator: ";"}
    key: {station: place}
    time: {name: measured, timezone: Europe/Berlin}
    known_at: {name: published, timezone: Europe/Berlin}
    max_age: 3d
    max_quarantined_share: 1
split: {history: [45d], tuning: 7d, evaluation: 10d}
validation: {max_quarantined_share: 0.6}
metric: mae
"""
WEATHER = [  # place, measured and published (Berlin: an hour ahead of UTC in winter), temperature, sky
    ("north", "2024-01-01 08:00", "2024-01-01 09:00", "1.5", "clear"),
    ("north", "2024-01-01 12:00", "2024-01-01 20:00", "4.5", "rain"),
    ("south", "2024-01-01 08:00", "2024-01-01 09:00", "7.25", ""),
    ("south", "2024-01-02 08:00", "2024-01-02 09:00", "hot", "clear"),
    ("", "2024-01-01 08:00", "2024-01-01 09:00", "1", "clear"),
    ("south", "2024-01-03 08:00", "2024-01-03 09:00", "1", "clear"),
    ("south", "2024-01-03 08:00", "2024-01-03 09:00", "2", "clear"),
]
TRIPS = [
    ("before", "2024-01-01T06:59:59Z", "north", "5"),
    ("measured, not published", "2024-01-01T07:30:00Z", "north", "5"),
    ("at its publication", "2024-01-01T08:00:00Z", "north", "5"),
    ("newer not known", "2024-01-01T12:00:00Z", "north", "5"),
    ("newer known", "2024-01-01T19:00:00Z", "north", "5"),
    ("other place", "2024-01-01T19:00:00Z", "south", "5"),
    ("too old", "2024-01-04T11:00:01Z", "north", "5"),
    ("nowhere", "2024-01-01T19:00:00Z", "", "5"),
]


def build(home: Path) -> None:
    for name in ("trips", "weather"):
        (home / name).mkdir(parents=True)
    (home / "p.yaml").write_text(CONFIG, "utf-8")
    weather = pd.DataFrame(WEATHER, columns=["place", "measured", "published", "temperature", "sky"])
    weather.to_csv(home / "weather" / "jan.csv", index=False, sep=";")
    put(home, "one.csv", TRIPS)


def put(home: Path, name: str, rows: list[tuple[str, ...]]) -> None:
    pd.DataFrame(rows, columns=["id", "at", "station", "minutes"]).to_csv(home / "trips" / name, index=False)


@contextmanager
def running(home: Path, run: int = 0):
    """The real flow on a real store, without servers; what a crash left of batches is repaired as ever."""
    from flows import ingestion
    from tasks.reconciliation import Repairs, _batches

    ground = Ground(home, home.parent, runs=run)
    repaired = mock.patch.object(ingestion, "reconcile", lambda session: Repairs(tuple(_batches(session)), ()))
    with ground.inside(), ground.run(), repaired:
        yield ground


def ingest(home: Path, moment: datetime, run: int = 0) -> list[str]:
    from flows.ingestion import ingestion_flow

    with running(home, run):
        return ingestion_flow.fn(PIPELINE, moment)


def main() -> None:
    for module in ("great_expectations", "deltalake", "flows.ingestion", "tasks.reconciliation"):
        import_module(module)
    for point, home in json.loads(sys.argv[1]).items():
        for run, armed in enumerate((point, "", "")):
            if (child := os.fork()) == 0:
                os.environ["KEEPFIT_FAULT"] = armed
                told = ingest(Path(home), FIRST, run)
                (Path(home) / f"told-{run}").write_text("\n".join(told), "utf-8")
                os._exit(0)
            print(point, run, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
