"""Each way out of a delivery is shut by a guard: taken out, the value is seen where it leaks."""

import gzip
import logging
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tasks import ingestion
from tasks import session as sessions
from tasks.adapters import cleanroom, expectations, personal
from tasks.adapters.sources import Folder
from tasks.adapters.store import Store
from tasks.adapters.store.raw import keep
from tasks.core import batches
from tasks.core.columns import Column
from tasks.core.estimators import Linear
from tasks.core.features import EVENT_TIME, design_matrix, features_of
from tasks.core.privacy.keys import read_keys
from tasks.core.privacy.policies import DEFAULTS, Common
from tasks.session import Session
from tests.e2e.leaks import stands_in

COLUMNS = (
    Column(name="who", role="id", type="string", privacy="mail"),
    Column(name="born", role="protected", type="datetime", privacy="birth_date"),
    Column(name="town", role="feature", type="category", privacy="place"),
    Column(name="plan", role="feature", type="category"),
    Column(name="age", role="feature", type="integer"),
    Column(name="note", role="ignore", type="string"),
)
LEAKS = {
    "who": "wren0@nest.example.org", "born": "1931-02-17", "town": "Hallig Suedfall", "plan": "+49 30 901827",
    "age": "ninety-and-wren", "note": "confided to a kestrel",
}  # fmt: skip
WANTED = re.compile(b"|".join(re.escape(text.encode()) for text in LEAKS.values()))


@pytest.fixture
def played(tmp_path, monkeypatch, caplog):
    """Plays a delivery in which every column holds one value that may not come through; gives where each is seen."""
    monkeypatch.setattr(expectations, "validate", lambda *_: SimpleNamespace(rows={}, refusals=(), checks=(), asked=()))
    rows = pd.DataFrame(
        {"who": [f"wren{n}@nest.example.org" for n in range(40)], "born": "1980-01-05", "town": "Kiel",
         "plan": "basic", "age": "40", "note": ""}
    )  # fmt: skip
    for place, (column, value) in enumerate(LEAKS.items()):
        rows.loc[0 if column == "who" else place, column] = value
    rows.to_csv(tmp_path / "in.csv", index=False)

    def play(columns=COLUMNS):
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        session = Session(Store(str(tmp_path / "s"), "p"), "", moment, "r", keys=read_keys("k:" + "x" * 32))
        caplog.set_level(logging.DEBUG)
        delivery = ingestion.keep_raw.fn(session, tmp_path / "in.csv", "events")
        judged = ingestion.judge_events.fn(session, delivery, Folder(path="in"), columns, batches.Suite())
        for name, table in batches.event_tables(judged, delivery, columns, None, timedelta(0)).items():
            session.store.append(name, table, delivery.batch_id)
        session.record(batches.decision_of(
            session.store.read("batches").iloc[0], session.store.read("quarantine"), "p", moment
        ))  # fmt: skip
        seen = stands_in(session.store.folder, WANTED, without=("raw",))
        found = {text.decode() for texts in seen.values() for text in texts}
        # Dates are stored as numbers: told as people read them.
        events = session.store.read("events")
        found |= {LEAKS["born"]} & set(events["born"].dt.strftime("%Y-%m-%d")) if "born" in events else set()
        return found | {text for text in LEAKS.values() if text in caplog.text}

    return play


def test_with_every_guard_in_place_nothing_comes_through(played):
    assert played() == set()


def without(*names):
    return tuple(c.model_copy(update={"privacy": None}) if c.name in names else c for c in COLUMNS)


@pytest.mark.parametrize("column", ["born", "town"])
def test_without_the_policy_the_value_is_stored(played, column):
    assert played(without(column)) == {LEAKS[column]}


def test_without_pseudonyms_the_id_is_stored(played, monkeypatch):
    monkeypatch.setattr(type(DEFAULTS["mail"]), "protect", lambda _self, values, *_: values)
    assert played() == {LEAKS["who"]}


def test_without_the_role_ignore_the_note_is_stored(played):
    assert played((*COLUMNS[:-1], COLUMNS[-1].model_copy(update={"role": "protected"}))) == {LEAKS["note"]}


def test_without_the_detectors_what_nobody_declared_is_stored(played, monkeypatch):
    monkeypatch.setattr(personal, "hits", lambda *_: {})
    assert played() == {LEAKS["plan"]}


def test_without_the_declared_type_a_stray_text_is_stored(played):
    assert played(tuple(c.model_copy(update={"type": "string"}) if c.name == "age" else c for c in COLUMNS)) == {
        LEAKS["age"]
    }


def test_what_others_say_in_an_error_stays_out_of_the_journal_unless_the_guard_is_gone(tmp_path, monkeypatch):
    def told(run):
        session = Session(Store(str(tmp_path / run), "p"), "", datetime(2024, 1, 1, tzinfo=UTC), run)
        session.tell_failure("ingestion", ValueError(f"could not convert {LEAKS['note']}"), {}, None)
        return stands_in(session.store.folder, WANTED)

    assert told("guarded") == {}
    monkeypatch.setattr(sessions, "reason_of", str)
    assert told("bare")


@pytest.mark.parametrize("guarded", [True, False])
def test_a_rare_category_stands_in_no_model_unless_the_guard_is_gone(tmp_path, guarded):
    towns = pd.Series(["Kiel", "Bonn"] * 150 + [LEAKS["town"]])
    kept = Common().protect(towns, "place", read_keys(""), None) if guarded else towns
    columns = [COLUMNS[2]]
    events = pd.DataFrame({"town": kept, EVENT_TIME: pd.Timestamp("2024-01-01", tz="UTC")})
    features = features_of(columns, ())
    model = Linear().build("binary", {"strength": 1.0}, features, 0)
    model.fit(design_matrix(events, features), np.arange(len(events)) % 2)
    cleanroom.save_model_file(model, tmp_path / "model.skops")
    assert bool(stands_in(tmp_path, WANTED)) != guarded


def test_kept_deliveries_are_private_and_the_search_sees_packed_ones(tmp_path):
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(f"note\n{LEAKS['note']}\n".encode()))
    keep(tmp_path / "raw", tmp_path / "in.csv.gz")
    assert (tmp_path / "raw").stat().st_mode & 0o777 == 0o700
    assert len(stands_in(tmp_path / "raw", WANTED)) == 1
