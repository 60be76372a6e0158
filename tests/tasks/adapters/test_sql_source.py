"""A database is taken in by its watermark: every row once, whatever the sizes, ties, new rows and lost inboxes."""

import shutil
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import create_engine, text

from tasks.adapters.sources import Sql
from tasks.core.errors import ConfigInvalid, SourceUnavailable

PASSWORD = "4711-secret"  # noqa: S105 - a canary
NOW = datetime(2024, 6, 1, tzinfo=UTC)
CREATE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, at DATETIME, number INTEGER, price NUMERIC, who TEXT)"


class Shop:
    """A SQLite database with one table, and a source that reads it."""

    def __init__(self, folder: Path, **more) -> None:
        self.inbox, self.url = folder / "inbox", f"sqlite:///{folder / 'shop.db'}"
        self.engine = create_engine(self.url)
        self.ingested: list[str] = []
        self.source = Sql(**({"url": self.url, "table": "orders", "watermark": "at"} | more))
        self.execute(CREATE)

    def execute(self, statement: str, *rows: dict) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), list(rows) or None)

    def sell(self, *seconds: int) -> None:
        """One order per number: that many seconds after 1 May 2024."""
        with self.engine.begin() as connection:
            count = connection.execute(text("SELECT count(*) FROM orders")).scalar()
        rows = [
            {"id": count + n, "at": str(datetime(2024, 5, 1) + timedelta(seconds=s)), "number": s}  # noqa: DTZ001 - as stored
            for n, s in enumerate(seconds)
        ]
        if rows:
            self.execute("INSERT INTO orders VALUES (:id, :at, :number, 1.25, 'ann')", *rows)

    def take(self, as_of: datetime = NOW, limit: int | None = None) -> list[int]:
        """Deliver, and ingest the first `limit` of what waits; the ids that came in."""
        self.source.deliver(as_of, self.inbox, self.ingested)
        taken = []
        for path in self.source.listing(self.inbox).ready[:limit]:
            taken += self.source.read(path)["id"].tolist()
            self.ingested.append(path.name)
        return taken

    def count(self) -> int:
        with self.engine.begin() as connection:
            return int(connection.execute(text("SELECT count(*) FROM orders")).scalar() or 0)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


Step = st.tuples(
    st.lists(st.integers(0, 3), max_size=8), st.integers(0, 3), st.sampled_from(["", "lost", "damaged", "breaks off"])
)


@contextmanager
def breaking_off(after: int):
    """A database that goes away after so many deliveries were fetched."""
    real, left = Sql._next, [after]

    def fetch(*given):
        if not left[0]:
            raise SourceUnavailable("gone")
        left[0] -= 1
        return real(*given)

    with mock.patch.object(Sql, "_next", fetch):
        yield


@settings(max_examples=40)
@given(st.lists(Step, min_size=1, max_size=4), st.integers(1, 5), st.sampled_from(["at", "number"]), st.booleans())
def test_every_row_comes_once_in_any_chunks_with_ties_between_inserts_and_lost_inboxes(steps, rows, mark, by_query):
    with TemporaryDirectory() as name:
        source = {"table": None, "query": "SELECT * FROM orders WHERE id >= 0;"} if by_query else {}
        shop = Shop(Path(name), rows=rows, watermark=mark, **source)
        taken, clock = [], 0
        for gaps, limit, fault in steps:
            clock += 1  # what is committed later is younger than everything before
            moments = [clock := clock + gap for gap in gaps]
            shop.sell(*moments)
            if fault == "breaks off":
                with breaking_off(limit), suppress(SourceUnavailable):
                    taken += shop.take()
                continue
            taken += shop.take(limit=limit)
            if fault == "lost":
                shutil.rmtree(shop.inbox)
            if fault == "damaged":
                for path in shop.source.listing(shop.inbox).ready:
                    path.write_bytes(path.read_bytes()[: limit * 100])
        taken += shop.take()
        assert sorted(taken) == list(range(shop.count()))
        assert shop.take() == []


def test_a_delivery_holds_about_so_many_rows_and_never_parts_rows_of_one_watermark(tmp_path):
    shop = Shop(tmp_path, rows=2)
    shop.sell(1, 2, 2, 2, 3)
    shop.source.deliver(NOW, shop.inbox, [])
    sizes = [len(shop.source.read(path)) for path in shop.source.listing(shop.inbox).ready]
    assert sizes == [4, 1]


def test_what_is_younger_than_the_lag_or_than_the_moment_of_the_run_is_left(tmp_path):
    shop = Shop(tmp_path, lag="1m")
    shop.sell(0, 10, 70)
    begin = datetime(2024, 5, 1, tzinfo=UTC)
    assert shop.take(begin + timedelta(seconds=65)) == [0]
    assert shop.take(begin + timedelta(seconds=130)) == [1, 2]


def test_values_come_as_they_are_stored(shop):
    shop.execute("INSERT INTO orders VALUES (9007199254740993, '2024-05-01 00:00:00.000000', 7, 0.1, '  Ann;\"x\" ')")
    shop.source.deliver(NOW, shop.inbox, [])
    (path,) = shop.source.listing(shop.inbox).ready
    (row,) = shop.source.read(path).to_dict("records")
    assert (row["id"], row["who"], float(row["price"])) == (9007199254740993, '  Ann;"x" ', 0.1)
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_was_not_written_out_is_no_delivery_and_a_damaged_one_is_fetched_anew(shop):
    shop.sell(1)
    shop.source.deliver(NOW, shop.inbox, [])
    (path,) = shop.source.listing(shop.inbox).ready
    left = [path.with_name(path.name + ".part"), path.with_name(".of a crash.part")]
    for unfinished in left:
        unfinished.write_bytes(b"x")
    assert shop.source.listing(shop.inbox).ready == (path,)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceUnavailable, match="damaged"):
        shop.source.read(path)
    assert shop.take() == [0], "it is not taken for ingested, and fetched anew"
    assert not left[1].exists()


@pytest.mark.parametrize(
    ("column", "written"),
    [("day", lambda t: t.date()), ("day", lambda t: f"{t:%Y-%m-%d}"), ("hour", lambda t: f"{t:%Y-%m-%dT%H}"),
     ("minute", lambda t: f"{t:%Y-%m-%d %H:%M}")],
    ids=["dates", "days", "hours", "minutes"],
)  # fmt: skip
def test_of_a_day_or_an_hour_that_is_not_over_nothing_is_taken_yet(tmp_path, column, written):
    shop = Shop(tmp_path, table="visits", watermark=column, lag="0s")
    kind = "DATE" if isinstance(written(NOW), date) else "TEXT"
    shop.execute(f"CREATE TABLE visits (id INTEGER, {column} {kind})")
    moment, taken = datetime(2024, 5, 3, 10, 20, 5, tzinfo=UTC), []
    for number in range(6):
        value = written(moment)
        shop.execute("INSERT INTO visits VALUES (:id, :value)", {"id": number, "value": str(value)})
        taken += shop.take(moment)
        moment += timedelta(seconds=7) if number % 2 else timedelta(seconds=20)
    assert 5 not in taken, "more may come"
    assert sorted(taken + shop.take(moment + timedelta(days=2))) == list(range(6))


def test_an_inbox_that_another_machine_has_overtaken_is_dropped(shop, tmp_path):
    shop.sell(1, 2)
    shop.source.deliver(NOW, shop.inbox, [])
    shop.sell(3)
    other = Shop.__new__(Shop)
    other.source, other.inbox, other.ingested = shop.source, tmp_path / "elsewhere", []
    assert other.take() == [0, 1, 2]
    shop.ingested = other.ingested
    assert shop.take() == []


def test_a_watermark_of_another_type_than_before_is_told(tmp_path):
    shop = Shop(tmp_path, watermark="number")
    shop.sell(1)
    assert shop.take() == [0]
    shop.source = Sql(url=shop.url, table="orders", watermark="at")
    shop.sell(2)
    with pytest.raises(ConfigInvalid, match=r"watermarks of two types: source\.watermark is another column now"):
        shop.take()


WRONG = {
    "no such table": ({"table": "nothing"}, ConfigInvalid, r"no table 'nothing'"),
    "no such column": ({"watermark": "when"}, ConfigInvalid, r"no column 'when'"),
    "a query that is none": ({"table": None, "query": "SELEC 1"}, ConfigInvalid, r"refuses to read"),
    "text that is no time": ({"watermark": "who"}, ConfigInvalid, r"text and no time"),
    "no address": ({"url": "nowhere"}, ConfigInvalid, r"no address that SQLAlchemy knows"),
    "no driver": ({"url": "nodb://x"}, ConfigInvalid, r"no address that SQLAlchemy knows"),
    "no server": (
        {"url": f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:9/x?connect_timeout=2"},
        SourceUnavailable,
        "did not answer",
    ),
}


@pytest.mark.parametrize(("more", "kind", "told"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_read_is_told_without_passwords(tmp_path, more, kind, told):
    shop = Shop(tmp_path, **more)
    shop.sell(1)
    with pytest.raises(kind, match=told) as caught:
        shop.source.deliver(NOW, shop.inbox, [])
    assert PASSWORD not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_empty_watermark_is_told_and_no_row_is_left_out_in_silence(shop):
    shop.sell(1, 2)
    shop.execute("UPDATE orders SET at = NULL WHERE id = 1")
    with pytest.raises(ConfigInvalid, match=r"'at' is empty in some rows"):
        shop.take()


def test_a_password_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP", str(tmp_path / "shop.db"))
    shop = Shop(tmp_path, url="sqlite:///$SHOP")
    shop.sell(1)
    assert shop.take() == [0]
    assert str(tmp_path) not in shop.source.model_dump_json()


@pytest.mark.parametrize(
    "wrong", [{"table": None}, {"query": "SELECT 1"}, {"rows": 0}, {"lag": "soon"}, {"tabel": "x"}]
)
def test_a_source_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Sql(**({"url": "sqlite://", "table": "orders", "watermark": "at"} | wrong))
