"""Messy files become a pipeline by `keepfit new` alone, and its ingestion takes in every row that can be taken in."""

import logging
import os
from collections import Counter
from datetime import UTC, datetime

import pytest

from config.load import load_file
from deployments.first_look import first_look
from flows import ingestion as flow
from tasks.adapters.sources import FolderLabels
from tasks.adapters.store import Store
from tasks.core.errors import ConfigInvalid, DataRejected
from tasks.session import Session
from tasks.verification import _check_batches
from tests.corpus.messy import MESSY, REPEATED, ROWS
from tests.real_data import real_file

NOW = datetime(2024, 2, 1, tzinfo=UTC)


def look(folder, target, labels=None, name="trial"):
    for path in folder.glob("*/*"):
        os.utime(path, (1.7e9, 1.7e9))  # long written
    found, text = first_look(name, folder / "events", target, None, None, labels)
    path = folder / f"{name}.yaml"
    path.write_text(text, "utf-8")
    return found, load_file(path)


@pytest.fixture
def ingest(tmp_path, monkeypatch):
    """Take in what a pipeline's sources hold, as the flow does; gives the journal's evidence and the store."""
    monkeypatch.setattr("tasks.ingestion.get_run_logger", lambda: logging.getLogger("run"))
    for name in ("list_deliveries", "keep_raw", "judge_events", "judge_labels", "publish_batch", "record_batch"):
        monkeypatch.setattr(flow.ingestion, name, getattr(flow.ingestion, name).fn)
    monkeypatch.setattr(flow.watching, "watch_delivery", flow.watching.watch_delivery.fn)
    monkeypatch.setattr(flow.releasing, "find_replaced", flow.releasing.find_replaced.fn)
    store = Store(str(tmp_path / "store"), "trial")
    session = Session(store, f"sqlite:///{tmp_path}/control.db", NOW, "run", lambda: NOW)

    def run(config):
        with session.leases.hold("ingestion/trial", "run") as lease:
            listed = flow.ingestion.list_deliveries(config.source, session)
            done = list(flow._ingest_events(mine := flow._Run(config, session, lease), listed.ready))
            if isinstance(config.labels, FolderLabels):
                listed = flow.ingestion.list_deliveries(config.labels, session)
                done += flow._ingest_labels(mine, listed.ready, config.labels)
        assert _check_batches(session) == []
        return [one.evidence for one in done], store

    return run


def rules(told):
    return dict(sum((Counter(one["rules"]) for one in told), Counter()))


@pytest.mark.parametrize(
    ("name", "target", "accepted", "refused"),
    [
        ("literal_nulls", "fare", ROWS, {}),
        ("semicolons", "fare", ROWS, {}),
        ("month_names", "fare", ROWS, {}),
        ("of_another_year", "fare", ROWS, {"event_time:too early": 5}),
        ("duplicates", "fare", ROWS, {"row:repeated": REPEATED}),
        ("monthly_parquet", "fare", ROWS, {}),
        ("late_labels", "tipped", ROWS + ROWS // 2, {}),
    ],
)
def test_messy_files_become_a_pipeline_that_takes_in_all_that_can_be(name, target, accepted, refused, tmp_path, ingest):
    MESSY[name](tmp_path)
    _, config = look(tmp_path, target, tmp_path / "labels" if name == "late_labels" else None)
    told, store = ingest(config)
    assert (sum(one["accepted"] for one in told), rules(told)) == (accepted, refused), told
    events = store.read("events")
    times = events["_event_time"]
    assert (times.min().year, times.max().year, times.dt.month.nunique()) == (2023, 2023, 12)
    features = [column.name for column in config.columns if column.role == "feature"]
    assert {"zone", "passengers", "km"} <= set(features)
    assert events["km"].between(0, 100).mean() > 0.85
    labels = store.read("labels")["label"]
    assert len(labels) >= ROWS // 2 - 20
    assert 0 < labels.mean() < 100


def test_what_was_found_of_messy_files_is_written_for_review(tmp_path):
    for name, target, expected in (
        ("literal_nulls", "fare", ['{name: "zone", role: "feature", type: "category", missing: ["", "NULL"]}']),
        ("semicolons", "fare", ['separator: ";"', 'encoding: "cp1252"', 'decimal: ","', 'format: "%d.%m.%Y %H:%M"']),
        ("of_another_year", "fare", ["LOOK: 5 rows lie long before", 'earliest: "2023-01-0']),
        ("duplicates", "fare", ["repeats: set_aside", '{name: "trip_id", role: "id"']),
        ("monthly_parquet", "fare", ['pattern: "*.parquet"', '{name: "zone", role: "feature", type: "category", opti']),
        ("late_labels", "tipped", ['id: "trip_no"', 'delay: "3d"', 'negatives: ["no"]', "sentinel: warn",
                                   'known_format: "%d/%m/%Y %H:%M"']),
    ):  # fmt: skip
        folder = tmp_path / name
        MESSY[name](folder)
        found, _ = look(folder, target, folder / "labels" if name == "late_labels" else None)
        assert (found.start.year, found.end.year) == (2023, 2023)
        text = (folder / "trial.yaml").read_text("utf-8")
        assert [part for part in expected if part not in text] == [], text


def test_repeated_rows_without_id_or_time_are_rows_as_any_other(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "a.csv").write_text("x,y,target\n" + "1,a,2\n2,b,3\n1,b,4\n2,a,5\n1,a,4\n1,b,2\n" * 25)
    found, config = look(tmp_path, "target")
    assert (found.rows, found.repeated, config.validation.repeats) == (150, 0, "as_rows")


def test_what_no_pipeline_can_be_made_of_is_said_with_what_to_do(tmp_path):
    with pytest.raises(ConfigInvalid, match=r"--from .* does not exist; name a file of data"):
        first_look("trial", tmp_path / "nowhere", "x", None, None, None)
    events = tmp_path / "events"
    events.mkdir()
    with pytest.raises(ConfigInvalid, match=r"holds no \*\.csv file"):
        look(tmp_path, "x")
    (events / "a.csv").write_text("id,x\n")
    with pytest.raises(DataRejected, match="a header and no rows"):
        look(tmp_path, "x")
    (events / "a.csv").write_text("id,x\n1,2\n2,3\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "l.csv").write_text("id,y\n8,1\n9,0\n")
    with pytest.raises(DataRejected, match="No column of the labels holds a different id"):
        look(tmp_path, "y", tmp_path / "labels")
    with pytest.raises(ConfigInvalid, match="The labels have no column 'z'"):
        look(tmp_path, "z", tmp_path / "labels")
    (events / "b.parquet").write_text("")
    with pytest.raises(ConfigInvalid, match=r"1 \*\.csv, 1 \*\.parquet: one pipeline reads one kind"):
        look(tmp_path, "x")


def test_chicago_taxi_is_taken_in_without_code(tmp_path, ingest):
    trips = real_file("chicago_taxi/data.csv")
    found, text = first_look("trial", trips, "tips", "trip_start_timestamp", None, None)
    (tmp_path / "trial.yaml").write_text(text, "utf-8")
    told, _ = ingest(load_file(tmp_path / "trial.yaml"))
    (one,) = told
    assert one["delivered"] == found.rows + found.repeated == 15_002
    assert one["accepted"] > 0.98 * one["delivered"], one
