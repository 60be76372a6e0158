"""Stage and publish: each batch once, in order, whatever is repeated, reordered, damaged or killed on the way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.store import Store
from tasks.core.errors import ArtefactMismatch, ConfigInvalid, LeaseLost, NotFound
from tests.tasks.adapters.processes import die_at, run_all, tick
from tests.tasks.adapters.store.samples import batch

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "store"), "p")


def counts(store: Store) -> dict[str, int]:
    return {name: store.rows(name) for name in ("events", "labels", "batches")}


def assert_each_once(store: Store, *batches: str) -> None:
    for name in ("events", "labels", "batches"):
        rows = store.read(name)
        assert sorted(set(rows.get("_batch_id", []))) == sorted(batches)
        assert len(rows) == len(batches) * (1 if name == "batches" else 5)
    assert store.staged() == []
    assert store.staging_leftovers(LATER) == []


def test_tables_are_published_in_order_and_once(store):
    store.stage("b1", batch("b1"))
    assert store.staged() == ["b1"]
    assert counts(store) == {"events": 0, "labels": 0, "batches": 0}
    order: list[str] = []
    store.publish("b1", order.append)
    assert order == ["labels", "events", "batches"]
    store.publish("b1", order.append)
    assert len(order) == 3
    assert_each_once(store, "b1")


def test_a_refusal_between_two_tables_stops_there_and_goes_on_later(store):
    def refuse(table: str) -> None:
        if table == "events":
            raise LeaseLost("taken over")

    store.stage("b1", batch("b1"))
    with pytest.raises(LeaseLost):
        store.publish("b1", refuse)
    assert counts(store) == {"events": 0, "labels": 5, "batches": 0}
    assert store.staged() == ["b1"]
    store.publish("b1")
    assert_each_once(store, "b1")


def test_the_first_stage_of_a_batch_stands(store):
    store.stage("b1", batch("b1"))
    store.stage("b1", batch("b1", count=3))
    store.publish("b1")
    assert_each_once(store, "b1")


def test_what_was_never_staged_is_not_published(store):
    store.stage("b1", batch("b1"))
    store.publish("b1")
    with pytest.raises(NotFound, match="neither staged nor published"):
        store.publish("b2")


@pytest.mark.parametrize("name", ["", ".", "..", "../b", "a/b", ".hidden", "x" * 201])
def test_a_name_that_is_no_file_name_is_refused(store, name):
    with pytest.raises(ConfigInvalid):
        store.stage(name, batch("b"))


def test_a_stage_without_its_row_in_batches_is_refused(store):
    with pytest.raises(ConfigInvalid, match="batches"):
        store.stage("b1", {"events": batch("b1")["events"]})
    assert store.staged() == []


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["stage", "publish", "cut off"])), max_size=7))
def test_any_order_of_deliveries_and_publications_gives_each_batch_once(tmp_path_factory, actions):
    store = Store(str(tmp_path_factory.mktemp("store")), "p")
    delivered = set()
    for name, action in actions:
        if action == "stage":
            store.stage(name, batch(name))
            delivered.add(name)
        elif name in delivered:
            publish(store, name, cut_off=action == "cut off")
    for name in store.staged():
        store.publish(name)
    assert_each_once(store, *delivered)


def publish(store: Store, name: str, *, cut_off: bool) -> None:
    def before_each(table: str) -> None:
        if cut_off and table == "events":
            raise KeyboardInterrupt

    try:
        store.publish(name, before_each)
    except KeyboardInterrupt:
        assert name in store.staged()


@pytest.mark.parametrize("name", ["events.parquet", "batches.parquet", "manifest.json"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.99])
def test_a_flipped_byte_in_a_stage_is_refused(store, tmp_path, name, place):
    store.stage("b1", batch("b1"))
    file = tmp_path / "store" / "p" / "staging" / "b1" / name
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 1
    file.write_bytes(content)
    with pytest.raises((ArtefactMismatch, NotFound)):
        store.publish("b1")
    assert counts(store) == {"events": 0, "labels": 0, "batches": 0}  # nor what comes before the damaged one


def ingest(root: str, passage: int) -> None:
    store = Store(root, "p")
    counted = die_at(passage)
    store.stage("b1", batch("b1"))
    tick()
    store.publish("b1", lambda _: tick())
    tick()
    Path(root, "count").write_text(str(counted()))


def test_a_kill_before_any_change_of_the_disk_and_one_more_run_give_each_row_once(tmp_path):
    assert run_all(ingest, [(str(tmp_path / "whole"), 0)]) == [0]
    steps = int((tmp_path / "whole" / "count").read_text())
    assert steps > 12
    for first in range(1, steps + 1, 4):
        passages = range(first, min(first + 4, steps + 1))
        assert run_all(ingest, [(str(tmp_path / str(n)), n) for n in passages]) == [-9] * len(passages)
    for n in range(1, steps + 1):
        store = Store(str(tmp_path / str(n)), "p")
        for name in store.staged():
            store.publish(name)
        store.stage("b1", batch("b1"))
        store.publish("b1")
        store.drop_leftovers(LATER)
        assert_each_once(store, "b1")


def publish_all(root: str) -> None:
    store = Store(root, "p")
    for name in ("b1", "b2"):
        store.publish(name)


def test_processes_that_publish_the_same_batches_at_once_publish_them_once(store):
    for name in ("b1", "b2"):
        store.stage(name, batch(name))
    assert run_all(publish_all, [(store.root,)] * 4) == [0] * 4
    assert_each_once(store, "b1", "b2")


def test_fresh_work_is_no_leftover(store, tmp_path):
    store.stage("b1", batch("b1"))
    folder = tmp_path / "store" / "p" / "staging" / ".b2.abcd"
    folder.mkdir()
    assert store.staging_leftovers(datetime.now(UTC) - timedelta(hours=1)) == []
    assert store.staging_leftovers(LATER) == ["staging/.b2.abcd"]
    assert store.drop_leftovers(LATER) == ["staging/.b2.abcd"]
    assert store.staged() == ["b1"]
