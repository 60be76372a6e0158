"""What is old enough goes from every byte, everything still adds up, and what is kept for ever stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tasks import ingestion, retention
from tasks.adapters import expectations
from tasks.adapters.sources import Folder
from tasks.adapters.store import Store
from tasks.core import batches, invariants
from tasks.core.columns import Column
from tasks.core.privacy.erasure import settle
from tasks.session import Session

COLUMNS = (Column(name="who", role="id", type="string"), Column(name="x", role="feature", type="number"))
START, MONTH = datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=30)
KEEP = dict.fromkeys(("raw", "quarantine", "predictions"), 2 * MONTH)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Four months, each with a refused row and predictions."""
    monkeypatch.setattr(expectations, "validate", lambda *_: SimpleNamespace(rows={}, refusals=(), checks=(), asked=()))
    store = Store(str(tmp_path / "store"), "p")
    for month in range(4):
        now = Session(store, f"sqlite:///{tmp_path}/control.db", START + month * MONTH, "run")
        (tmp_path / f"{month}.csv").write_text(f"who,x\na{month},1\nb{month},2\nc{month},broken-{month}\n")
        delivery = ingestion.keep_raw.fn(now, tmp_path / f"{month}.csv", "events")
        judged = ingestion.judge_events.fn(now, delivery, Folder(path="in"), COLUMNS, batches.Suite())
        for name, table in batches.event_tables(judged, delivery, COLUMNS, None, timedelta(0)).items():
            store.append(name, table, delivery.batch_id)
        rows = store.read("events")
        mine = rows[rows["_batch_id"] == delivery.batch_id][["_row_id", "_batch_id"]]
        scored = mine.assign(prediction=0.5, model_version=1, scored_at=pd.Timestamp(now.as_of))
        store.append("predictions", scored, f"{delivery.batch_id}@1")
    return replace(now, as_of=START + 4 * MONTH - timedelta(days=1))


def sums(store: Store) -> list[str]:
    counts = {t: store.read(t, ["_batch_id"]).groupby("_batch_id").size() for t in ("events", "quarantine")}
    counts["labels"] = pd.Series(dtype="int64")
    scored = store.read("predictions", ["_batch_id", "model_version", "_row_id"])
    broken = invariants.batches_once(store.read("batches"), settle(counts, store.erased("rows")))
    return broken + invariants.scored_once(dict(counts["events"]), scored)


def test_two_months_are_kept_and_what_is_older_is_gone_once_and_journalled(session, tmp_path):
    store = session.store
    told = retention.apply_retention.fn(session, KEEP)
    assert [line.split(" were")[0] for line in told] == ["2 kept deliveries", "2 quarantined rows", "4 predictions"]
    assert sorted(len(path.read_bytes()) > 0 for path in (store.folder / "raw").iterdir()) == [False, False, True, True]
    assert len(store.read("quarantine")) == 2
    assert len(store.read("predictions")) == 4
    assert len(store.read("events")) == 8
    assert sums(store) == []
    (entry,) = session.journal.entries("retention")
    assert entry.decision.evidence["removed"] == {"raw": 2, "quarantine": 2, "predictions": 4}
    assert retention.apply_retention.fn(replace(session, run_id="next"), KEEP) == ()
    assert len(session.journal.entries("retention")) == 1
    assert ingestion.keep_raw.fn(session, tmp_path / "0.csv", "events") is None, "known by its hash"
    assert sorted(len(path.read_bytes()) > 0 for path in (store.folder / "raw").iterdir()) == [False, False, True, True]


def test_nothing_goes_without_terms_or_while_another_run_is_at_work(session):
    before = {path: path.read_bytes() for path in session.store.folder.rglob("*") if path.is_file()}
    assert retention.apply_retention.fn(session, {}) == ()
    with session.leases.hold("scoring/p", "another"):
        assert retention.apply_retention.fn(session, KEEP) == ()
    assert {path: path.read_bytes() for path in session.store.folder.rglob("*") if path.is_file()} == before
