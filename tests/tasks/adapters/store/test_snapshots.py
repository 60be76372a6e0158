"""Snapshots: exact rows for ever; the digest sees content and nothing else; a change of a file is noticed."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.store import Store
from tasks.adapters.store.snapshots import content_digest
from tasks.core.errors import ArtefactMismatch
from tasks.core.results import Window
from tests.tasks.adapters.store.samples import START, events, labels

WEEK = Window(START, START + timedelta(days=7))
AS_OF = START + timedelta(days=40)


@pytest.fixture
def store(tmp_path) -> Store:
    filled = Store(str(tmp_path / "store"), "p")
    filled.append("events", events("b1", 10), "b1")
    filled.append("labels", labels("b1", 8), "b1")
    return filled


def test_it_holds_the_labelled_rows_of_the_window(store):
    snapshot = store.snapshot(Window(START + timedelta(hours=2), START + timedelta(hours=9)), AS_OF)
    rows = store.read_snapshot(snapshot)
    assert list(rows["_row_id"]) == [f"b1-{n}" for n in range(2, 8)]
    assert list(rows["label"]) == [0, 1, 0, 1, 0, 1]
    assert snapshot.rows == 6


def test_labels_count_from_the_moment_they_were_known_and_the_last_one_wins(store):
    store.append("labels", labels("b1", 4, known_at=START + timedelta(days=50), shift=1), "correction")
    early, before, after = (store.snapshot(WEEK, START + timedelta(days=days)) for days in (29, 49, 50))
    assert early.rows == 0
    assert list(store.read_snapshot(before)["label"]) == [0, 1, 0, 1, 0, 1, 0, 1]
    assert list(store.read_snapshot(after)["label"]) == [1, 0, 1, 0, 0, 1, 0, 1]


def test_a_withdrawn_label_takes_its_row_out(store):
    withdrawn = labels("b1", 1, known_at=START + timedelta(days=31)).assign(label=None)
    store.append("labels", withdrawn, "withdrawal")
    assert store.snapshot(WEEK, AS_OF).rows == 7


def test_it_reads_the_same_rows_after_more_batches_and_compaction(store):
    snapshot = store.snapshot(WEEK, AS_OF)
    before = store.read_snapshot(snapshot)
    store.append("events", events("b2", 5).assign(_event_time=START), "b2")
    store.append("labels", labels("b2", 5), "b2")
    # Both of these change what the window and the moment select now, and neither may change what was pinned.
    store.append("events", events("b1", 2).assign(amount=99.0, _ingested_at=START + timedelta(days=61)), "again")
    store.append("labels", labels("b1", 2, known_at=START + timedelta(days=31), shift=1), "late news")
    for table in ("events", "labels"):
        store.compact(table)
    pd.testing.assert_frame_equal(store.read_snapshot(snapshot), before)
    now = store.read_snapshot(store.snapshot(WEEK, AS_OF)).set_index("_row_id")
    assert len(now) == 13
    assert (now.loc["b1-0", "amount"], now.loc["b1-0", "label"], before.loc[0, "label"]) == (99.0, 1, 0)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(8)), st.integers(1, 7))
def test_the_digest_does_not_depend_on_files_or_order(tmp_path_factory, order, cut):
    rows = events("b1", 8).iloc[list(order)]
    digests = set()
    for parts in ([rows], [rows.iloc[:cut], rows.iloc[cut:].assign(_ingested_at=START)]):
        store = Store(str(tmp_path_factory.mktemp("store")), "p")
        for number, part in enumerate(parts):
            store.append("events", part, f"part-{number}")
        store.append("labels", labels("b1", 8), "b1")
        digests.add(store.snapshot(WEEK, AS_OF).digest)
    reference = Store(str(tmp_path_factory.mktemp("store")), "p")
    reference.append("events", events("b1", 8), "b1")
    reference.append("labels", labels("b1", 8), "b1")
    assert digests == {reference.snapshot(WEEK, AS_OF).digest}


def test_the_digest_sees_every_cell():
    base = pa.table({"a": ["x", "", None], "n": [1.0, 0.0, None], "b": [True, False, None], "t": [START, START, None]})
    variants = [base, base.rename_columns(["c", "n", "b", "t"])]
    for place, name in enumerate(base.column_names):
        for row in range(3):
            values = base[name].to_pylist()
            values[row] = {"a": "y", "n": 7.0, "b": values[row] is not True, "t": AS_OF}[name]
            variants.append(base.set_column(place, name, pa.array(values, base[name].type)))
    variants.append(base.set_column(0, "a", pa.array(["x", None, ""])))
    variants.append(base.set_column(1, "n", pa.array([1.0, None, 0.0])))
    assert len({content_digest(table) for table in variants}) == len(variants)
    assert content_digest(pa.table({"a": ["ab", "c"]})) != content_digest(pa.table({"a": ["a", "bc"]}))


def test_a_changed_file_is_noticed(store, tmp_path):
    snapshot = store.snapshot(WEEK, AS_OF)
    (file,) = (tmp_path / "store" / "p" / "events").glob("*.parquet")
    rows = pq.read_table(file)
    amounts = rows["amount"].to_numpy() + np.eye(10)[3]
    pq.write_table(rows.set_column(rows.column_names.index("amount"), "amount", pa.array(amounts)), file)
    with pytest.raises(ArtefactMismatch, match="digest"):
        store.read_snapshot(snapshot)


def test_a_lost_file_is_noticed(store, tmp_path):
    snapshot = store.snapshot(WEEK, AS_OF)
    for file in (tmp_path / "store" / "p" / "events").glob("*.parquet"):
        file.unlink()
    with pytest.raises(ArtefactMismatch, match="missing or damaged"):
        store.read_snapshot(snapshot)


def test_a_snapshot_with_another_filter_is_refused(store):
    snapshot = store.snapshot(WEEK, AS_OF)
    with pytest.raises(ArtefactMismatch):
        store.read_snapshot(replace(snapshot, window=Window(START, START + timedelta(hours=3))))


def test_an_empty_store_gives_an_empty_snapshot_that_stays_empty(tmp_path):
    store = Store(str(tmp_path / "store"), "p")
    snapshot = store.snapshot(WEEK, AS_OF)
    assert (snapshot.rows, snapshot.events_version, snapshot.labels_version) == (0, -1, -1)
    store.append("events", events("b1"), "b1")
    store.append("labels", labels("b1"), "b1")
    assert store.read_snapshot(snapshot).empty


def test_a_row_that_was_delivered_again_counts_once_with_its_newest_values(store):
    again = events("b1", 10).assign(_batch_id="b2", amount=99.0, _ingested_at=START + timedelta(days=61))
    store.append("events", again.head(2), "b2")
    rows = store.read_snapshot(store.snapshot(WEEK, AS_OF))
    assert len(rows) == 8
    assert list(rows["amount"][:3]) == [99.0, 99.0, 1.0]
