"""Paged JSON is taken in by its watermark: each record once, whatever moves between pages while they are read."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.adapters.sources import Api
from tasks.core.errors import ConfigInvalid, DataRejected, SourceUnavailable
from tests.tasks.adapters.peaks import peak_of
from tests.tasks.adapters.web import Asked, Reply, serving

BEGIN = datetime(2024, 5, 1, tzinfo=UTC)
SECRET = "4711-secret"  # noqa: S105 - a canary


def moment(second: int) -> str:
    return (BEGIN + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


@dataclass
class Ledger:
    """A server's records, and what happens to them before which of its answers."""

    size: int = 2
    newest_first: bool = False
    since: str = "from"
    """What the parameter does: records `from` it on, `after` it, or `all` of them."""
    rows: dict[int, int] = field(default_factory=dict)
    clock: int = 0
    events: dict[int, str] = field(default_factory=dict)
    answers: int = 0

    def write(self, event: str) -> None:
        self.clock += 1
        first = next(iter(sorted(self.rows, key=lambda key: self.rows[key], reverse=self.newest_first)), None)
        if event == "insert":
            self.rows[max(self.rows, default=-1) + 1] = self.clock
        elif event == "update" and first is not None:
            self.rows[first] = self.clock
        elif event == "delete" and first is not None:
            self.gone.add(first)
            self.rows.pop(first)

    gone: set[int] = field(default_factory=set)

    def asked_for(self, asked: Asked) -> list[dict]:
        since = asked.query.get("since", "")
        found = sorted(self.rows.items(), key=lambda row: (row[1], row[0]), reverse=self.newest_first)
        return [
            {"id": key, "at": moment(at)}
            for key, at in found
            if not since or self.since == "all" or moment(at) > since or (self.since == "from" and moment(at) == since)
        ]

    def __call__(self, asked: Asked) -> Reply:
        self.answers += 1
        event = self.events.pop(self.answers, "")
        if event == "503":
            return Reply(status=503)
        if event:
            self.write(event)
        rows, at = self.asked_for(asked), int(asked.query.get("page", 1)) - 1
        page, more = rows[at * self.size : (at + 1) * self.size], len(rows) > (at + 1) * self.size
        query = "&".join(f"{name}={value}" for name, value in asked.query.items() if name != "page")
        link = f"{asked.path}?{query}&page={at + 2}"
        body = {"data": {"items": page}, "next": str(at + 2) if more else None, "link": link if more else None}
        return Reply(json.dumps(body).encode(), headers={"Link": f'<{link}>; rel="next"'} if more else {})


class Reader:
    def __init__(self, folder: Path, address: str, **more) -> None:
        self.inbox, self.ingested = folder / "inbox", []
        options = {"records": "data.items", "id": "id", "watermark": "at", "since": "since", "lag": "0s"}
        self.source = Api(**({"url": address + "/rows?x=1", "pages": {"kind": "number"}} | options | more))

    def take(self, as_of: datetime, limit: int | None = None) -> list[tuple[int, str]]:
        self.source.deliver(as_of, self.inbox, self.ingested)
        taken = []
        for path in self.source.listing(self.inbox).ready[:limit]:
            frame = self.source.read(path)
            taken += list(zip(map(int, frame["id"]), frame["at"], strict=True))
            self.ingested.append(path.name)
        return taken


PAGES = {
    "number": {"kind": "number"},
    "cursor": {"kind": "cursor", "parameter": "page", "path": "next"},
    "link in the header": {"kind": "link"},
    "link in the body": {"kind": "link", "path": "link"},
}
EVENT = st.sampled_from(["insert", "update", "delete", "503"])
Run = st.tuples(
    st.lists(st.sampled_from(["insert", "insert", "insert", "update", "delete"]), max_size=8),
    st.dictionaries(st.integers(1, 6), EVENT, max_size=3),
    st.integers(0, 3),
    st.sampled_from(["", "lost", "damaged"]),
)


@settings(max_examples=40)
@given(
    st.lists(Run, min_size=1, max_size=4), st.sampled_from(list(PAGES.values())), st.integers(1, 3),
    st.sampled_from(["from", "after", "all"]), st.booleans(), st.integers(1, 4),
)  # fmt: skip
def test_no_record_is_lost_or_doubled_while_records_come_move_and_go(runs, pages, size, since, newest_first, rows):
    ledger = Ledger(size, newest_first, since)
    with TemporaryDirectory() as name, serving(ledger) as served:
        reader = Reader(Path(name), served.address, pages=pages, rows=rows)
        taken = []
        for before, during, limit, fault in [*runs, ([], {}, None, "")]:
            for event in before:
                ledger.write(event)
            now = BEGIN + timedelta(seconds=ledger.clock)
            ledger.events, ledger.answers = dict(during), 0
            with suppress(SourceUnavailable):
                taken += reader.take(now, limit)
            befall(reader, fault)
        assert len(taken) == len(set(taken))
        assert {(key, moment(at)) for key, at in ledger.rows.items()} <= set(taken)
        assert reader.take(now) == []


def befall(reader, fault):
    if fault == "lost":
        shutil.rmtree(reader.inbox, ignore_errors=True)
    if fault == "damaged":
        for path in reader.source.listing(reader.inbox).ready:
            path.write_bytes(path.read_bytes()[:-9])


def test_a_record_that_is_hidden_in_two_readings_in_a_row_is_found(tmp_path):
    # 7 goes while page 1 is read, and 5 moves onto it; a young record pushes 5 back, goes, and hides it again.
    events = {2: "delete", 6: "insert", 7: "delete"}
    ledger = Ledger(2, newest_first=True, rows={n: n for n in range(8)}, clock=8, events=events)
    with serving(ledger) as served:
        taken = Reader(tmp_path, served.address).take(BEGIN + timedelta(seconds=8))
    assert len(served.asked) > 10
    assert {key for key, _ in taken} == set(range(8))


def test_no_part_is_published_before_every_page_has_come(tmp_path):
    ledger = Ledger(2, rows={n: n for n in range(9)}, clock=9, events={4: "503"})
    with serving(ledger) as served:
        reader = Reader(tmp_path, served.address, rows=1, steady=True)
        with pytest.raises(SourceUnavailable, match="answered 503"):
            reader.take(BEGIN + timedelta(days=1))
        assert list(reader.inbox.iterdir()) == []
        assert [key for key, _ in reader.take(BEGIN + timedelta(days=1))] == list(range(9))
        assert len(reader.ingested) == 9
        assert reader.ingested[1] == "until 2024-05-01T00:00:01+00:00.jsonl.gz"
        before = len(served.asked)
        assert reader.take(BEGIN + timedelta(days=1)) == []
        assert served.asked[before].query == {"x": "1", "since": "2024-05-01T00:00:08Z", "page": "1"}


def test_what_is_younger_than_the_lag_is_left_and_ties_stay_together(tmp_path):
    ledger = Ledger(3, rows={0: 1, 1: 1, 2: 1, 3: 5}, clock=5)
    with serving(ledger) as served:
        reader = Reader(tmp_path, served.address, rows=2, lag="3s")
        assert len(reader.take(BEGIN + timedelta(seconds=7))) == 3
        assert len(reader.ingested) == 1
        assert [key for key, _ in reader.take(BEGIN + timedelta(seconds=8))] == [3]


@pytest.mark.parametrize(
    ("marks", "names"),
    [
        (["9", "10", "-3"], ["until -3", "until 9", "until 10"]),
        (["2024-05-02", "2024-05-01"], ["until 2024-05-01", "until 2024-05-02"]),
        (["2024-05-01T10:00:00.5Z", "2024-05-01 12:00+02:00", "2024-05-01T09:59"],
         ["until 2024-05-01T09:59:00+00:00", "until 2024-05-01T10:00:00+00:00",
          "until 2024-05-01T10:00:00.500000+00:00"]),
    ],
    ids=["numbers", "days", "times of several zones"],
)  # fmt: skip
def test_watermarks_are_put_in_their_own_order(tmp_path, marks, names):
    body = json.dumps([{"id": n, "at": int(m) if m.lstrip("-").isdigit() else m} for n, m in enumerate(marks)])
    with serving(lambda _: Reply(body.encode())) as served:
        reader = Reader(tmp_path, served.address, records="", pages={"kind": "one"}, rows=1)
        assert len(reader.take(BEGIN + timedelta(days=9))) == len(marks)
    assert reader.ingested == [f"{name}.jsonl.gz" for name in names]


def test_values_come_as_they_were_written(tmp_path):
    body = (
        b'[{"id": 9007199254740993, "at": "2024-05-01T00:00:00Z", "a": 0.10, "b": true, "c": null, "d": " \\u00fc\\n"}]'
    )
    with serving(lambda _: Reply(body)) as served:
        reader = Reader(tmp_path, served.address, records="", pages={"kind": "one"})
        reader.source.deliver(BEGIN + timedelta(days=1), reader.inbox, [])
    (path,) = reader.source.listing(reader.inbox).ready
    assert reader.source.read(path).to_dict("records") == [
        {"id": "9007199254740993", "at": "2024-05-01T00:00:00Z", "a": "0.10", "b": "true", "c": None, "d": " ü\n"}
    ]
    assert path.stat().st_mode & 0o077 == 0


def page(*records: dict, **more) -> Callable[[Asked], Reply]:
    return lambda _: Reply(json.dumps({"data": {"items": records}} | more).encode())


ROW = {"id": 1, "at": moment(1), "who": SECRET}
CURSOR = {"pages": {"kind": "cursor"}}
WRONG = {
    "no list": (lambda _: Reply(b'{"error": "4711-secret"}'), {}, ConfigInvalid, r"no list at source\.records 'data"),
    "no JSON": (lambda _: Reply(b"<html>4711-secret"), {}, SourceUnavailable, "Page 1 .* is no JSON"),
    "cut JSON": (lambda _: Reply(b'{"data": {"items": [{"id": 1'), {}, SourceUnavailable, "is cut off"),
    "no object": (page(SECRET), {}, DataRejected, "no flat record"),
    "nested": (page(ROW | {"x": {"y": SECRET}}), {}, DataRejected, "no flat record"),
    "named twice": (
        lambda _: Reply(b'{"data": {"items": [{"id": 1, "id": 2}]}}'), {}, SourceUnavailable, "names a field twice",
    ),
    "no id": (page(ROW | {"id": None}), {}, ConfigInvalid, r"source\.id 'id' is empty"),
    "no watermark": (page({"id": 1}), {}, ConfigInvalid, r"source\.watermark 'at' is empty"),
    "no time": (page(ROW), {"watermark": "who"}, ConfigInvalid, "text and no time"),
    "two types": (page(ROW, {"id": 2, "at": 7}), {}, ConfigInvalid, "watermarks of two types"),
    "a huge number": (page({"id": 2, "at": 2**70}), {}, ConfigInvalid, "more than 64 bits"),
    "no cursor": (page(ROW), CURSOR, ConfigInvalid, r"nothing at source\.pages\.path 'next_cursor'.*pages\.omitted"),
    "a cursor that is none": (page(ROW, next_cursor=[1]), CURSOR, ConfigInvalid, "could lead on"),
    "a ring": (page(ROW, next_cursor="x"), CURSOR, ConfigInvalid, "lead in a ring"),
    "always the same": (page(ROW), {}, ConfigInvalid, "11 pages .* are the same"),
    "elsewhere": (
        page(ROW, go=f"http://localhost/{SECRET}"), {"pages": {"kind": "link", "path": "go"}},
        ConfigInvalid, "leads to the host localhost",
    ),
    "too large": (page(ROW | {"x": "x" * 2000}), {"limit": 1000}, ConfigInvalid, r"larger than source\.limit"),
    "no right": (lambda _: Reply(status=401), {}, ConfigInvalid, r"refuses to answer \(401\)"),
    "cut off": (lambda _: Reply(b'{"data"', length=99), {}, SourceUnavailable, "broke off"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_taken_is_told_without_tokens_and_cells_and_nothing_is_kept(
    tmp_path, monkeypatch, caplog, wrong
):
    answer, more, kind, told = wrong
    monkeypatch.setenv("TOKEN", SECRET)
    with serving(answer) as served:
        reader = Reader(tmp_path, served.address, headers={"Authorization": "Bearer $TOKEN"}, **more)
        with pytest.raises(kind, match=told) as caught:
            reader.take(BEGIN + timedelta(days=1))
        assert served.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    assert list(reader.inbox.iterdir()) == []
    assert SECRET not in str(caught.value) + caplog.text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_cursor_that_the_last_page_leaves_out_ends_where_that_is_declared(tmp_path):
    with serving(page(ROW)) as served:
        reader = Reader(tmp_path, served.address, pages={"kind": "cursor", "omitted": True})
        assert reader.take(BEGIN + timedelta(days=1)) == [(1, moment(1))]


@pytest.mark.parametrize(
    "wrong", [{"pages": None}, {"pages": {"kind": "guess"}}, {"id": ""}, {"watermark": ""}, {"rows": 0}, {"idd": "x"}]
)
def test_a_source_that_makes_no_sense_is_refused(tmp_path, wrong):
    with pytest.raises(ValidationError):
        Reader(tmp_path, "https://x", **wrong)


TAKE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.adapters.sources import Api
Api(url=sys.argv[1], id="id", watermark="at", pages={"kind": "number"}, rows=2_000).deliver(
    datetime.now(UTC), Path(sys.argv[2]), [])
"""


def test_ten_times_the_rows_do_not_take_more_memory(tmp_path):
    peaks = []
    for times in (1, 10):
        pages = 8 * times

        def answer(asked, pages=pages):
            first = (int(asked.query["page"]) - 1) * 1000
            rows = range(first, first + 1000) if first < 1000 * pages else ()
            return Reply(json.dumps([{"id": n, "at": n, "text": "x" * 300} for n in rows]).encode())

        with serving(answer) as served:
            peaks.append(peak_of(TAKE, served.address + "/", str(tmp_path / str(times))))
        assert len(list((tmp_path / str(times)).iterdir())) == pages / 2
    assert peaks[1] < 1.5 * peaks[0], peaks
