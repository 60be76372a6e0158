"""The ingestion flow with the engine spark on a real local session stores and tells what it does with pandas."""

import pandas as pd

from tests.flows.test_large_tables import DELIVERIES, PIPELINE, bare, ingested
from tests.tasks.adapters.spark import spark

__all__ = ["bare"]  # a fixture
_TYPES = "ExpectColumnValuesToBeOfType"  # their names are each engine's own


def told(engine):
    """The pipeline's file with an engine."""
    rules = [one for one in PIPELINE["validation"]["expectations"] if one["expect"] != _TYPES]
    return PIPELINE | {"validation": PIPELINE["validation"] | {"expectations": rules, "engine": engine}}


def test_deliveries_become_the_same_rows_and_decisions(tmp_path, bare):
    some = [DELIVERIES[0], DELIVERIES[3]]  # the second one has ids of the first
    rooms = [tmp_path / "pandas", tmp_path / "spark"]
    for room in rooms:
        room.mkdir()
    rows, decisions = ingested(rooms[0], told({"kind": "pandas"}), some)
    with spark() as engine:
        again, decisions_again = ingested(rooms[1], told(engine.model_dump()), some)
    assert decisions_again == decisions
    for name, table in rows.items():
        pd.testing.assert_frame_equal(again[name], table)
    rules = {rule for told in rows["quarantine"]["rule"] for rule in told.split("; ")}
    assert {"ExpectColumnValuesToBeInSet:shade", "ExpectColumnValuesToNotMatchRegex:colour"} <= rules
    assert len(rows["events"]) > 100
    kept = rooms[1] / "store" / "trial" / "cache" / "evaluated"
    assert [path for path in kept.rglob("*") if path.is_file() and path.suffix == ".parquet"] == []
