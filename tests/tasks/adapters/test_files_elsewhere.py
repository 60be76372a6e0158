"""Files that an fsspec driver reaches are fetched whole, each content once, and read as those of a folder."""

import gzip
import io
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.sources import Folder, FolderLabels
from tasks.core.errors import ConfigInvalid, SourceUnavailable

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SECRET = "4711-secret"  # noqa: S105 - a canary


class Bucket:
    """A folder that a driver reaches, and a source that reads it."""

    def __init__(self, folder: Path, address: str, **more) -> None:
        self.inbox, self.ingested = folder / "inbox", []
        self.source = Folder(**({"path": address, "settle": "0s"} | more))
        self.system, self.root = fsspec.core.url_to_fs(address)
        self.system.makedirs(self.root, exist_ok=True)

    def put(self, name: str, content: bytes) -> None:
        self.system.pipe_file(f"{self.root}/{name}", content)

    def take(self, limit: int | None = None) -> list[str]:
        self.source.deliver(NOW, self.inbox, self.ingested)
        taken = []
        for path in self.source.listing(self.inbox).ready[:limit]:
            taken += list(self.source.read(path)["a"])
            self.ingested.append(path.name)
        return taken


@pytest.fixture(params=["memory", "file"])
def bucket(request, tmp_path):
    address = f"memory://{uuid.uuid4()}/in" if request.param == "memory" else f"file://{tmp_path}/in"
    return Bucket(tmp_path, address)


def test_files_are_fetched_once_packed_or_not_and_changed_ones_again(bucket):
    bucket.put("b.csv", b"a\n1\n")
    bucket.put("c.csv.part", b"a\n2\n")
    bucket.put("d.txt", b"a\n3\n")
    assert bucket.source.fetches
    assert [bucket.take() for _ in range(2)] == [["1"], []]
    bucket.put("b.csv", b"a\n5\n6\n")
    assert [bucket.take() for _ in range(2)] == [["5", "6"], []]
    assert [name[:3] + name[-5:] for name in bucket.ingested] == ["b ().csv", "b ().csv"]
    bucket.source = Folder(path=bucket.source.path, pattern="*.jsonl.gz", settle="0s")
    packed = gzip.compress(b'{"a": 0.10}\n')
    bucket.put("x.v2.jsonl.gz", packed)
    bucket.source.deliver(NOW, bucket.inbox, bucket.ingested)
    (path,) = bucket.source.listing(bucket.inbox).ready
    assert path.read_bytes() == packed
    assert path.stat().st_mode & 0o077 == 0
    assert bucket.source.read(path)["a"].tolist() == ["0.10"]


class Counting(MemoryFileSystem):
    """A driver that counts what is read."""

    protocol, read = "counting", 0

    def _open(self, path, mode="rb", **more):
        Counting.read += mode == "rb"
        return super()._open(path, mode, **more)


def test_what_is_unchanged_is_not_read_again_and_known_from_the_store_alone(tmp_path):
    fsspec.register_implementation("counting", Counting, clobber=True)
    bucket = Bucket(tmp_path, f"counting://{uuid.uuid4()}/in")
    bucket.put("b.csv", b"a\n1\n")
    assert [bucket.take() for _ in range(3)] == [["1"], [], []]
    assert Counting.read == 1
    shutil.rmtree(bucket.inbox)
    assert bucket.take() == []


def test_a_file_that_is_still_being_written_is_left_alone_until_it_has_settled(bucket):
    bucket.put("b.csv", b"a\n1\n")
    bucket.source = Folder(path=bucket.source.path, settle="1h")
    assert bucket.take() == []
    assert bucket.source.listing(bucket.inbox).unsettled == ("b.csv",)


class Timeless(MemoryFileSystem):
    """A driver that tells no times, as some do."""

    protocol = "timeless"

    def modified(self, path):
        raise NotImplementedError


def test_without_times_a_file_is_settled_when_it_looks_alike_in_two_runs(tmp_path):
    fsspec.register_implementation("timeless", Timeless, clobber=True)
    bucket = Bucket(tmp_path, f"timeless://{uuid.uuid4()}", settle="1m")
    bucket.put("b.csv", b"a\n1\n")
    assert bucket.take() == []
    bucket.put("b.csv", b"a\n1\n2\n")
    assert bucket.take() == []
    assert bucket.take() == ["1", "2"]


class Growing(MemoryFileSystem):
    """A driver whose file is written to while it is read."""

    protocol = "growing"

    def _open(self, path, mode="rb", **more):
        file = super()._open(path, mode, **more)
        if mode == "rb":
            content = file.getvalue()
            self.pipe_file(path, content + b"9\n")
            self.store[path].seek(0)
            return io.BytesIO(content)
        return file


def test_a_file_that_changes_while_it_is_fetched_is_no_delivery(tmp_path):
    fsspec.register_implementation("growing", Growing, clobber=True)
    bucket = Bucket(tmp_path, f"growing://{uuid.uuid4()}")
    bucket.put("b.csv", b"a\n1\n")
    with pytest.raises(SourceUnavailable, match=r"b\.csv changed while it was fetched"):
        bucket.take()
    assert bucket.source.listing(bucket.inbox).ready == ()


def test_events_and_labels_of_one_address_do_not_take_each_others_files(bucket):
    bucket.put("b.csv", b"a\n1\n")
    bucket.put("l.lab", b"a\n2\n")
    options = {"path": bucket.source.path, "pattern": "*.lab", "settle": "0s", "id": "a", "label": "b", "known_at": "c"}
    labels = FolderLabels(**options)
    bucket.source.deliver(NOW, bucket.inbox, [])
    labels.deliver(NOW, bucket.inbox, [])
    assert [path.name[0] for path in bucket.source.listing(bucket.inbox).ready] == ["b"]
    assert [path.name[0] for path in labels.listing(bucket.inbox).ready] == ["l"]


Step = st.tuples(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 9)), max_size=3), st.integers(0, 3),
    st.sampled_from(["", "lost", "damaged", "note lost"]),
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(Step, min_size=1, max_size=5))
def test_each_file_comes_once_across_restarts_and_lost_or_damaged_inboxes(steps):
    with TemporaryDirectory() as name:
        bucket = Bucket(Path(name), f"memory://{uuid.uuid4()}/in")
        held, taken = {}, []
        for files, limit, fault in steps:
            for file, content in files:
                held[file] = f"{file}{content}"
                bucket.put(f"{file}.csv", f"a\n{file}{content}\n".encode())
            taken += bucket.take(limit)
            waiting = bucket.source.listing(bucket.inbox).ready
            if fault == "lost":
                shutil.rmtree(bucket.inbox)
            for path in waiting if fault == "damaged" else ():
                path.write_bytes(b"x" + path.read_bytes()[1:])
            for path in bucket.inbox.rglob(".seen.json") if fault == "note lost" else ():
                path.unlink()
        taken += bucket.take()
        assert len(taken) == len(set(taken))
        assert set(held.values()) <= set(taken)


@pytest.mark.parametrize(
    ("path", "more", "kind", "told"),
    [
        (f"memory://me:{SECRET}@nowhere-at-all/x", {}, SourceUnavailable, "does not exist or is empty"),
        (f"s4://me:{SECRET}@x/y", {}, ConfigInvalid, "no address that fsspec knows"),
        ("s3://x/y", {}, ConfigInvalid, "s3fs"),
        ("memory://$NONE_SUCH/y", {}, ConfigInvalid, r"source\.path names \$NONE_SUCH"),
        ("memory://x", {"options": {"key": "$NONE_SUCH"}}, ConfigInvalid, r"source\.options\.key names \$NONE_SUCH"),
        (f"http://me:{SECRET}@127.0.0.1:9/x", {}, SourceUnavailable, "did not answer|does not exist"),
    ],
    ids=["nowhere", "no such scheme", "no driver", "no variable", "no option's variable", "no server"],
)
def test_what_cannot_be_reached_is_told_without_secrets(tmp_path, path, more, kind, told):
    with pytest.raises(kind, match=told) as caught:
        Folder(path=path, **more).deliver(NOW, tmp_path, [])
    assert SECRET not in str(caught.value)
