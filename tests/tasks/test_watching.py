"""A delivery that is broken in a way that the sentinel knows never reaches training; the same one unbroken does."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from tasks import ingestion, watching
from tasks.adapters import expectations
from tasks.adapters.store import Store
from tasks.core import batches, dossiers
from tasks.core.batches import Suite
from tasks.core.columns import Column
from tasks.core.explanation import explanation_page
from tasks.core.journal import chain
from tasks.core.results import Verdict, Window
from tasks.session import Session
from tests.tasks.core.sentinel.test_arrivals import HOURS
from tests.tasks.core.sentinel.worlds import CATEGORIES, MERE_DRIFT, NUMBERS, rows

START, DAYS, ROWS, PAST = pd.Timestamp("2024-02-08", tz="UTC"), 4, 300, 6
COLUMNS = (
    Column(name="id", role="id", type="string", required=True),
    Column(name="at", role="time", type="datetime", required=True),
    *(Column(name=name, role="feature", type="number") for name in NUMBERS),
    *(Column(name=name, role="feature", type="category") for name in CATEGORIES),
    Column(name="y", role="target", type="integer"),
)


def delivery(number, rng, first_id=None):
    """The rows of a delivery of four days, its ids counting up over all deliveries."""
    frame = rows(ROWS, rng)
    hour = rng.choice(24, ROWS, p=HOURS / HOURS.sum())
    at = START + pd.to_timedelta(np.sort(rng.integers(0, DAYS, ROWS)) + number * DAYS, unit="D")
    frame["at"] = at + pd.to_timedelta(hour, unit="h") + pd.to_timedelta(rng.integers(0, 3_600, ROWS), unit="s")
    first = 70_000 + number * ROWS if first_id is None else first_id
    frame["id"] = [f"c{first + place}" for place in range(ROWS)]
    frame["y"] = (rng.random(ROWS) < 0.3).astype(int)
    return frame


def as_text(frame):
    text = frame.assign(at=frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"), y=frame["y"].astype(str))
    for name in NUMBERS:
        text[name] = ["" if np.isnan(value) else repr(float(value)) for value in frame[name]]
    return text.astype(object).where(text.notna(), "").reset_index(drop=True)


class Place:
    """A store with six accepted deliveries, into which another one is taken in."""

    ready: ClassVar[dict[int, Path]] = {}

    def __init__(self, path, seed=0, past=PAST):
        self.path, self.rng = path, np.random.default_rng(seed)
        self.past = [delivery(number, self.rng) for number in range(past)]
        self.session = Session(Store(str(self.path / "store"), "p"), "", datetime.now(UTC), "run")
        if past and seed in self.ready:
            shutil.copytree(self.ready[seed], path / "store")
            return
        for number, frame in enumerate(self.past):
            assert self.take(frame, number, "refuse").outcome == "accepted"
        if past:
            self.ready[seed] = shutil.copytree(path / "store", path / "ready")

    def take(self, frame, number=PAST, policy="refuse"):
        """Take a delivery in and tell what was decided."""
        as_of = (START + pd.Timedelta(days=(number + 1) * DAYS)).to_pydatetime()
        self.session = Session(Store(str(self.path / "store"), "p"), "", as_of, "run")
        file = self.path / "delivery.csv"
        file.write_text(as_text(frame).to_csv(), "utf-8")
        kept = ingestion.keep_raw.fn(self.session, file, "events")
        source = SimpleNamespace(read=lambda _: as_text(frame))
        judged = ingestion.judge_events.fn(self.session, kept, source, COLUMNS, Suite(max_share=0.3))
        judged = watching.watch_delivery.fn(self.session, judged, COLUMNS, None, policy, 100)
        tables = batches.event_tables(judged, kept, COLUMNS, None, timedelta(0))
        for name, table in tables.items():
            self.session.store.append(name, table, kept.batch_id)
        batch = self.session.store.read("batches")
        quarantine = (
            self.session.store.read("quarantine") if self.session.store.exists("quarantine") else pd.DataFrame()
        )
        mine = quarantine[quarantine["_batch_id"] == kept.batch_id] if len(quarantine) else quarantine
        row = batch[batch["_batch_id"] == kept.batch_id].iloc[0]
        assert row["accepted"] + row["quarantined"] == row["delivered"]
        return batches.decision_of(row, mine, "p", as_of)

    def learnt(self):
        """The ids of all rows that a training would be given now."""
        store, until = self.session.store, datetime(2100, 1, 1, tzinfo=UTC)
        return set(store.read_snapshot(store.snapshot(Window(datetime(1960, 1, 1, tzinfo=UTC), until), until))["id"])


def new_ids(frame, first=90_000):
    return frame.assign(id=[f"c{first + place}" for place in range(len(frame))])


def times_exchanged(frame):
    day = frame["at"].dt.day.where(frame["at"].dt.day <= 12, 5)
    wrong = pd.to_datetime({"year": 2024, "month": day, "day": frame["at"].dt.month}, utc=True)
    return frame.assign(at=wrong + (frame["at"] - frame["at"].dt.normalize()))


BROKEN = {
    "unit": lambda f, _: f.assign(price=f["price"] * 100),
    "nulls became zeros": lambda f, _: f.assign(satisfaction=f["satisfaction"].fillna(0.0)),
    "placeholder": lambda f, _: f.assign(age=f["age"].where(f.index % 12 > 0, -999.0)),
    "spelling": lambda f, _: f.assign(plan=f["plan"].str.upper()),
    "recoded": lambda f, _: f.assign(region=f["region"].map({"north": "1", "east": "2", "south": "3", "west": "4"})),
    "swapped": lambda f, _: f.assign(age=f["price"], price=f["age"]),
    "repeated rows": lambda _, past: new_ids(past[2]),
    "ids reset": lambda f, _: new_ids(f, 1),
    "sorted by the label": lambda f, _: f.sort_values("y", kind="stable"),
    "sources missing": lambda f, _: f[f["region"].isin(["north", "east"])],
    "time zone": lambda f, _: f.assign(at=f["at"] + pd.Timedelta(hours=5)),
    "day and month": lambda f, _: times_exchanged(f),
}


@pytest.fixture(autouse=True)
def without_a_suite(monkeypatch):
    """No suite has anything to say, so that Great Expectations need not be loaded."""
    monkeypatch.setattr(expectations, "validate", lambda *_: SimpleNamespace(rows={}, refusals=(), checks=(), asked=()))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_delivery_never_reaches_training_and_the_same_unbroken_does(kind, seed, tmp_path):
    place = Place(tmp_path, seed)
    whole = delivery(PAST, place.rng)
    before, broken = place.learnt(), BROKEN[kind](whole, place.past)
    decision = place.take(broken)
    assert (decision.outcome, decision.verdict) == ("quarantined", Verdict.FAIL)
    assert decision.reason.startswith(f"batch: sentinel: {kind}")
    assert place.learnt() == before
    decision = place.take(whole)
    assert decision.outcome == "accepted", decision.reason
    assert place.learnt() == before | set(whole["id"])


@pytest.mark.parametrize("kind", ["unit", "repeated rows"])
def test_with_the_policy_warn_it_is_accepted_and_the_journal_and_the_page_say_so(kind, tmp_path):
    place = Place(tmp_path)
    decision = place.take(BROKEN[kind](delivery(PAST, place.rng), place.past), policy="warn")
    assert (decision.outcome, decision.verdict) == ("accepted", Verdict.PASS)
    assert any(f"sentinel: {kind}" in told for told in decision.evidence["warnings"])
    assert f"sentinel: {kind}" in decision.reason
    page = dossiers.ingestion_page("p", [replace(decision)], (), (), {})
    assert "looks unusual" in page
    assert kind in page


def test_a_refusal_says_what_to_do_next_on_its_pages(tmp_path):
    place = Place(tmp_path)
    decision = place.take(BROKEN["unit"](delivery(PAST, place.rng), None))
    assert "in price: another unit? The values look multiplied by about 100 (300 of 300 rows)" in decision.reason
    assert "set validation.sentinel to warn" in decision.reason
    entry = chain(None, decision, datetime(2024, 3, 1, tzinfo=UTC))
    page = explanation_page([entry], entry)
    assert "another unit?" in page
    assert "delivered again" in page


def test_ids_that_stand_on_other_rows_are_named(tmp_path):
    place = Place(tmp_path)
    decision = place.take(delivery(PAST, place.rng, first_id=70_000))
    assert decision.outcome == "quarantined"
    assert "sentinel: ids reset" in decision.reason


def test_few_rows_are_told_and_not_lost(tmp_path):
    place = Place(tmp_path)
    decision = place.take(delivery(PAST, place.rng).sample(100, random_state=0))
    assert decision.outcome == "accepted"
    assert "sentinel: volume" in decision.reason


@pytest.mark.parametrize("case", MERE_DRIFT)
def test_what_has_merely_moved_is_accepted_without_a_word(case, tmp_path):
    place = Place(tmp_path, seed=1)
    whole = delivery(PAST, place.rng)
    moved = MERE_DRIFT[case](whole, place.rng)
    decision = place.take(moved)
    assert decision.outcome == "accepted", decision.reason
    assert "warnings" not in decision.evidence


def test_an_accepted_change_is_no_sign_again(tmp_path):
    place = Place(tmp_path)
    assert "warnings" in place.take(delivery(PAST, place.rng).pipe(BROKEN["unit"], None), policy="warn").evidence
    again = BROKEN["unit"](delivery(PAST + 1, place.rng), None)
    assert place.take(again, PAST + 1).outcome == "accepted"


def test_the_first_delivery_has_nothing_to_be_held_against(tmp_path):
    place = Place(tmp_path, past=0)
    assert place.take(BROKEN["sorted by the label"](delivery(0, place.rng), None), 0).outcome == "accepted"
