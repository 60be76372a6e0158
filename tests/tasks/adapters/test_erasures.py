"""A person who stands in three deliveries leaves every byte of the store, whenever the erasure is killed."""

import gzip
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks import ingestion
from tasks.adapters import erasure_requests, erasures, expectations
from tasks.adapters.faults import ERASURE_POINTS
from tasks.adapters.sources import Folder, FolderLabels
from tasks.adapters.store import Store, erasing
from tasks.core import batches, invariants
from tasks.core.columns import Column
from tasks.core.errors import ArtefactMismatch, ConfigInvalid, InvariantBroken
from tasks.core.privacy.erasure import Plan, Traces, settle
from tasks.core.privacy.keys import read_keys
from tasks.core.results import Snapshot, Window
from tasks.session import Session

NOW = datetime(2024, 6, 1, tzinfo=UTC)
KEYS = read_keys("k1:" + "s" * 32)
WHO = "person-0007@example.org"
SOURCE = Folder(path="in")
ANSWERED = Path("no", "server")
LABELS = FolderLabels(kind="folder", path="in", id="who", label="left", known_at="at")
SUITE = batches.Suite(protection=replace(batches.Suite().protection, undeclared="allow"))
READERS = {"events": SOURCE.read, "labels": LABELS.read}
PLAIN = (
    Column(name="who", role="id", type="string"),
    Column(name="at", role="time", type="datetime"),
    Column(name="spent", role="feature", type="number"),
    Column(name="friend", role="protected", type="string"),
)
NAMED = (PLAIN[0].model_copy(update={"privacy": "mail"}), *PLAIN[1:])


def traces(columns: tuple[Column, ...], subject: str = WHO) -> Traces:
    return Traces.of(subject, columns[0].privacy, KEYS, ("who",), is_id=True)


def deliver(session: Session, path: Path, columns: tuple[Column, ...]) -> None:
    delivery = ingestion.keep_raw.fn(session, path, "events")
    judged = ingestion.judge_events.fn(session, delivery, SOURCE, columns, SUITE)
    publish(session, delivery, batches.event_tables(judged, delivery, columns, None, timedelta(0)))


def deliver_labels(session: Session, path: Path, columns: tuple[Column, ...]) -> None:
    delivery = ingestion.keep_raw.fn(session, path, "labels")
    judged = ingestion.judge_labels.fn(session, delivery, LABELS, SUITE, columns[:1])
    publish(session, delivery, batches.late_label_tables(judged, delivery, ("who", "left", "at"), None))


def build(folder: Path, columns: tuple[Column, ...]) -> Session:
    """Three deliveries of events and one of labels; the person stands in each, once refused, once as a friend."""
    session = Session(Store(str(folder / "store"), "p"), "", NOW, "run", keys=KEYS)
    for number in range(3):
        rows = [
            (f"person-{number}{n:03d}@example.org", f"2024-0{number + 1}-{n + 1:02d}", str(n), "") for n in range(20)
        ]
        rows[7] = (WHO.upper() if columns is NAMED else WHO, *rows[7][1:]) if number != 1 else rows[7]
        rows[9] = (WHO, rows[9][1], "many", "") if number == 1 else rows[9]
        rows[11] = (*rows[11][:3], f"recommended by {WHO}") if number == 2 else rows[11]
        path = folder / f"{number}.csv{'.gz' if number == 1 else ''}"
        text = pd.DataFrame(rows, columns=["who", "at", "spent", "friend"]).to_csv(index=False).encode()
        path.write_bytes(gzip.compress(text) if number == 1 else text)
        deliver(session, path, columns)
    told = [(f"person-0{n:03d}@example.org", "1", "2024-02-01") for n in range(20)]
    pd.DataFrame(told, columns=["who", "left", "at"]).to_csv(folder / "labels.csv", index=False)
    deliver_labels(session, folder / "labels.csv", columns)
    events = session.store.read("events")
    scores = events[["_row_id", "_batch_id"]].assign(model_version=1, prediction=0.5)
    session.store.append("predictions", scores, "scores")
    session.store.cache_path("fits", "x").write_text(WHO)
    (session.store.folder / "raw" / ("f" * 64 + ".bin")).write_bytes(b"\0 unreadable " + WHO.encode() + b" \xff")
    session.store.compact("events")
    return session


def publish(session: Session, delivery: object, tables: dict[str, pd.DataFrame]) -> None:
    for name, table in tables.items():
        session.store.append(name, table, delivery.batch_id)  # type: ignore[attr-defined]


def sums(store: Store) -> list[str]:
    """What the invariants I4, I5 and I6 say."""
    tables = ("events", "labels", "quarantine")
    counts = {name: store.read(name, ["_batch_id"]).groupby("_batch_id").size() for name in tables}
    scored = store.read("predictions", ["_batch_id", "model_version", "_row_id"])
    published = settle(counts, store.erased("rows"))
    return invariants.batches_once(store.read("batches"), published) + invariants.scored_once(
        dict(counts["events"]), scored
    )


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "validate", lambda *_: SimpleNamespace(rows={}, refusals=(), checks=(), asked=()))


def snapshot_of(store: Store) -> Snapshot:
    return store.snapshot(Window(datetime(2024, 1, 1, tzinfo=UTC), NOW), NOW)


def erase(store: Store, columns: tuple[Column, ...], trained: dict[int, Snapshot], subject: str = WHO) -> Plan:
    found = traces(columns, subject)
    number = store.rows("erasures")
    plan = erasure_requests.planned(
        store, "k1.x", lambda: erasures.plan(store, "k1.x", number, found, READERS, trained)
    )
    erasures.carry_out(store, plan, READERS, ANSWERED)
    erasure_requests.forget(store, "k1.x")
    return plan


@pytest.mark.parametrize("columns", [PLAIN, NAMED], ids=["plain", "pseudonymised"])
def test_no_byte_is_left_and_everything_still_adds_up(
    tmp_path: Path, columns: tuple[Column, ...], silent: None
) -> None:
    session = build(tmp_path, columns)
    store = session.store
    pinned, other = snapshot_of(store), store.snapshot(Window(datetime(2024, 2, 1, tzinfo=UTC), NOW), NOW)
    before, versions = store.read("events"), store.version("events")
    old = store.read("events", version=1)
    assert len(erasing.traces_left(store.folder, traces(columns))) >= 9
    erasure_requests.request(store, "k1.x", WHO)
    plan = erase(store, columns, {1: pinned, 2: pinned, 3: other})
    assert erasing.traces_left(store.folder, traces(columns)) == []
    everything = b"\0".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    assert WHO.encode() not in everything
    assert plan.versions == [1, 2], "version 3 was trained on rows of others"
    assert plan.rows() == {"events": 2, "labels": 1, "predictions": 2, "quarantine": 2}
    assert sums(store) == []
    gone = set(before["_row_id"]) - set(store.read("events")["_row_id"])
    assert len(gone) == 2, "the person's row, and the one that speaks of the person"
    assert len(old) - len(store.read("events", version=1)) == 1, "old versions have lost it, too, and are still there"
    assert store.version("events") == versions
    left = store.read_snapshot(pinned)
    assert len(left) == pinned.rows - 1
    assert not set(left["_row_id"]) & gone
    assert len(store.read_snapshot(other)) == other.rows
    kept = pd.read_parquet(next((store.folder / "raw").glob("*.erased.parquet")))
    assert kept.isna().all(axis=1).sum() in {1, 2}
    again = ingestion.keep_raw.fn(session, tmp_path / "0.csv", "events")
    assert again is None, "the delivery is known by its hash"
    assert erasing.traces_left(store.folder, traces(columns)) == [], "and does not come back"
    assert erase(store, columns, {1: pinned}).is_empty


def test_a_snapshot_whose_rows_were_changed_by_anything_else_is_refused(tmp_path: Path, silent: None) -> None:
    store = build(tmp_path, PLAIN).store
    pinned = snapshot_of(store)
    erase(store, PLAIN, {1: pinned})
    erase(store, PLAIN, {1: pinned}, "person-0003@example.org")
    assert len(store.read_snapshot(pinned)) == pinned.rows - 2, "one erasure follows another"
    victim = store.read_snapshot(pinned)["_row_id"].iloc[4]
    erasing.rewrite(store.folder / "events", lambda rows: rows.column("_row_id").to_pandas().eq(victim).to_numpy())
    with pytest.raises(ArtefactMismatch, match="files were changed"):
        store.read_snapshot(pinned)


def test_rows_that_vanish_without_an_erasure_break_the_sums(tmp_path: Path, silent: None) -> None:
    store = build(tmp_path, PLAIN).store
    assert sums(store) == []
    victim = store.read("events")["_row_id"].iloc[0]
    erasing.rewrite(store.folder / "events", lambda rows: rows.column("_row_id").to_pandas().eq(victim).to_numpy())
    assert any(told.startswith("I6") for told in sums(store))


def test_what_is_left_is_named_by_file_and_never_by_value(tmp_path: Path, silent: None) -> None:
    store = build(tmp_path, PLAIN).store
    with pytest.raises(InvariantBroken) as told:
        erasures.prove(store, traces(PLAIN), ANSWERED)
    assert "raw/" in str(told.value)
    assert WHO not in str(told.value)
    for hidden in ("a.gz", "b.bin"):
        path = store.folder / hidden
        erase(store, PLAIN, {})
        path.write_bytes(gzip.compress(WHO.encode()) if hidden == "a.gz" else WHO.upper().encode())
        assert erasing.traces_left(store.folder, traces(PLAIN)) == [hidden]
        path.unlink()


def test_packed_and_nested_values_are_looked_into(tmp_path: Path) -> None:
    for name, value in (("plain", WHO), ("nested", {"stats": f'{{"min": "{WHO}"}}'}), ("other", "somebody")):
        pq.write_table(pa.table({"x": [value] * 3}), tmp_path / f"{name}.parquet", compression="zstd")
    assert erasing.traces_left(tmp_path, traces(PLAIN)) == ["nested.parquet", "plain.parquet"]


def test_a_short_id_is_looked_for_where_it_says_who_and_not_in_every_number(tmp_path: Path) -> None:
    found = Traces.of("17", None, KEYS, ("who",), is_id=True)
    assert found.mentioned(" 17", "who")
    assert not found.mentioned("17", "spent")
    assert not found.mentioned("170", "who")
    assert not found.found_in(b"17 times")
    assert found.found_in(b"x " + next(iter(found.row_ids)).encode())


def test_an_object_store_is_refused_before_anything_is_touched() -> None:
    with pytest.raises(ConfigInvalid, match="in place"):
        erasure_requests.request(Store("s3://bucket/store", "p"), "k1.x", WHO)


@pytest.mark.parametrize("point", [name for name in ERASURE_POINTS if name != "erasure.journaled"])
def test_what_is_delivered_and_trained_after_a_run_was_cut_off_goes_when_it_is_run_again(
    tmp_path: Path, silent: None, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    session = build(tmp_path, PLAIN)
    store, first = session.store, snapshot_of(session.store)

    def die(name: str) -> None:
        if name == point:
            raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(erasures, "fault_point", die)
        patched.setattr(erasure_requests, "fault_point", die)
        with pytest.raises(SystemExit):
            erase(store, PLAIN, {1: first})
    path = tmp_path / "later.csv"
    path.write_text(f"who,at,spent,friend\n{WHO},2024-04-02,1,\nsomebody-else,2024-04-03,2,\n{WHO},2024-04-04,many,\n")
    deliver(session, path, PLAIN)
    (tmp_path / "told.csv").write_text(f"who,left,at\n{WHO},0,2024-05-01\nsomebody-else,1,2024-05-02\n")
    deliver_labels(session, tmp_path / "told.csv", PLAIN)
    second = snapshot_of(store)
    plan = erase(store, PLAIN, {1: first, 2: second})
    assert erasing.traces_left(store.folder, traces(PLAIN)) == []
    assert sums(store) == []
    assert 1 in plan.versions, "what was planned first is not forgotten"
    assert sum(plan.rows().values()) == 10, "each is counted once"
    assert len(store.read_snapshot(first)) == first.rows - 1
    assert store.read_snapshot(second)["_row_id"].isin(plan.row_ids).sum() == 0


def test_killed_anywhere_and_run_again_it_ends_the_same(tmp_path: Path, silent: None) -> None:
    store = build(tmp_path, PLAIN).store
    pinned = snapshot_of(store)
    erasure_requests.request(store, "k1.x", WHO)
    points = [name for name in ERASURE_POINTS if name != "erasure.journaled"]
    stores = {point: shutil.copytree(store.root, tmp_path / point) for point in points}
    told = json.dumps(asdict(pinned), default=str), json.dumps({point: str(path) for point, path in stores.items()})
    command = [sys.executable, "-m", "tests.tasks.adapters.forks", WHO, *told]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = [f"{point} {armed} {status}" for point in points for armed, status in ((True, -9), (False, 0))]
    assert sorted(ran.stdout.splitlines()) == sorted(lines), ran.stderr
    for root in stores.values():
        copy = Store(str(root), "p")
        assert erasing.traces_left(copy.folder, traces(PLAIN)) == []
        assert sums(copy) == []
        assert len(copy.read_snapshot(pinned)) == pinned.rows - 1
        assert list((copy.folder / "erasing").iterdir()) == []
