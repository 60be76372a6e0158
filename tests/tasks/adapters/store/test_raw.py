"""Raw deliveries: named by the bytes that were really copied, whole or not there, once per content."""

import os
import stat
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.store import Store, raw, remote
from tasks.core.errors import NotFound, SourceUnavailable, TransientError
from tests.tasks.adapters.processes import die_at, run_all


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "store"), "p")


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=200))
def test_the_copy_has_the_content_and_its_name(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("raw")
    (folder / "in.csv").write_bytes(content)
    store = Store(str(folder / "store"), "p")
    digest = store.keep_raw(folder / "in.csv")
    assert digest == sha256(content).hexdigest()
    assert store.raw_path(digest).read_bytes() == content


def test_one_content_is_kept_once_under_any_name(store, tmp_path):
    for name in ("a.csv", "b.csv", "c.txt", "d.CSV.GZ"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    digests = {store.keep_raw(tmp_path / name) for name in ("a.csv", "b.csv", "c.txt", "d.CSV.GZ", "a.csv")}
    (digest,) = digests
    assert [path.name for path in store.raw_path(digest).parent.iterdir()] == [f"{digest}.csv"]


@pytest.mark.parametrize(("name", "suffix"), [("a.csv.gz", ".csv.gz"), ("v1.2.parquet", ".parquet"), ("x.a b", "")])
def test_the_suffix_says_how_to_read_it(store, tmp_path, name, suffix):
    (tmp_path / name).write_text("1")
    digest = store.keep_raw(tmp_path / name)
    assert store.raw_path(digest).name == digest + suffix


def test_a_damaged_copy_is_healed_by_the_next_delivery(store, tmp_path):
    (tmp_path / "a.csv").write_text("1")
    digest = store.keep_raw(tmp_path / "a.csv")
    store.raw_path(digest).write_text("2")
    store.keep_raw(tmp_path / "a.csv")
    assert store.raw_path(digest).read_text() == "1"


def test_a_file_that_changes_while_it_is_read_is_named_by_what_was_copied(store, tmp_path, monkeypatch):
    """The file is rewritten after its first megabyte was read."""
    delivery = tmp_path / "a.csv"
    delivery.write_bytes(b"1" * (3 << 20))
    chunks = raw._chunks

    def changing(path):
        for chunk in chunks(path):
            delivery.write_bytes(b"2" * (3 << 20))
            yield chunk

    monkeypatch.setattr(raw, "_chunks", changing)
    digest = store.keep_raw(delivery)
    content = store.raw_path(digest).read_bytes()
    assert sha256(content).hexdigest() == digest
    assert set(content) == {ord("1"), ord("2")}


def test_what_is_no_readable_file_is_named(store, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "absent.csv", tmp_path, tmp_path / "pipe.csv"):
        with pytest.raises(SourceUnavailable, match=path.name):
            store.keep_raw(path)
    assert list((tmp_path / "store" / "p" / "raw").iterdir()) == []


def test_a_disk_that_refuses_is_named_and_nothing_stays(store, tmp_path):
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "p").write_text("a file where the folder should be")
    with pytest.raises(TransientError, match=r"Cannot write below .*/p/raw: "):
        store.keep_raw(tmp_path / "a.csv")


def test_folders_are_private(store, tmp_path):
    (tmp_path / "a.csv").write_text("1")
    digest = store.keep_raw(tmp_path / "a.csv")
    for path in (tmp_path / "store", tmp_path / "store" / "p", store.raw_path(digest).parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "*", ""])
def test_an_unknown_digest_is_not_found(store, digest):
    with pytest.raises(NotFound):
        store.raw_path(digest)


def keep_and_die(root: str, delivery: str, passage: int) -> None:
    from pathlib import Path

    store = Store(root, "p")
    die_at(passage)
    store.keep_raw(Path(delivery))


def test_a_kill_at_any_change_of_the_disk_leaves_a_whole_copy_or_none(tmp_path):
    delivery = tmp_path / "a.csv"
    delivery.write_text("x\n" * 1000)
    digest = sha256(delivery.read_bytes()).hexdigest()
    codes = run_all(keep_and_die, [(str(tmp_path / str(n)), str(delivery), n) for n in range(1, 9)])
    assert codes[0] == -9
    assert codes[-1] == 0
    for n in range(1, 9):
        store = Store(str(tmp_path / str(n)), "p")
        copies = list((tmp_path / str(n) / "p" / "raw").glob(f"{digest}*"))
        assert all(path.read_bytes() == delivery.read_bytes() for path in copies)
        assert store.keep_raw(delivery) == digest
        later = datetime.now(UTC) + timedelta(hours=1)
        store.drop_leftovers(later)
        assert store.staging_leftovers(later) == []
        assert [path.name for path in store.raw_path(digest).parent.iterdir()] == [f"{digest}.csv"]


def test_an_object_store_keeps_and_gives_back(tmp_path):
    """Through Arrow's file systems; a file:// address stands for the object store here."""
    (tmp_path / "a.csv").write_text("1")
    store = Store(str(tmp_path / "store"), "p")
    digest = store.keep_raw(tmp_path / "a.csv")
    address = f"file://{tmp_path}/far/p/raw"
    for _ in range(2):
        remote.upload(address, store.raw_path(digest))
    near = tmp_path / "near"
    near.mkdir()
    remote.download(address, digest, near)
    assert raw.path_of(near, digest).read_text() == "1"
    remote.download(address, "0" * 64, near)
    assert len(list(near.iterdir())) == 1
