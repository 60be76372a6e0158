"""A Delta table is taken in by version: each row that a version adds once, and no other change in silence."""

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.adapters.sources import Delta
from tasks.adapters.sources.inbox import mark_of
from tasks.adapters.sources.versions import Version
from tasks.core.errors import ConfigInvalid, SourceUnavailable
from tests.tasks.adapters.peaks import peak_of

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SECRET = "4711-secret"  # noqa: S105 - a canary


class Lake:
    """A Delta table of running numbers, and a source that reads it."""

    def __init__(self, folder: Path, **more) -> None:
        self.uri, self.inbox = str(folder / "table"), folder / "inbox"
        self.source = Delta(**({"url": self.uri} | more))
        self.ingested: list[str] = []
        self.count = 0

    def add(self, rows: int, **more) -> None:
        """One version with so many new rows."""
        numbers = range(self.count, self.count + rows)
        self.count += rows
        columns = {"id": pa.array(numbers, pa.int64()), "part": pa.array([f"p {n % 2}" for n in numbers], pa.string())}
        write_deltalake(self.uri, pa.table(columns), mode="append", partition_by=["part"], **more)

    def take(self, limit: int | None = None) -> list[int]:
        """Deliver, and ingest the first `limit` of what waits; the ids that came in."""
        self.source.deliver(NOW, self.inbox, self.ingested)
        return self.ingest(limit)

    def ingest(self, limit: int | None = None) -> list[int]:
        taken = []
        for path in self.source.listing(self.inbox).ready[:limit]:
            taken += self.source.read(path)["id"].tolist()
            self.ingested.append(path.name)
        return taken


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


Step = st.tuples(
    st.lists(st.sampled_from([0, 1, 3, 7, "compact", "checkpoint", "property"]), max_size=3),
    st.integers(0, 3),
    st.sampled_from(["", "lost", "damaged", "breaks off", "another machine"]),
)


def change(lake: Lake, what: int | str) -> None:
    if isinstance(what, int):
        lake.add(what)
    elif what == "compact":
        DeltaTable(lake.uri).optimize.compact()
    elif what == "checkpoint":
        DeltaTable(lake.uri).create_checkpoint()
    else:
        DeltaTable(lake.uri).alter.set_table_properties({"delta.appendOnly": "false"})


def befall(lake: Lake, fault: str, left: int) -> None:
    """What may happen to the inbox between two runs."""
    if fault == "lost":
        shutil.rmtree(lake.inbox)
    if fault == "another machine":
        lake.inbox = lake.inbox.with_name(lake.inbox.name + "x")
    waiting = lake.source.listing(lake.inbox).ready
    if fault == "damaged":
        for path in waiting:
            path.write_bytes(path.read_bytes()[: left * 100])
    if fault == "breaks off":  # while it was fetched
        for path in waiting[1:]:
            path.unlink()


@settings(max_examples=40)
@given(
    st.lists(Step, min_size=1, max_size=4), st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.sampled_from([None, 0]),
)  # fmt: skip
def test_every_row_comes_once_in_any_chunks_across_restarts_lost_inboxes_and_rewritten_files(steps, sizes, start):
    with TemporaryDirectory() as name:
        lake = Lake(Path(name), start=start)
        lake.add(3)
        taken = []
        for turn, (changes, limit, fault) in enumerate(steps):
            for what in changes:
                change(lake, what)
            # How many rows make a delivery may change between runs, also inside of a version.
            lake.source = Delta(url=lake.uri, start=start, rows=sizes[turn % len(sizes)])
            taken += lake.take(limit=limit)
            befall(lake, fault, limit)
        taken += lake.take()
        assert sorted(taken) == list(range(lake.count))
        assert lake.take() == []


def test_what_was_there_before_comes_as_it_stands_and_then_version_by_version(lake):
    lake.add(4)
    DeltaTable(lake.uri).delete("id = 0")
    assert sorted(lake.take()) == [1, 2, 3]
    lake.add(2)
    lake.add(1)
    assert lake.take() == [4, 5, 6]
    identity = DeltaTable(lake.uri).metadata().id[:8]
    assert lake.ingested == [f"until version {n} of {identity}.parquet" for n in (1, 2, 3)]


def test_equal_rows_of_two_versions_are_two_deliveries(lake):
    for _ in range(2):
        lake.count = 0
        lake.add(1)
        lake.source.deliver(NOW, lake.inbox, [])
    first, second = lake.source.listing(lake.inbox).ready
    assert lake.source.read(first).equals(lake.source.read(second))
    assert first.read_bytes() != second.read_bytes(), "the same content is taken in once"


def test_a_start_leaves_out_what_came_before(tmp_path):
    lake = Lake(tmp_path, start=1)
    lake.add(2)
    lake.add(3)
    assert sorted(lake.take()) == [2, 3, 4]
    shutil.rmtree(lake.inbox)
    lake = Lake(tmp_path, start=9)
    assert lake.take() == []


def test_a_later_start_leaves_out_the_rest_of_a_version_that_was_begun(lake):
    lake.add(4)
    lake.source = Delta(url=lake.uri, rows=1)
    assert len(lake.take(limit=2)) == 2
    shutil.rmtree(lake.inbox)
    lake.add(1)
    lake.source = Delta(url=lake.uri, start=1)
    assert lake.take() == [4]


def test_types_and_gaps_come_as_they_are_stored(lake):
    table = pa.table({
        "id": pa.array([9007199254740993, None], pa.int64()),
        "price": pa.array([Decimal("0.10"), None], pa.decimal128(9, 2)),
        "day": pa.array([date(2024, 5, 1), None]), "at": pa.array([NOW, None], pa.timestamp("us", "UTC")),
        "small": pa.array([1, None], pa.int8()), "yes": [True, None], "raw": [b"\0", None], "who": [' "A";\n', ""],
        "tags": pa.array([["a"], None]),
    })  # fmt: skip
    write_deltalake(lake.uri, table)
    lake.source.deliver(NOW, lake.inbox, [])
    (path,) = lake.source.listing(lake.inbox).ready
    found = pq.read_table(path)
    assert found.to_pylist() == table.to_pylist()
    assert {f.name: f.type for f in found.schema} == {f.name: f.type for f in table.schema} | {
        "tags": found.schema.field("tags").type
    }
    assert lake.source.read(path)["id"].tolist() == [9007199254740993, None]
    assert path.stat().st_mode & 0o077 == 0


def test_partitions_of_any_type_come_back_with_their_gaps(lake):
    table = pa.table({
        "id": [0, 1, 2], "day": pa.array([date(2024, 5, 1), None, date(2024, 5, 2)]),
        "n": pa.array([1, 2, None], pa.int32()),
        "price": pa.array([Decimal("0.10"), None, Decimal("7.00")], pa.decimal128(9, 2)), "who": ["a/b", "%41 b", None],
    })  # fmt: skip
    write_deltalake(lake.uri, table, partition_by=["day", "n", "price", "who"])
    lake.source.deliver(NOW, lake.inbox, [])
    (path,) = lake.source.listing(lake.inbox).ready
    found = pq.read_table(path).sort_by("id")
    assert found.to_pylist() == table.to_pylist()
    assert found.schema.types == table.schema.types


def test_a_column_that_comes_later_is_there_from_its_version_on(lake):
    lake.add(1)
    lake.source.deliver(NOW, lake.inbox, [])
    write_deltalake(lake.uri, pa.table({"id": [1], "part": ["p 1"], "new": [0.5]}), mode="append", schema_mode="merge")
    lake.source.deliver(NOW, lake.inbox, [])
    frames = [lake.source.read(path) for path in lake.source.listing(lake.inbox).ready]
    assert [list(frame) for frame in frames] == [["id", "part"], ["id", "part", "new"]]
    assert frames[1].to_numpy().tolist() == [[1, "p 1", 0.5]]


def overwrite(lake):
    write_deltalake(lake.uri, pa.table({"id": [2, 90], "part": ["p 0", "p 1"]}), mode="overwrite")


CHANGES = {
    "a deletion": (lambda lake: DeltaTable(lake.uri).delete("id = 1"), "DELETE", [0, 2]),
    "an update": (
        lambda lake: DeltaTable(lake.uri).update({"id": "id + 50"}, predicate="id = 1"),
        "UPDATE",
        [0, 2, 51],
    ),
    "an overwrite": (overwrite, "WRITE", [2, 90]),
    "another schema": (
        lambda lake: write_deltalake(
            lake.uri, pa.table({"id": ["x"], "part": ["p 0"]}), mode="overwrite", schema_mode="overwrite"
        ),
        "WRITE",
        ["x"],
    ),
}


@pytest.mark.parametrize(("change", "called", "left"), CHANGES.values(), ids=list(CHANGES))
def test_a_change_that_is_no_append_is_refused_by_name_after_what_came_before_or_taken_in_full(
    tmp_path, change, called, left
):
    lake = Lake(tmp_path)
    lake.add(1)
    assert lake.take() == [0]
    lake.add(2)
    change(lake)
    lake.add(1)
    assert sorted(lake.take()) == [1, 2], "what came before it is not held up"
    told = rf"Version 2 .*{called}.* source\.changes to retake.*source\.start to 3"
    for _ in range(2):
        with pytest.raises(ConfigInvalid, match=told):
            lake.take()
    skipping, retaking = (Delta(url=lake.uri, **more) for more in ({"start": 3}, {"changes": "retake", "rows": 1}))
    lake.source, before = retaking, list(lake.ingested)
    taken = []
    for _ in range(8):
        taken += lake.take(limit=1)  # one delivery a run: what is half done goes on as it began
        shutil.rmtree(lake.inbox)
    if called == "WRITE" and left == ["x"]:
        assert taken[:1] == ["x"]
    else:
        assert sorted(taken[:-1]) == left
        assert taken[-1:] == [3]
    lake.source, lake.ingested = skipping, before
    assert lake.take() == [3] if left != ["x"] else lake.take()


def test_a_compaction_brings_nothing(lake):
    for _ in range(3):
        lake.add(2)
    lake.take()
    DeltaTable(lake.uri).optimize.compact()
    assert lake.take() == []


def vacuum(lake):
    DeltaTable(lake.uri).optimize.compact()
    DeltaTable(lake.uri).vacuum(0, dry_run=False, enforce_retention_duration=False)


def forget(lake):
    DeltaTable(lake.uri).create_checkpoint()
    for version in range(DeltaTable(lake.uri).version()):
        Path(lake.uri, "_delta_log", f"{version:020d}.json").unlink()


@pytest.mark.parametrize("lose", [vacuum, forget])
def test_what_was_vacuumed_before_it_was_taken_is_told_or_taken_in_full(tmp_path, lose):
    lake = Lake(tmp_path)
    lake.add(2)
    assert sorted(lake.take()) == [0, 1]
    for _ in range(2):
        lake.add(2)
    lose(lake)
    newest = DeltaTable(lake.uri).version()
    told = rf"Version 1 .*no longer.*source\.changes to retake.*source\.start to {newest + 1}"
    for _ in range(2):
        with pytest.raises(ConfigInvalid, match=told):
            lake.take()
    assert lake.source.listing(lake.inbox).ready == (), "no part of what cannot be read whole"
    lake.source = Delta(url=lake.uri, changes="retake")
    assert sorted(lake.take()) == list(range(6))
    lake.add(1)
    assert lake.take() == [6]


def test_another_table_at_the_same_address_and_an_older_copy_are_told(lake, tmp_path):
    lake.add(1)
    shutil.copytree(lake.uri, tmp_path / "copy")
    lake.add(1)
    lake.take()
    shutil.rmtree(lake.uri)
    (tmp_path / "copy").rename(lake.uri)
    with pytest.raises(ConfigInvalid, match="at version 0, and version 1 was taken in"):
        lake.take()
    shutil.rmtree(lake.uri)
    for _ in range(3):
        lake.add(1)
    with pytest.raises(ConfigInvalid, match="another table"):
        lake.take()


def test_a_damaged_delivery_and_a_damaged_table_are_told_and_nothing_is_published(lake):
    lake.add(4)
    lake.source.deliver(NOW, lake.inbox, [])
    (path,) = lake.source.listing(lake.inbox).ready
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceUnavailable, match="damaged"):
        lake.source.read(path)
    for file in Path(lake.uri).rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SourceUnavailable, match="could not be read"):
        lake.take()
    assert lake.source.listing(lake.inbox).ready == ()


@pytest.mark.parametrize(
    ("more", "kind", "told"),
    [
        ({"url": "/nowhere/at/all"}, SourceUnavailable, "no Delta table"),
        ({"url": f"s4://me:{SECRET}@x/y"}, SourceUnavailable, "no Delta table"),
        (
            {"url": "s3://b/y", "options": {"aws_secret_access_key": "$NONE_SUCH"}},
            ConfigInvalid,
            r"source\.options\.aws_secret_access_key names \$NONE_SUCH",
        ),
        (
            {"url": "s3://b/y", "options": {
                "aws_secret_access_key": SECRET, "aws_access_key_id": "a", "aws_endpoint": "http://127.0.0.1:9",
                "aws_region": "x", "allow_http": "true", "max_retries": "0", "timeout": "2s",
            }},
            SourceUnavailable,
            "did not answer",
        ),
    ],
    ids=["nowhere", "no such scheme", "no such variable", "no server"],
)  # fmt: skip
def test_what_cannot_be_read_is_told_without_secrets(tmp_path, more, kind, told):
    with pytest.raises(kind, match=told) as caught:
        Lake(tmp_path, **more).take()
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_variables_are_filled_in_when_the_table_is_read(lake, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKE", str(tmp_path))
    lake.add(1)
    lake.source = Delta(url="$LAKE/table")
    assert lake.take() == [0]
    assert str(tmp_path) not in lake.source.model_dump_json()


@pytest.mark.parametrize("wrong", [{"url": ""}, {"rows": 0}, {"start": -1}, {"changes": "ignore"}, {"tabel": "x"}])
def test_a_source_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Delta(**({"url": "/x"} | wrong))


@given(st.integers(0, 10**9), st.one_of(st.none(), st.integers(0, 10**12)), st.booleans(), st.text("0af-", min_size=1))
def test_a_version_comes_back_from_the_name_of_a_delivery(number, row, whole, table):
    version = Version.done(number, table) if row is None else Version(number, row, whole, table)
    assert mark_of(f"until {version}.parquet") == version


TAKE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.adapters.sources import Delta
Delta(url=sys.argv[1], rows=10_000).deliver(datetime.now(UTC), Path(sys.argv[2]), [])
"""


def test_ten_times_the_rows_do_not_take_more_memory(tmp_path):
    peaks = []
    for times in (1, 10):
        uri = str(tmp_path / f"table {times}")
        rows = 100_000 * times
        table = pa.table({f"c{n}": np.arange(rows) * 7.0 + n for n in range(10)})
        write_deltalake(uri, table)
        peaks.append(peak_of(TAKE, uri, str(tmp_path / f"inbox {times}")))
        found = sum(pq.read_metadata(path).num_rows for path in (tmp_path / f"inbox {times}").iterdir())
        assert found == rows
    assert peaks[1] < 1.5 * peaks[0], peaks
