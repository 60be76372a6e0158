"""Tables of the store: once per transaction, under races, with schemas that grow, read back exactly."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tasks.adapters.store import Store
from tasks.core.errors import ArtefactMismatch, ConfigInvalid, DataRejected, NotFound
from tests.tasks.adapters.processes import run_all
from tests.tasks.adapters.store.samples import START, events


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "store"), "p")


def test_a_transaction_is_appended_once(store):
    assert store.append("events", events("b1"), "b1") is True
    version = store.version("events")
    assert store.append("events", events("b1"), "b1") is False
    assert (store.rows("events"), store.version("events")) == (5, version)
    assert store.append("events", events("b2"), "b2") is True
    assert store.rows("events") == 10
    assert store.committed("events", "b2")
    assert not store.committed("events", "b3")


def test_rows_come_back_as_they_went_in(store):
    rows = events("b1", 9)
    store.append("events", rows, "b1")
    back = store.read("events").sort_values("_event_time", ignore_index=True)
    pd.testing.assert_frame_equal(back, rows, check_dtype=False)
    assert str(back["_event_time"].dtype) == "datetime64[us, UTC]"


def test_columns_filter_and_version_choose(store):
    store.append("events", events("b1"), "b1")
    version = store.version("events")
    store.append("events", events("b2"), "b2")
    chosen = store.read("events", ["amount"], pc.field("_event_time") > START)
    assert list(chosen.columns) == ["amount"]
    assert len(chosen) == 8
    assert len(store.read("events", version=version)) == 5


def test_a_missing_table_is_empty_and_a_missing_column_or_version_is_an_error(store):
    assert not store.exists("events")
    assert (store.version("events"), store.rows("events")) == (-1, 0)
    assert store.read("events").empty
    assert list(store.read("events", ["a", "b"]).columns) == ["a", "b"]
    assert list(store.scan("events")) == []
    store.append("events", events("b1"), "b1")
    with pytest.raises(NotFound, match="no column absent"):
        store.read("events", ["absent"])
    with pytest.raises(NotFound, match="no version 77"):
        store.read("events", version=77)


def test_scan_streams_the_same_rows(store):
    for name in ("b1", "b2", "b3"):
        store.append("events", events(name, 7), name)
    batches = list(store.scan("events", ["_row_id"], pc.field("amount") >= 1))
    assert all(isinstance(part, pa.RecordBatch) for part in batches)
    read = store.read("events", ["_row_id"], pc.field("amount") >= 1)
    assert sorted(pa.Table.from_batches(batches)["_row_id"].to_pylist()) == sorted(read["_row_id"])


def test_columns_without_values_do_not_fix_a_type(store):
    store.append("quarantine", pd.DataFrame({"id": ["a"], "note": [None]}), "1")
    store.append("quarantine", pd.DataFrame({"id": ["b"], "note": [2.5]}), "2")
    store.append("quarantine", pd.DataFrame({"id": ["c"], "note": [None]}), "3")
    store.append("quarantine", pd.DataFrame({"id": ["d"], "more": [True]}), "4")
    rows = store.read("quarantine").sort_values("id", ignore_index=True)
    assert rows["note"].isna().tolist() == [True, False, True, True]
    assert rows["more"].tolist() == [None, None, None, True]


def test_a_schema_gives_types_from_the_start(store):
    schema = pa.schema({"id": pa.string(), "n": pa.float64(), "at": pa.timestamp("ns", "UTC")})
    store.append("t", pd.DataFrame({"id": ["a"], "n": [1]}), "1", schema)
    store.append("t", pd.DataFrame({"id": ["b"], "n": [1.5], "at": [START]}), "2", schema)
    assert store.read("t").sort_values("id")["n"].tolist() == [1.0, 1.5]
    assert str(store.read("t")["at"].dtype) == "datetime64[us, UTC]"


def test_rows_that_do_not_fit_are_refused_without_their_values(store):
    store.append("t", pd.DataFrame({"n": [1]}), "1")
    for secret in (17.25, "bob@example.org"):
        with pytest.raises(DataRejected, match="'n'") as refusal:
            store.append("t", pd.DataFrame({"n": [secret]}), "2")
        assert str(secret) not in str(refusal.value)
    assert store.rows("t") == 1
    assert not store.committed("t", "2")


def test_empty_frames_are_fine(store):
    assert store.append("t", pd.DataFrame(), "0") is True
    assert not store.exists("t")
    schema = pa.schema({"n": pa.int64()})
    assert store.append("t", pd.DataFrame(), "1", schema) is True
    assert (store.exists("t"), store.rows("t")) == (True, 0)
    assert store.append("t", pd.DataFrame({"n": [4]}), "2") is True
    assert store.read("t")["n"].tolist() == [4]


def test_compaction_keeps_rows_versions_and_transactions(store):
    for number in range(25):
        store.append("events", events(f"b{number}", 2), f"b{number}")
    version = store.version("events")
    before = store.read("events").sort_values("_row_id", ignore_index=True)
    assert store.compact("events") == 25
    assert store.compact("events") == 0
    pd.testing.assert_frame_equal(store.read("events").sort_values("_row_id", ignore_index=True), before)
    assert len(store.read("events", version=version - 5)) == 40
    assert [store.append("events", events(f"b{n}", 2), f"b{n}") for n in (0, 12, 24)] == [False] * 3
    assert store.compact("nothing") == 0


def test_a_damaged_log_is_not_an_empty_table(store, tmp_path):
    store.append("events", events("b1"), "b1")
    log = tmp_path / "store" / "p" / "events" / "_delta_log"
    for file in log.iterdir():
        file.write_bytes(b"{broken")
    for question in (store.read, store.version, store.exists, store.rows):
        with pytest.raises(ArtefactMismatch, match="missing or damaged"):
            question("events")


def test_a_file_address_is_a_local_store(tmp_path):
    Store(f"file://{tmp_path}/store", "p").append("t", pd.DataFrame({"n": [1]}), "1")
    assert Store(str(tmp_path / "store"), "p").rows("t") == 1


@pytest.mark.parametrize("name", ["with space", "über", "100%", "a#b?c"])
def test_any_folder_name_will_do(tmp_path, name):
    store = Store(str(tmp_path / name), "p")
    store.append("t", pd.DataFrame({"n": [1]}), "1")
    assert store.append("t", pd.DataFrame({"n": [1]}), "1") is False
    assert store.read("t")["n"].tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("root", "pipeline"), [("/srv/a%20b", "p"), ("file:///a%2520b", "p"), ("/srv/a", "../p"), ("/srv/a", "")]
)
def test_names_that_would_lead_elsewhere_are_refused(root, pipeline):
    with pytest.raises(ConfigInvalid, match=r"Choose another|allowed are"):
        Store(root, pipeline)


def test_the_cache_is_a_folder_of_this_machine(store, tmp_path, monkeypatch):
    path = store.cache_path("training", "abc.json")
    assert path == tmp_path / "store" / "p" / "cache" / "training" / "abc.json"
    assert path.parent.is_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    far = Store("s3://bucket/keepfit/", "p")
    assert far.uri("events") == "s3://bucket/keepfit/p/events"
    assert (tmp_path / "xdg") in far.cache_path("x").parents


def append_same(root: str, number: int) -> None:
    won = Store(root, "p").append("events", events("b1").assign(writer=number), "b1")
    raise SystemExit(10 if won else 20)


def test_processes_with_one_transaction_append_it_once(store):
    codes = run_all(append_same, [(store.root, number) for number in range(6)])
    assert sorted(codes) == [10, 20, 20, 20, 20, 20]
    assert store.rows("events") == 5


def append_own(root: str, number: int) -> None:
    store = Store(root, "p")
    for turn in range(4):
        rows = events(f"{number}-{turn}", 3)
        store.append("events", rows.assign(**{f"extra_{number}": 1.5}) if turn == 2 else rows, f"{number}-{turn}")


def test_processes_with_transactions_of_their_own_lose_nothing_even_while_columns_are_added(store):
    assert run_all(append_own, [(store.root, number) for number in range(5)]) == [0] * 5
    rows = store.read("events")
    assert len(rows) == rows["_row_id"].nunique() == 5 * 4 * 3
    assert sorted(name for name in rows.columns if name.startswith("extra_")) == [f"extra_{n}" for n in range(5)]
