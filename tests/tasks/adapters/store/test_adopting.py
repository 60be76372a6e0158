"""A staged file becomes a file of its table, byte for byte where it fits; where it does not its rows are the same."""

from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.store import Store, adopting
from tasks.core.errors import DataRejected
from tests.tasks.adapters.store.samples import START, batch

KINDS = {
    "text": (pa.string(), st.text(max_size=5)),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "real": (pa.float64(), st.floats(allow_nan=False)),
    "truth": (pa.bool_(), st.booleans()),
    "time": (
        pa.timestamp("us", "UTC"),
        st.datetimes(START.replace(tzinfo=None)).map(lambda t: pd.Timestamp(t, tz="UTC")),
    ),
    "nothing": (pa.null(), st.none()),
}


@st.composite
def deliveries(draw: st.DrawFn) -> list[pa.Table]:
    """Tables with other columns, orders and gaps from one to the next, of the same type or without any."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 4))
        names = draw(st.permutations(list(KINDS)).flatmap(lambda names: st.integers(0, 6).map(lambda n: names[:n])))
        columns = {
            name: pa.array(draw(st.lists(st.none() | KINDS[name][1], min_size=size, max_size=size)), KINDS[name][0])
            for name in names
        }
        found.append(pa.table({"n": pa.array([number] * size)} | columns))
    return found


@settings(max_examples=40, deadline=None)
@given(given_rows=deliveries(), linked=st.booleans())
def test_whatever_the_columns_the_rows_are_those_that_were_staged(given_rows, linked, tmp_path_factory):
    store = Store(str(tmp_path_factory.mktemp("store")), "p")
    with pytest.MonkeyPatch.context() as patch:
        if not linked:
            patch.setattr(Path, "hardlink_to", _refuse)
        for number, rows in enumerate(given_rows):
            store.stage(f"b{number}", {"events": rows, "batches": pa.table({"_batch_id": [f"b{number}"]})})
            store.publish(f"b{number}")
    held = pa.Table.from_batches(list(store.scan("events")))
    for number, rows in enumerate(given_rows):
        mine = held.filter(pc.equal(held["n"], number))
        assert mine.num_rows == rows.num_rows
        for name in rows.column_names:
            told = mine[name].to_pylist() if name in mine.column_names else [None] * mine.num_rows
            assert told == rows[name].to_pylist(), name


def _refuse(*_):
    raise OSError("no links here")


def test_the_file_is_not_written_again(tmp_path):
    store = Store(str(tmp_path / "store"), "p")
    store.stage("b1", batch("b1"))
    staged = {path.stem: sha256(path.read_bytes()).hexdigest() for path in tmp_path.rglob("staging/b1/*.parquet")}
    store.publish("b1")
    for table, digest in staged.items():
        (file,) = (tmp_path / "store" / "p" / table).glob("*.parquet")
        assert sha256(file.read_bytes()).hexdigest() == digest


def test_equal_rows_of_two_batches_are_two_files(tmp_path):
    store = Store(str(tmp_path / "store"), "p")
    for name in ("b1", "b2"):
        store.stage(name, {"events": pa.table({"x": [1.5]}), "batches": pa.table({"_batch_id": [name]})})
        store.publish(name)
    assert store.read("events")["x"].tolist() == [1.5, 1.5]


def test_what_a_cut_off_attempt_left_is_used_and_counted_once(tmp_path, monkeypatch):
    store = Store(str(tmp_path / "store"), "p")
    store.stage("b1", batch("b1"))
    with monkeypatch.context() as patch:
        patch.setattr(adopting, "_commit", _cut_off)
        with pytest.raises(KeyboardInterrupt):
            store.publish("b1")
    store.publish("b1")
    assert store.rows("labels") == store.rows("events") == 5
    assert len(list((tmp_path / "store" / "p" / "labels").glob("*.parquet"))) == 1


def _cut_off(*_):
    raise KeyboardInterrupt


def test_nothing_of_the_values_stands_in_the_log(tmp_path):
    store = Store(str(tmp_path / "store"), "p")
    store.stage("b1", batch("b1"))
    store.publish("b1")
    logs = (tmp_path / "store" / "p" / "events" / "_delta_log").glob("*.json")
    assert not any("b1-0" in path.read_text() for path in logs)
    assert store.version("events") >= 1
    assert pq.read_table(next((tmp_path / "store" / "p" / "events").glob("*.parquet"))).num_rows == 5


def test_a_transaction_stands_once_even_after_its_file_was_merged_with_others(tmp_path):
    store = Store(str(tmp_path / "store"), "p")
    for name in ("b1", "b2"):
        store.stage(name, batch(name))
    file = tmp_path / "store" / "p" / "staging" / "b1" / "events.parquet"
    assert adopting.adopt(store.uri("events"), file, "digest", "b1") is True
    store.publish("b2")
    assert store.compact("events") == 2
    assert adopting.adopt(store.uri("events"), file, "digest", "b1") is False
    store.publish("b1")
    assert store.rows("events") == 10


def test_other_types_are_made_those_of_the_table_or_refused(tmp_path):
    store = Store(str(tmp_path / "store"), "p")
    for name, kind in (("b1", pa.float64()), ("b2", pa.int32())):
        tables = {"events": pa.table({"x": pa.array([1, 2], kind)}), "batches": pa.table({"_batch_id": [name]})}
        store.stage(name, tables)
        store.publish(name)
    types = {pq.read_schema(file).field("x").type for file in (tmp_path / "store" / "p" / "events").glob("*.parquet")}
    assert types == {pa.float64()}
    store.stage("b3", {"events": pa.table({"x": ["one"]}), "batches": pa.table({"_batch_id": ["b3"]})})
    with pytest.raises(DataRejected, match="'x' holds string and must be double"):
        store.publish("b3")
