"""The stored journal: one row per key, one unbroken chain under racing processes, and tampering is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.table import TableOptimizer

from tasks.adapters.journal import Journal
from tasks.adapters.store import Store
from tasks.core.errors import ArtefactMismatch, ServerUnavailable, StoreConflict
from tasks.core.results import Decision, Verdict, Window
from tests.tasks.adapters.processes import run_all

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=7), NOW)


def decision(key: str, **changes) -> Decision:
    evidence = {"auc": 0.1 + 0.2, "rows": 3, "deep": {"list": [1, None, float("nan")]}}
    base = Decision(key, "p", "monitoring", Verdict.FAIL, "noted", "PSI über 0.2", NOW, WINDOW, evidence, "run")
    return replace(base, **changes)


@pytest.fixture
def journal(tmp_path) -> Journal:
    return Journal(Store(str(tmp_path / "store"), "p"))


def test_what_is_recorded_is_read_back_equal(journal):
    first = journal.record(decision("a"), NOW)
    second = journal.record(decision("b", window=None, run_id=None, verdict=Verdict.UNKNOWN), NOW)
    assert journal.entries() == [first, second]
    assert (first.sequence, second.sequence, second.previous_hash) == (1, 2, first.hash)
    assert journal.verify() == []


def test_one_key_is_one_row_for_ever(journal):
    first = journal.record(decision("a"), NOW)
    again = journal.record(decision("a", outcome="triggered"), NOW + timedelta(hours=1))
    assert again == first
    assert journal.entries() == [first]


def test_an_empty_journal_answers(journal):
    assert journal.entries() == []
    assert journal.find("a") is None
    assert journal.last("training") is None
    assert journal.verify() == []


def test_entries_are_found_by_key_kind_and_outcome(journal):
    for number in range(6):
        kind = "training" if number % 2 else "monitoring"
        journal.record(decision(f"k{number}", kind=kind, outcome="sent" if number < 3 else "noted"), NOW)
    assert journal.find("k4").decision.key == "k4"
    assert [entry.decision.key for entry in journal.entries("training")] == ["k1", "k3", "k5"]
    assert journal.last("monitoring").decision.key == "k4"
    assert journal.last("monitoring", "sent").decision.key == "k2"
    assert journal.last("monitoring", "promoted") is None


def test_compaction_keeps_the_chain_and_the_keys(journal):
    for number in range(12):
        journal.record(decision(f"k{number}"), NOW)
    assert journal.store.compact("decisions") == 12
    assert journal.record(decision("k3"), NOW).sequence == 4
    assert journal.record(decision("new"), NOW).sequence == 13
    assert journal.verify() == []


@pytest.mark.parametrize("step", ["compact", "create_checkpoint"])
def test_an_entry_stands_though_the_small_files_could_not_be_merged(journal, monkeypatch, step):
    """Every twentieth entry merges them, after it was written: a full disk there is no reason to fail."""

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TableOptimizer if step == "compact" else DeltaTable, step, fails)
    entries = [journal.record(decision(f"k{number}"), NOW) for number in range(20)]
    assert entries[-1].sequence == 20
    with pytest.raises(ServerUnavailable, match="No space left"):
        journal.store.compact("decisions")
    assert journal.verify() == []


def write_twenty(root: str, writer: int) -> None:
    journal = Journal(Store(root, "p"))
    for number in range(20):
        done = False
        while not done:
            try:
                journal.record(decision(f"{writer}-{number}"), NOW)
                done = True
            except StoreConflict:
                continue


def test_eight_processes_write_one_unbroken_chain(journal):
    assert run_all(write_twenty, [(journal.store.root, writer) for writer in range(8)]) == [0] * 8
    entries = journal.entries()
    assert [entry.sequence for entry in entries] == list(range(1, 161))
    assert {entry.decision.key for entry in entries} == {f"{w}-{n}" for w in range(8) for n in range(20)}
    assert journal.verify() == []


def write_same(root: str) -> None:
    journal = Journal(Store(root, "p"))
    for number in range(5):
        journal.record(decision(f"same-{number}"), NOW)


def test_processes_that_decide_the_same_thing_record_it_once(journal):
    assert run_all(write_same, [(journal.store.root,)] * 4) == [0] * 4
    assert [entry.decision.key for entry in journal.entries()] == [f"same-{n}" for n in range(5)]
    assert journal.verify() == []


def change(folder, number):
    """Another outcome in the file of an entry."""
    for file in (folder / "store" / "p" / "decisions").glob("*.parquet"):
        rows = pq.read_table(file)
        if rows["sequence"].to_pylist() == [number]:
            place = rows.column_names.index("outcome")
            pq.write_table(rows.set_column(place, rows.schema.field(place), [["promoted"]]), file)


def test_a_row_that_was_changed_in_its_file_is_named(journal, tmp_path):
    for number in range(4):
        journal.record(decision(f"k{number}"), NOW)
    change(tmp_path, 2)
    assert [line for line in journal.verify() if "Entry 2" in line and "was changed" in line]


def test_a_file_that_was_damaged_is_named(journal, tmp_path):
    journal.record(decision("k0"), NOW)
    for file in (tmp_path / "store" / "p" / "decisions").glob("*.parquet"):
        file.write_bytes(b"PAR1")
    assert any("missing or damaged" in line for line in journal.verify())


@pytest.mark.parametrize(("number", "says"), [(2, "Entry 2 is missing"), (4, "Entry 4 is missing: the end")])
def test_a_row_that_was_deleted_is_named(journal, tmp_path, number, says):
    for name in range(4):
        journal.record(decision(f"k{name}"), NOW)
    DeltaTable(str(tmp_path / "store" / "p" / "decisions")).delete(f"sequence = {number}")
    assert any(says in line for line in journal.verify())


def test_nothing_is_written_after_a_lost_end(journal, tmp_path):
    for name in range(3):
        journal.record(decision(f"k{name}"), NOW)
    DeltaTable(str(tmp_path / "store" / "p" / "decisions")).delete("sequence = 3")
    with pytest.raises(ArtefactMismatch, match="number 3 is missing"):
        journal.record(decision("k9"), NOW)
    assert len(journal.entries()) == 2


def test_nothing_is_written_after_an_end_that_was_changed(journal, tmp_path):
    for name in range(3):
        journal.record(decision(f"k{name}"), NOW)
    change(tmp_path, 3)
    with pytest.raises(ArtefactMismatch, match=r"Entry 3 .* was changed.*Nothing was written"):
        journal.record(decision("k9"), NOW)
    assert len(journal.entries()) == 3


def test_rows_that_were_doubled_are_named(journal, tmp_path):
    journal.record(decision("k0"), NOW)
    journal.record(decision("k1"), NOW)
    rows = journal.store.read("decisions").query("sequence == 1")
    journal.store.append("decisions", rows, "forged")
    assert any("Entry 1 is duplicated" in line for line in journal.verify())
