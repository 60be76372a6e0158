"""A large Parquet delivery, whose texts are categories from reading to writing, becomes what a small one becomes."""

import logging
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.schema import PipelineConfig
from flows import ingestion as flow
from tasks import reading
from tasks.adapters.sources import parquet
from tasks.adapters.store import Store, pieces
from tasks.core import frames, sampling
from tasks.session import Session

NOW = datetime(2024, 3, 1, tzinfo=UTC)
ODD = [None, "", " red", "red ", "NA", "cherry", "a\u200bb", "ann@example.org", "1", "True", "colour"]
"""No value, blanks, a declared word for none, outside the set, a hidden sign, a person, texts of other types."""
PIPELINE = {
    "pipeline": "trial", "problem": "binary", "metric": "roc_auc", "positive": "yes", "negatives": ["no"],
    "split": {"history": [{"kind": "expanding"}], "tuning": 0.2, "evaluation": 0.2},
    "columns": [
        {"name": "id", "role": "id", "type": "string", "required": True},
        {"name": "at", "role": "time", "type": "datetime", "required": True},
        {"name": "colour", "role": "feature", "type": "category", "missing": ["", "NA"]},
        {"name": "shade", "role": "feature", "type": "category", "required": True},
        {"name": "size", "role": "feature", "type": "number"},
        {"name": "pages", "role": "feature", "type": "integer"},
        {"name": "coded", "role": "feature", "type": "integer"},
        {"name": "flag", "role": "feature", "type": "boolean"},
        {"name": "town", "role": "protected", "type": "category"},
        {"name": "person", "role": "protected", "type": "category", "privacy": "category"},
        {"name": "note", "role": "ignore", "type": "category"},
        {"name": "label", "role": "target", "type": "category"},
    ],
    "validation": {"max_quarantined_share": 1.0, "expectations": [
        {"expect": "ExpectColumnValuesToBeInSet", "arguments": {"column": "shade", "value_set": ["red", "blue"]}},
        {"expect": "ExpectColumnValuesToNotMatchRegex", "arguments": {"column": "colour", "regex": "^c"}},
        {"expect": "ExpectColumnPairValuesToBeEqual", "on_fail": "warn",
         "arguments": {"column_A": "colour", "column_B": "shade"}},
        {"expect": "ExpectColumnValuesToBeOfType", "on_fail": "warn",
         "arguments": {"column": "size", "type_": "float64"}},
        {"expect": "ExpectColumnDistinctValuesToBeInSet", "on_fail": "warn",
         "arguments": {"column": "colour", "value_set": ["red", "blue", "green"]}},
    ]},
}  # fmt: skip


def delivery(first, seed, rows=300, usual=("red", "blue", "green")):
    rng = np.random.default_rng(seed)

    def some(words, odd=(), first=3):
        told = rng.choice(np.array([*words], object), rows)
        for place, word in enumerate(odd):
            told[7 * place + first] = word
        return pa.array(list(told), pa.string())

    ids = [f"p{n}" for n in range(first, first + rows)]
    ids[20] = ids[19]
    sizes = rng.normal(size=rows)
    sizes[5], sizes[6] = np.nan, np.inf
    moments = [NOW - timedelta(days=30) + timedelta(minutes=int(n)) for n in rng.integers(0, 9_000, rows)]
    return pa.table({
        "id": pa.array(ids), "at": pa.array(moments, pa.timestamp("us", "UTC")),
        "colour": some(usual, ODD), "shade": some(usual[:2], ["", "pink", None]),
        "size": pa.array(sizes), "pages": pa.array([None if n % 11 == 0 else n for n in range(rows)], pa.int64()),
        "coded": some(["1", "2"], ["x", None]), "flag": pa.array(rng.random(rows) < 0.5),
        "town": some(["Rome", "Oslo"], [None, "Rome "]), "person": some(["Ann", "Bob"], [None]),
        "note": some(["a", "b"]), "label": some(["yes", "no"], [None, "maybe", " no"], first=2),
    })  # fmt: skip


DELIVERIES = (
    delivery(0, 1), delivery(1_000, 2), delivery(2_000, 3, usual=("crimson", "azure", "olive")), delivery(100, 4),
    delivery(3_000, 1),
)  # fmt: skip
"""Others of the same kind, other categories, known ids, and the rows of the first one under new ids."""


def ingested(folder, told=PIPELINE, deliveries=DELIVERIES):
    """Each table, and what the journal says, after all deliveries were taken in by the flow's own step."""
    store = Store(str(folder / "store"), "trial")
    session = Session(store, f"sqlite:///{folder}/control.db", NOW, "run", lambda: NOW)
    config = PipelineConfig.model_validate(told | {"source": {"kind": "folder", "path": str(folder)}})
    for number, table in enumerate(deliveries):
        pq.write_table(table, folder / f"{number}.parquet")
        with session.leases.hold("ingestion/trial", "run") as lease:
            list(flow._ingest_events(flow._Run(config, session, lease), [folder / f"{number}.parquet"]))
    tables = {name: store.read(name) for name in ("events", "labels", "quarantine", "batches")}
    return tables, [(one.decision.outcome, one.decision.reason) for one in session.journal.entries()]


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.setattr("tasks.ingestion.get_run_logger", lambda: logging.getLogger("run"))
    for room, names in (
        (flow.ingestion, ("keep_raw", "judge_events", "publish_batch", "record_batch")),
        (flow.releasing, ("find_replaced",)), (flow.watching, ("watch_delivery",)),
    ):  # fmt: skip
        for name in names:
            monkeypatch.setattr(room, name, getattr(room, name).fn)


def test_it_is_judged_stored_and_told_the_same(tmp_path, bare, monkeypatch):
    (tmp_path / "small").mkdir()
    (tmp_path / "large").mkdir()
    small, told = ingested(tmp_path / "small")
    for room, name, few in ((parquet, "_ROWS", 64), (reading, "_IDS", 50), (frames, "_AT_ONCE", 70),
                            (sampling, "_AT_ONCE", 90), (pieces, "_ROWS", 100)):  # fmt: skip
        monkeypatch.setattr(room, name, few)
    assert str(parquet.read_parquet(tmp_path / "small" / "0.parquet")["shade"].dtype) == "category"
    large, told_again = ingested(tmp_path / "large")
    assert told_again == told
    for name, rows in small.items():
        pd.testing.assert_frame_equal(large[name], rows)
    rules = {rule for told in small["quarantine"]["rule"] for rule in told.split("; ")}
    assert len(small["events"]) > 500
    assert rules >= {
        "characters:colour", "required:shade", "type:coded", "class:label", "type:size", "row_id:already accepted",
        "ExpectColumnValuesToBeInSet:shade", "ExpectColumnValuesToNotMatchRegex:colour",
    }, rules  # fmt: skip
    assert any("repeated rows" in reason for _, reason in told), told
