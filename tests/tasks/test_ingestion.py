"""A row id is accepted once: what an earlier batch accepted is refused, and nothing else is."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tasks import ingestion
from tasks.adapters import expectations
from tasks.adapters.sources import Folder
from tasks.adapters.store import Store
from tasks.core.batches import Suite, row_id_of
from tasks.core.columns import Column
from tasks.session import Session

NOW = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = (Column(name="id", role="id", type="string"), Column(name="x", role="feature", type="number"))
SOURCE = SimpleNamespace(read=lambda _: pd.DataFrame({"id": ["new", "a2", "b1", "newer"], "x": ["1", "2", "3", "4"]}))


@pytest.fixture
def session(tmp_path, monkeypatch):
    """No suite has anything to say, so that Great Expectations need not be loaded."""
    monkeypatch.setattr(expectations, "validate", lambda *_: SimpleNamespace(rows={}, refusals=(), checks=(), asked=()))
    return Session(Store(str(tmp_path / "store"), "p"), "", NOW, "run")


def refused(session, path):
    path.write_text("a delivery", "utf-8")
    delivery = ingestion.keep_raw.fn(session, path, "events")
    return ingestion.judge_events.fn(session, delivery, SOURCE, COLUMNS, Suite()).refused


def test_what_a_replay_of_the_past_takes_in_early_is_not_in_the_future(session, tmp_path):
    """A folder holds years when its first month is replayed; what the clock has not reached yet is refused."""
    columns = (*COLUMNS, Column(name="at", role="time", type="datetime"))
    rows = {"id": ["a", "b"], "x": ["1", "2"], "at": ["2024-06-01T00:00:00Z", "2031-01-01T00:00:00Z"]}
    source = SimpleNamespace(read=lambda _: pd.DataFrame(rows))
    (tmp_path / "years.csv").write_text("a delivery", "utf-8")
    for clock, out in (
        (datetime(2026, 1, 1, tzinfo=UTC), {1}),
        (NOW, {0, 1}),
        (datetime(2032, 1, 1, tzinfo=UTC), set()),
    ):
        then = replace(session, clock=lambda moment=clock: moment)
        delivery = ingestion.keep_raw.fn(then, tmp_path / "years.csv", "events")
        judged = ingestion.judge_events.fn(then, delivery, source, columns, Suite())
        assert {n for n, rule in judged.refused.items() if "event_time:future" in rule} == out


def test_rows_that_any_earlier_batch_accepted_are_refused_and_no_others(session, tmp_path):
    assert refused(session, tmp_path / "third.csv") == {}
    for batch, ids in (("first", ["a1", "a2"]), ("second", ["b1", "b2"])):
        events = pd.DataFrame({"_row_id": [row_id_of(one) for one in ids], "_batch_id": batch, "_event_time": NOW})
        session.store.append("events", events, batch)
    assert refused(session, tmp_path / "third.csv") == {1: "row_id:already accepted", 2: "row_id:already accepted"}


def test_the_run_that_keeps_a_file_has_a_name_that_can_be_shown():
    name = ingestion.keep_raw.task_run_name(parameters={"path": Path("a\nERROR \udcff\u202e.csv")})
    assert name == "keep a\\nERROR \\udcff\\u202e.csv"


def test_what_is_left_out_is_said_in_every_run(session, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(ingestion, "get_run_logger", lambda: logging.getLogger("run"))
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "a\n.csv").symlink_to(tmp_path / "secret")
    listing = ingestion.list_deliveries.fn(Folder(path=str(folder)), session)
    assert listing.ready == ()
    assert listing.left_out == {"a\\n.csv": "file:link"}
    assert caplog.messages == ["left out, no file of the source's folder: a\\n.csv (file:link)"]
