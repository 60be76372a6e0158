"""A file of a web server: fetched when it has changed, whole or not at all, each content once, and no token is told."""

import gzip
import logging
import shutil
import socket
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.adapters.sources import Http
from tasks.core.errors import ConfigInvalid, DataRejected, SourceUnavailable
from tests.tasks.adapters.peaks import peak_of
from tests.tasks.adapters.web import Reply, serving

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SECRET = "4711-secret"  # noqa: S105 - a canary
OLD, NEW = "Wed, 01 May 2024 00:00:00 GMT", "Wed, 01 May 2024 00:00:01 GMT"


class Shop:
    """A server with one file, and a source that reads it."""

    def __init__(self, folder: Path, served, **more) -> None:
        self.inbox, self.ingested = folder / "inbox", []
        self.source = Http(**({"url": served.address + "/x/orders.csv"} | more))

    def take(self, limit: int | None = None) -> list[str]:
        """Deliver, and ingest what waits; the values of the column `a` of what came in."""
        self.source.deliver(NOW, self.inbox, self.ingested)
        taken = []
        for path in self.source.listing(self.inbox).ready[:limit]:
            taken.append(",".join(map(str, self.source.read(path)["a"])))
            self.ingested.append(path.name)
        return taken


class Site:
    """What a server says about one file, with whatever tells that it is unchanged."""

    def __init__(self, tells: str = "etag") -> None:
        self.body, self.tells, self.modified, self.whole = b"a\n1\n", tells, OLD, 0

    def __call__(self, asked) -> Reply:
        etag, headers = f'"{sha256(self.body).hexdigest()[:8]}"', {}
        if self.tells == "etag":
            headers = {"ETag": etag}
        if self.tells == "modified":
            headers = {"Last-Modified": self.modified}
        if asked.headers.get("if-none-match") == etag or asked.headers.get("if-modified-since") == self.modified:
            return Reply(status=304, headers=headers)
        self.whole += 1
        return Reply(self.body, headers=headers)


@pytest.mark.parametrize(("tells", "fetched"), [("etag", 1), ("modified", 1), ("nothing", 4)])
def test_what_is_unchanged_is_no_delivery_and_changed_content_is_one(tmp_path, tells, fetched):
    site = Site(tells)
    with serving(site) as served:
        shop = Shop(tmp_path, served)
        assert [shop.take() for _ in range(4)] == [["1"], [], [], []]
        assert site.whole == fetched
        site.body, site.modified = b"a\n2\n", NEW
        assert [shop.take() for _ in range(2)] == [["2"], []]
        site.body, site.modified = b"a\n1\n", OLD
        assert shop.take() == [], "each content is taken in once"
    assert shop.ingested[0] == f"orders ({sha256(b'a' + bytes([10]) + b'1' + bytes([10])).hexdigest()[:12]}).csv"


def test_a_file_that_changes_twice_within_a_second_is_not_missed(tmp_path):
    site, clock = Site("modified"), datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    site.modified = clock
    with serving(site) as served:
        shop = Shop(tmp_path, served)
        assert shop.take() == ["1"]
        site.body = b"a\n2\n"
        assert shop.take() == ["2"]


Step = st.tuples(
    st.integers(0, 2), st.booleans(), st.sampled_from(["", "lost", "damaged", "note lost", "503", "cut", "elsewhere"])
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(Step, min_size=1, max_size=6), st.sampled_from(["etag", "modified", "nothing"]))
def test_each_content_comes_once_across_restarts_broken_answers_and_lost_inboxes(steps, tells):
    """What the server held when a run ended well is taken in, exactly once, by the last run at the latest."""
    site = Site(tells)
    with TemporaryDirectory() as name, serving(lambda asked: fault_of(fault, site(asked))) as served:
        shop = Shop(Path(name), served)
        taken, fault, held = [], "", set()
        for content, ingests, after in [*steps, (steps[-1][0], True, "")]:
            site.body = b"a\n%d\n" % content
            site.modified = f"Wed, 01 May 2024 00:00:{content:02d} GMT"
            taken += shop.take(limit=None if ingests else 0)
            held = {*held, str(content)} if ingests else held
            fault = after
            befall(shop, fault)
            fault = ""
        assert sorted(taken) == sorted(set(taken))
        assert set(taken) >= held


def fault_of(fault, reply):
    if fault == "503":
        return Reply(status=503)
    return (
        Reply(reply.body[:2], headers=reply.headers, length=len(reply.body)) if fault == "cut" and reply.body else reply
    )


def befall(shop, fault):
    """What may happen between two runs, or to one run as a whole."""
    if fault == "lost":
        shutil.rmtree(shop.inbox)
    if fault == "elsewhere":
        shop.inbox = shop.inbox.with_name(shop.inbox.name + "x")
    if fault == "note lost":
        (shop.inbox / ".seen.json").unlink()
    if fault == "damaged":
        for path in shop.source.listing(shop.inbox).ready:
            path.write_bytes(b"x" + path.read_bytes()[1:])
    if fault in {"503", "cut"}:
        with suppress(SourceUnavailable):
            shop.source.deliver(NOW, shop.inbox, shop.ingested)


def test_a_fetched_file_is_private_and_reads_as_any_other(tmp_path):
    packed = gzip.compress(b'{"a": 0.10}\n')
    with serving(lambda _: Reply(packed)) as served:
        shop = Shop(tmp_path, served, url=served.address + "/.. %C3%BC/or ders.v2.jsonl.gz?x=1")
        assert shop.take() == ["0.10"]
    (path,) = shop.source.listing(shop.inbox).ready
    assert path.read_bytes() == packed
    assert path.name == f"or_ders.v2 ({sha256(packed).hexdigest()[:12]}).jsonl.gz"
    assert path.stat().st_mode & 0o077 == 0
    assert [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*.gz")] == [f"inbox/{path.name}"]


def test_what_is_packed_on_its_way_is_kept_packed_and_other_packing_is_told(tmp_path):
    packing = ["gzip"]
    with serving(
        lambda _: Reply(gzip.compress(b"a\n7\n", mtime=0), headers={"Content-Encoding": packing[0]})
    ) as served:
        shop = Shop(tmp_path, served)
        assert shop.take() == ["7"]
        assert served.asked[0].headers["accept-encoding"] == "identity"
        packing[0] = "br"
        with pytest.raises(ConfigInvalid, match="packed as br"):
            shop.take()


def test_a_damaged_file_is_rejected_by_its_reader(tmp_path):
    with serving(lambda _: Reply(b'a\n"1\n')) as served, pytest.raises(DataRejected, match="not readable as csv"):
        Shop(tmp_path, served).take()


WRONG = {
    "cut off": (Reply(b"a\n1\n", length=400), {}, SourceUnavailable, "broke off"),
    "a chunk cut off": (
        Reply(b"40\r\na\n1\n", headers={"Transfer-Encoding": "chunked", "Connection": "close"}, length=None),
        {}, SourceUnavailable, "broke off",
    ),
    "no length": (Reply(b"a\n1\n", length=None), {}, ConfigInvalid, "does not say how long"),
    "a part": (Reply(b"a\n", status=206), {}, SourceUnavailable, "answered 206"),
    "nothing": (Reply(status=204), {}, SourceUnavailable, "answered 204"),
    "a lost condition": (Reply(status=304), {}, SourceUnavailable, "304 to a request without a condition"),
    "overload": (Reply(status=503), {}, SourceUnavailable, "answered 503"),
    "too many": (Reply(status=429), {}, SourceUnavailable, "answered 429"),
    "no right": (Reply(status=403), {}, ConfigInvalid, r"refuses to answer \(403\).*source\.headers"),
    "not there": (Reply(status=404), {}, ConfigInvalid, r"answered 404.*source\.url"),
    "too large": (Reply(b"a\n" + b"1\n" * 600), {"max_size": 1000}, ConfigInvalid, r"than source\.max_size, 1000"),
    "another host": (
        Reply(status=302, headers={"Location": f"http://localhost/{SECRET}"}),
        {}, ConfigInvalid, r"leads to the host localhost, and only 127\.0\.0\.1 .*source\.hosts",
    ),
    "another scheme": (Reply(status=301, headers={"Location": "file:///etc/passwd"}), {}, ConfigInvalid, "leads to file://"),
    "a ring": (Reply(status=307, headers={"Location": "/x/orders.csv"}), {}, SourceUnavailable, "more than 5 times"),
    "no variable": (Reply(b"a\n"), {"headers": {"T": "$NONE_SUCH"}}, ConfigInvalid, r"headers\.T names \$NONE_SUCH"),
    "no header": (Reply(b"a\n"), {"headers": {"T": f"{SECRET}\nx"}}, ConfigInvalid, "cannot be sent"),
    "no ASCII": (Reply(b"a\n"), {"headers": {"T": f"{SECRET}ü"}}, ConfigInvalid, "cannot be sent"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_what_is_no_whole_answer_is_told_and_nothing_is_kept(tmp_path, monkeypatch, caplog, wrong):
    reply, more, kind, told = wrong
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("TOKEN", SECRET)
    with serving(lambda _: reply) as served:
        shop = Shop(tmp_path, served, **({"headers": {"Authorization": "Bearer $TOKEN"}} | more))
        with pytest.raises(kind, match=told) as caught:
            shop.take()
    assert list(shop.inbox.iterdir()) == []
    assert SECRET not in str(caught.value) + caplog.text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_server_that_is_silent_or_not_there_is_told(tmp_path):
    enough = Event()
    with serving(lambda _: enough.wait(30) and Reply()) as served:
        with pytest.raises(SourceUnavailable, match=r"silent for 0\.2 s"):
            Shop(tmp_path, served, timeout="0.2s").take()
        enough.set()
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/a.csv"
    with pytest.raises(SourceUnavailable, match="did not answer"):
        Shop(tmp_path, served, url=address).take()


def test_a_token_goes_to_its_own_server_only_and_is_nowhere_to_be_read(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("TOKEN", SECRET)
    with serving(lambda _: Reply(b"a\n5\n")) as other:
        port = other.address.rpartition(":")[2]

        def moved(asked):
            if asked.path == "/x/orders.csv":
                return Reply(status=302, headers={"Location": "/there"})
            return Reply(status=302, headers={"Location": f"http://localhost:{port}/y.csv?signature={SECRET}"})

        with serving(moved) as served:
            shop = Shop(tmp_path, served, headers={"X-Token": "$TOKEN"}, hosts=("localhost",))
            assert shop.take() == ["5"]
    assert [asked.headers.get("x-token") for asked in served.asked] == [SECRET, SECRET]
    assert [asked.headers.get("x-token") for asked in other.asked] == [None]
    assert other.asked[0].query == {"signature": SECRET}, "it was followed"
    assert "/there" in caplog.text, "the log was looked at"
    kept = "".join(path.read_text() for path in shop.inbox.iterdir())
    assert SECRET not in caplog.text + kept + shop.source.model_dump_json() + "".join(shop.ingested)


@pytest.mark.parametrize(
    "wrong",
    [{"url": "ftp://x/y"}, {"url": f"https://me:{SECRET}@x/y"}, {"url": "https:///y"}, {"url": "orders.csv"},
     {"max_size": 0}, {"format": "xls"}, {"timeout": "soon"}, {"hots": ["x"]}],
)  # fmt: skip
def test_a_source_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Http(**({"url": "https://x/y"} | wrong))


TAKE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.adapters.sources import Http
Http(url=sys.argv[1]).deliver(datetime.now(UTC), Path(sys.argv[2]), [])
"""


def test_ten_times_the_rows_do_not_take_more_memory(tmp_path):
    peaks = []
    for times in (1, 10):
        body = b"a,b\n" + b"1,2\n" * 1_000_000 * times
        with serving(lambda _, body=body: Reply(body)) as served:
            peaks.append(peak_of(TAKE, served.address + "/a.csv", str(tmp_path / str(times))))
        (path,) = Http(url=served.address).listing(tmp_path / str(times)).ready
        assert path.stat().st_size == len(body)
    assert peaks[1] < 1.5 * peaks[0], peaks
