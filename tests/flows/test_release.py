"""Corrected deliveries take the place of earlier ones, and quarantined rows come back after a fix: once, and told."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from config.schema import PipelineConfig
from flows import ingestion as flow
from flows import release as release_module
from tasks import reconciliation, verification
from tasks.adapters import expectations
from tasks.adapters.store import Store, adopting, removing
from tasks.core import dossiers
from tasks.core.errors import NotFound
from tasks.core.results import Window
from tasks.session import Session

NOW = datetime(2024, 3, 1, tzinfo=UTC)
BASE = {
    "pipeline": "trial", "problem": "regression", "metric": "mae",
    "split": {"history": [{"kind": "expanding"}], "tuning": 0.2, "evaluation": 0.2},
    "columns": [
        {"name": "id", "role": "id", "type": "string", "required": True},
        {"name": "at", "role": "time", "type": "datetime", "required": True},
        {"name": "x", "role": "feature", "type": "number"},
        {"name": "y", "role": "target", "type": "number"},
    ],
}  # fmt: skip


def _no_rules(*_):
    """A suite without a word."""
    return SimpleNamespace(rows={}, refusals=(), checks=(), asked=())


class Cut(RuntimeError):
    """The process dies here."""


def cut_at(at, real, steps):
    """The process dies before the call of that number, counted over all that share `steps`."""

    def maybe(*args, **kwargs):
        if next(steps) == at:
            raise Cut
        return real(*args, **kwargs)

    return maybe


class Place:
    """A pipeline whose deliveries are put, corrected and released, by the flows' own code, without Prefect."""

    def __init__(self, folder, monkeypatch):
        self.inbox, self.monkeypatch = folder / "in", monkeypatch
        self.inbox.mkdir()
        store = Store(str(folder / "store"), "trial")
        self.session = Session(store, f"sqlite:///{folder}/control.db", NOW, "run", lambda: NOW)
        self.validation, self.ids, self.x = {}, True, {}

    @property
    def config(self):
        columns = [
            dict(c) | (self.x if c["name"] == "x" else {}) for c in BASE["columns"] if self.ids or c["name"] != "id"
        ]
        source = {"kind": "folder", "path": str(self.inbox), "settle": "0s"}
        return PipelineConfig.model_validate(
            BASE | {"columns": columns, "source": source, "validation": self.validation}
        )

    def later(self, days=1):
        moment = self.session.as_of + timedelta(days=days)
        self.session = replace(self.session, as_of=moment, clock=lambda: moment)

    def put(self, name, rows):
        frame = pd.DataFrame(rows, columns=["id", "at", "x", "y"])
        frame["at"] = [f"2024-01-{day:02d}T00:00:00Z" for day in frame["at"]]
        frame.to_csv(self.inbox / name, index=False)
        return self.take()

    def take(self):
        self.later()
        with self.session.leases.hold("ingestion/trial", "run") as lease:
            ready = flow.ingestion.list_deliveries(self.config.source, self.session).ready
            return list(flow._ingest_events(flow._Run(self.config, self.session, lease), ready))

    def release(self, what, who="Ada", why="the scale was mended"):
        self.later()
        self.monkeypatch.setattr(release_module, "begin_run", lambda _: (self.config, self.session))
        return release_module.release_flow.fn("trial", what, who, why)

    def read(self, name="events"):
        found = self.session.store.read(name)
        return sorted(zip(found["id"], found["x"], strict=True)) if name == "events" else found

    def holds(self):
        assert verification._check_batches(self.session) == []
        assert verification._check_scores(self.session) == []
        assert self.session.journal.verify() == []
        events = self.session.store.read("events", ["_row_id"])["_row_id"]
        assert events.is_unique
        return True


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.ingestion.get_run_logger", lambda: logging.getLogger("run"))
    monkeypatch.setattr("tasks.session.orchestrator.sign_flow_run", lambda _: None)
    monkeypatch.setattr(release_module, "reconcile", lambda session: list(reconciliation._batches(session)))
    monkeypatch.setattr(release_module.reporting, "show_page", lambda *_: None)
    for room, names in (
        (flow.ingestion, ("list_deliveries", "keep_raw", "judge_events", "publish_batch", "record_batch")),
        (flow.releasing, ("find_replaced", "find_quarantined", "judge_again")),
        (flow.watching, ("watch_delivery",)),
    ):
        for name in names:
            bare = getattr(room, name).fn
            bare.fn = bare  # tasks call each other's functions
            monkeypatch.setattr(room, name, bare)
    return Place(tmp_path, monkeypatch)


def some(first, count, x=1.0, day=1):
    return [[f"p{n}", day + n % 20, x + n, 2.0 * n] for n in range(first, first + count)]


def score(place, version=1):
    """Predictions of every accepted row, a batch at a time, as scoring publishes them."""
    events = place.session.store.read("events", ["_row_id", "_event_time", "_batch_id"])
    for batch, rows in events.groupby("_batch_id"):
        told = rows.assign(prediction=1.0, model_version=version)
        place.session.store.append("predictions", told, f"{batch}@{version}")


def test_a_delivery_of_the_same_name_takes_the_place_of_the_earlier_one_and_says_so(place):
    place.validation = {"corrections": "by_name"}
    place.put("jan.csv", some(0, 30))
    place.put("feb.csv", some(30, 30))
    score(place)
    before = place.session.store.snapshot(Window(datetime(2024, 1, 1, tzinfo=UTC), NOW), NOW)
    (told,) = place.put("jan.csv", some(0, 25, x=100.0))
    assert place.read() == sorted((row[0], row[2]) for row in [*some(0, 25, x=100.0), *some(30, 30)])
    assert told.evidence["supersedes"]["rows"] == 30
    assert told.evidence["supersedes"]["touched"]["start"].startswith("2024-01-01")
    assert "takes the place of 30 rows of 1 earlier deliveries" in told.reason
    assert len(place.session.store.read("labels")) == len(place.read()) == 55
    assert place.holds()
    assert len(place.session.store.read_snapshot(before)) == 60  # what a model was trained on can still be read
    assert place.put("jan.csv", some(0, 25, x=100.0)) == []


def test_without_ids_a_correction_by_name_does_the_same_and_without_the_policy_rows_stay(place):
    place.ids = False
    place.put("jan.csv", some(0, 30))
    place.put("jan.csv", some(0, 30, x=5.0))
    assert len(place.session.store.read("events")) == 60
    place.validation = {"corrections": "by_name"}
    place.put("jan.csv", some(0, 20, x=9.0))
    assert len(place.session.store.read("events")) == 20
    assert place.holds()


def test_by_default_a_correction_is_refused_as_it_always_was(place):
    place.put("jan.csv", some(0, 30))
    (told,) = place.put("jan.csv", some(0, 30, x=100.0))
    assert (told.outcome, told.evidence["rules"]["row_id:already accepted"]) == ("quarantined", 30)
    assert "supersedes" not in told.evidence
    assert place.read() == sorted((row[0], row[2]) for row in some(0, 30))
    assert place.holds()


def test_rows_of_the_same_id_take_the_place_of_single_rows(place):
    place.validation = {"corrections": "by_id"}
    place.put("jan.csv", some(0, 30))
    score(place)
    (told,) = place.put("late.csv", some(25, 10, x=100.0))
    assert told.evidence["supersedes"]["rows"] == 5
    assert place.read() == sorted((row[0], row[2]) for row in [*some(0, 25), *some(25, 10, x=100.0)])
    assert place.holds()
    place.put("later.csv", some(25, 3, x=200.0))
    assert place.holds()


def test_a_correction_that_is_refused_takes_no_place(place):
    place.validation = {"corrections": "by_name"}
    place.put("jan.csv", some(0, 30))
    (told,) = place.put("jan.csv", [[*row[:2], "heavy", row[3]] for row in some(0, 30)])
    assert told.outcome == "quarantined"
    assert len(place.read()) == 30
    assert place.holds()


@pytest.mark.parametrize("at", range(7))
def test_a_correction_that_is_cut_off_anywhere_is_finished_once(place, at, monkeypatch):
    monkeypatch.setattr(expectations, "validate", _no_rules)
    place.validation = {"corrections": "by_name"}
    place.put("jan.csv", some(0, 30))
    score(place)
    steps = iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr(adopting, "adopt", cut_at(at, adopting.adopt, steps))
        patch.setattr(removing, "take_out", cut_at(at, removing.take_out, steps))
        with pytest.raises(Cut):
            place.put("jan.csv", some(0, 25, x=100.0))
    list(reconciliation._batches(place.session))
    place.put("jan.csv", some(0, 25, x=100.0))
    assert place.read() == sorted((row[0], row[2]) for row in some(0, 25, x=100.0))
    assert place.holds()


def test_released_rows_are_in_once_with_who_and_why(place):
    bad = [[*row[:2], "1,5", row[3]] for row in some(30, 5)]
    place.put("jan.csv", [*some(0, 30), *bad])
    assert place.release("type:x") == ["jan.csv: nothing is in: every row breaks a rule still"]
    place.x = {"missing": ["", "1,5"]}
    assert place.release("type:x") == ["jan.csv: 5 of 5 rows released"]
    entry = place.session.journal.entries("ingestion")[-1].decision
    assert (entry.outcome, entry.evidence["who"], entry.evidence["why"]) == ("released", "Ada", "the scale was mended")
    assert "released from quarantine" in entry.reason
    assert len(place.read()) == 35
    assert place.holds()
    before = len(place.session.journal.entries())
    for again in ("type:x", "jan.csv"):
        with pytest.raises(NotFound, match="holds no row of a batch or rule"):
            place.release(again)
    assert len(place.session.journal.entries()) == before, "who asks in vain has failed no stage"
    assert len(place.read()) == 35


def test_a_delivery_refused_whole_comes_back_whole_or_not_at_all(place):
    rows = [*some(0, 20), *([*row[:2], "?", row[3]] for row in some(20, 15))]
    (told,) = place.put("jan.csv", rows)
    assert told.outcome == "quarantined"
    (line,) = place.release("type:x")
    assert "nothing is in: batch: max_quarantined_share" in line
    place.validation = {"max_quarantined_share": 0.5}
    assert place.release("jan.csv") == ["jan.csv: 20 of 35 rows released"]
    assert place.holds()
    place.x = {"missing": ["", "?"]}
    assert place.release("type:x") == ["jan.csv: 15 of 15 rows released"]
    assert place.holds()
    assert len(place.read()) == 35


def test_a_delivery_that_could_not_be_read_is_read_again(place):
    place.put("jan.csv", some(0, 3))
    (place.inbox / "feb.csv").write_text("id;at;x;y\n" + "\n".join(f"q{n};2024-02-01;1.5;2" for n in range(9)))
    (told,) = place.put("mar.csv", some(10, 3))[:1]
    assert (told.evidence["name"], told.outcome, told.evidence["delivered"]) == ("feb.csv", "quarantined", 0)
    real = type(place).config
    source = real.fget(place).source.model_copy(update={"separator": ";"})
    place.monkeypatch.setattr(
        type(place), "config", property(lambda self: real.fget(self).model_copy(update={"source": source}))
    )
    assert place.release("batch:columns") == ["feb.csv: the delivery released"]
    assert len(place.read()) == 15
    assert place.holds()


def test_what_was_delivered_anew_is_not_released_beside_it(place):
    bad = [[*row[:2], "?", row[3]] for row in some(30, 5)]
    place.put("jan.csv", [*some(0, 30), *bad])
    place.put("feb.csv", [*some(40, 30), *some(30, 5)])
    place.x = {"missing": ["", "?"]}
    assert place.release("type:x") == ["jan.csv: nothing is in: every row breaks a rule still"]
    place.validation = {"corrections": "by_name"}
    place.put("jan.csv", some(0, 30, x=7.0))
    with pytest.raises(NotFound):
        place.release("jan.csv")
    assert place.holds()


@pytest.mark.parametrize("at", range(4))
def test_a_release_that_is_cut_off_is_finished_by_the_next_repair_and_happens_once(place, at, monkeypatch):
    place.put("jan.csv", [*some(0, 30), *([*row[:2], "?", row[3]] for row in some(30, 5))])
    place.x = {"missing": ["", "?"]}
    monkeypatch.setattr(expectations, "validate", _no_rules)
    with monkeypatch.context() as patch:
        patch.setattr(adopting, "adopt", cut_at(at, adopting.adopt, iter(range(100))))
        with pytest.raises(Cut):
            place.release("type:x")
    with pytest.raises(NotFound):
        place.release("type:x")  # it begins with the repair
    assert len(place.read()) == 35
    assert place.session.journal.entries("ingestion")[-1].decision.evidence["who"] == "Ada"
    assert place.holds()


def test_a_changed_delivery_is_told_in_words_and_refused_where_the_file_says_so(place):
    def put(name, first, **columns):
        frame = pd.DataFrame(some(first, 30), columns=["id", "at", "x", "y"])
        frame["at"] = [f"2024-01-{day:02d}T00:00:00Z" for day in frame["at"]]
        frame.assign(**columns).to_csv(place.inbox / name, index=False)
        return place.take()[0]

    assert "warnings" not in put("a.csv", 0).evidence
    told = put("b.csv", 30, tip=1.5)
    assert told.evidence["warnings"] == [
        "column tip is new (numbers)",
        "1 columns came that nobody declared and that are not read: tip",
    ]
    assert "warning: column tip is new (numbers)" in told.reason
    assert "column tip is new" in dossiers.ingestion_page("trial", [told], (), (), {})
    place.validation = {"refuse_changes": ["lost", "renamed"]}
    told = put("c.csv", 60, tipp=1.5)
    assert (told.outcome, told.evidence["rules"]) == ("quarantined", {"batch:schema-renamed": 30})
    assert "column tip is gone and tipp came: renamed?" in told.reason
    assert put("d.csv", 90, tip=1.5, more="x").outcome == "accepted"
    (place.inbox / "e.csv").write_text("id,at,X_value,y,tip\nq,2024-01-01T00:00:00Z,1,2,3\n")
    (told,) = place.take()
    assert "columns are missing: x. Since the last accepted delivery: column X_value is new" in told.reason
    (place.inbox / "f.csv").write_text("Ada Lovelace,2024-01-01T00:00:00Z,1,x_ray\n")
    (told,) = place.take()
    assert "columns are missing: id, at, x, y. Deliver them" in told.reason
    assert "Ada" not in str(told)
    assert place.holds()


def test_where_nothing_was_ever_quarantined_a_release_says_so(place):
    place.put("jan.csv", some(0, 30))
    with pytest.raises(NotFound, match="Nothing of trial stands in quarantine"):
        place.release("jan.csv")
