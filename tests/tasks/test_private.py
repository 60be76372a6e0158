"""What stands in a delivery and may not be stored is gone or refused before anything is written, whatever the key."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tasks import ingestion
from tasks.adapters import expectations
from tasks.adapters.sources import Folder, FolderLabels
from tasks.adapters.store import Store
from tasks.core.batches import Judged, Suite, event_tables, late_label_tables
from tasks.core.columns import Column
from tasks.core.privacy.keys import read_keys
from tasks.core.privacy.policies import Refuse
from tasks.core.privacy.protection import Protection
from tasks.session import Session

OLD, NEW = "old:" + "a" * 32, "new:" + "b" * 32
COLUMNS = (
    Column(name="mail", role="id", type="string", privacy="mail"),
    Column(name="born", role="protected", type="datetime", privacy="birth_date"),
    Column(name="plan", role="feature", type="category"),
    Column(name="note", role="ignore", type="string", privacy="free_text"),
)
ROWS = [(f"person{n}@example.org", f"198{n % 10}-03-0{n % 9 + 1}", "basic", "a secret") for n in range(8)]
LABELS = FolderLabels(kind="folder", path="in", id="mail", label="left", known_at="at")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(expectations, "validate", lambda *_: SimpleNamespace(rows={}, refusals=(), checks=(), asked=()))
    keys = read_keys(OLD)
    return Session(Store(str(tmp_path / "store"), "p"), "", datetime(2024, 1, 1, tzinfo=UTC), "run", keys=keys)


def judge(session: Session, path: Path, rows: list[tuple[str, ...]], protection: Protection | None = None) -> Judged:
    pd.DataFrame(rows, columns=[column.name for column in COLUMNS]).to_csv(path, index=False)
    delivery = ingestion.keep_raw.fn(session, path, "events")
    suite = Suite(protection=protection or Protection())
    judged = ingestion.judge_events.fn(session, delivery, Folder(path="in"), COLUMNS, suite)
    for name, table in event_tables(judged, delivery, COLUMNS, None, pd.Timedelta(0)).items():
        session.store.append(name, table, delivery.batch_id)
    return judged


def test_rows_are_stored_under_pseudonyms_with_months_of_birth_and_without_notes(session, tmp_path):
    assert judge(session, tmp_path / "a.csv", ROWS).refused == {}
    events = session.store.read("events")
    assert "note" not in events
    assert events["mail"].str.fullmatch(r"old\.[0-9a-f]{32}").all()
    assert set(events["born"].dt.day) == {1}
    tables = b"".join(p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file() and "raw" not in p.parts)
    for row in ROWS:
        assert row[0].encode() not in tables
    for column in events:
        assert not events[column].astype(str).str.contains("person|secret").any(), column


def test_a_new_key_takes_nothing_in_twice_and_labels_find_their_events(session, tmp_path):
    judge(session, tmp_path / "a.csv", ROWS)
    rotated = replace(session, keys=read_keys(f"{NEW},{OLD}"))
    more = [("newcomer@example.org", "1970-01-01", "basic", "x"), *ROWS[:3]]
    judged = judge(rotated, tmp_path / "b.csv", more)
    assert judged.refused == dict.fromkeys([1, 2, 3], "row_id:already accepted")
    events = session.store.read("events")
    assert sorted(events["mail"].str[:3].value_counts().items()) == [("new", 1), ("old", 8)]
    labels = pd.DataFrame({"mail": [row[0] for row in more], "left": "1", "at": "2023-12-01T00:00:00Z"})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    delivery = ingestion.keep_raw.fn(rotated, tmp_path / "labels.csv", "labels")
    answer = ingestion.judge_labels.fn(rotated, delivery, LABELS, Suite(), COLUMNS[:1])
    table = late_label_tables(answer, delivery, ("mail", "left", "at"), None)["labels"]
    assert set(table["_row_id"]) <= set(events["_row_id"])
    assert len(table) == 4
    forgotten = replace(session, keys=read_keys(NEW))
    assert judge(forgotten, tmp_path / "c.csv", [*ROWS[:2], ROWS[4]]).refused == {}, "without the old key nobody knows"


def test_an_undeclared_mail_refuses_its_row_and_many_the_delivery_and_none_is_quoted(session, tmp_path):
    rows = [(*row[:2], "basic", "x") for row in ROWS] * 4
    rows = [(f"{n}{row[0]}", *row[1:]) for n, row in enumerate(rows)]
    rows[5] = (rows[5][0], rows[5][1], "write to eve@example.org", "x")
    judged = judge(session, tmp_path / "a.csv", rows)
    assert judged.refused == {5: "privacy:mail:plan"}
    assert judged.refusal is None
    many = [(f"z{n}@example.org", "1980-01-01", f"eve{n}@example.org" if n < 3 else "basic", "x") for n in range(30)]
    refused = judge(session, tmp_path / "b.csv", many)
    assert "batch:privacy:mail:plan" in refused.rules
    assert len(refused.accepted) == 0
    assert "10.0% of the rows, 5.0% allowed" in str(refused.refusal)
    assert "eve" not in str(refused.refusal)
    allowed = judge(
        session, tmp_path / "c.csv", [(f"q{row[0]}", *row[1:]) for row in many], Protection(undeclared="allow")
    )
    assert allowed.refused == {}


def test_what_the_file_refuses_refuses_the_delivery(session, tmp_path):
    judged = judge(session, tmp_path / "a.csv", ROWS, Protection({"birth_date": Refuse()}))
    assert judged.rules == "batch:privacy:birth_date:born"
    assert len(judged.accepted) == 0
    empty = [(row[0], "", *row[2:]) for row in ROWS]
    assert judge(session, tmp_path / "b.csv", empty, Protection({"birth_date": Refuse()})).refusal is None
