"""Every kind of output, delivered once, again, and over what stood there; and what people read when it cannot be."""

import sqlite3
from contextlib import closing

import fsspec
import pandas as pd
import pytest
from pydantic import TypeAdapter

from tasks.adapters.outputs import Files, Output, SqlTable
from tasks.core.errors import ConfigInvalid, ServerUnavailable

TIME = pd.Timestamp("2026-01-02T03:04:05.000006Z")


def rows(count=3, version=1, first=0):
    return pd.DataFrame({
        "row_id": [f"r{n}" for n in range(first, first + count)], "event_time": TIME, "batch_id": "b",
        "prediction": [n / 7 + version for n in range(count)], "model_version": version, "scored_at": TIME,
    })  # fmt: skip


def of_sqlite(path, query="SELECT row_id, prediction, model_version FROM scores ORDER BY row_id, model_version"):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


@pytest.mark.parametrize("shape", ["parquet", "csv"])
def test_a_file_holds_every_row_and_stands_whole_or_not_at_all(tmp_path, monkeypatch, shape):
    monkeypatch.setenv("WHERE", str(tmp_path / "new"))
    output = Files(path="$WHERE/scores", format=shape)
    for version in (1, 1, 2):
        output.deliver(rows(version=version), "b", version)
    folder = tmp_path / "new" / "scores"
    assert sorted(path.name for path in folder.iterdir()) == [f"b@1.{shape}", f"b@2.{shape}"]
    path = folder / f"b@2.{shape}"
    found = pd.read_parquet(path) if shape == "parquet" else pd.read_csv(path, parse_dates=["event_time", "scored_at"])
    pd.testing.assert_frame_equal(found, rows(version=2), check_dtype=False, check_like=True)


def test_a_file_goes_to_any_address():
    output = Files(path="memory://outputs/scores")
    output.deliver(rows(), "b", 1)
    output.deliver(rows(2), "b", 1)
    system = fsspec.filesystem("memory")
    assert [path.rpartition("/")[2] for path in system.ls("/outputs/scores", detail=False)] == ["b@1.parquet"]
    with system.open("/outputs/scores/b@1.parquet") as file:
        assert len(pd.read_parquet(file)) == 2


@pytest.mark.parametrize(("keep", "stands"), [("newest", 5), ("every", 8)])
def test_a_table_holds_the_newest_or_every_version_once(tmp_path, keep, stands):
    output = SqlTable(url=f"sqlite:///{tmp_path}/o.db", table="scores", keep=keep)
    for version, first in ((1, 0), (1, 0), (2, 0), (2, 3)):
        output.deliver(rows(3 if first == 0 else 2, version, first), "b", version)
    found = of_sqlite(tmp_path / "o.db")
    assert len(found) == stands
    newest = {row: version for row, _, version in found}
    assert newest == dict.fromkeys(["r0", "r1", "r2", "r3", "r4"], 2)
    assert [score for row, score, version in found if (row, version) == ("r1", 2)] == [1 / 7 + 2]


def test_a_delivery_that_fails_half_way_leaves_the_table_as_it_was(tmp_path):
    output = SqlTable(url=f"sqlite:///{tmp_path}/o.db", table="scores")
    output.deliver(rows(), "b", 1)
    before = of_sqlite(tmp_path / "o.db")
    with pytest.raises(ConfigInvalid, match="refuses to take the predictions"):
        output.deliver(pd.concat([rows(5, 2), rows(1, 2)]), "b", 2)  # a row twice: the key forbids it
    assert of_sqlite(tmp_path / "o.db") == before


@pytest.mark.parametrize(
    ("output", "error", "told"),
    [
        (Files(path="nosuch://bucket/x"), ConfigInvalid, "no installed driver"),
        (Files(path="/proc/nowhere/x"), ServerUnavailable, "could not be written"),
        (SqlTable(url="nosuch://u:secret@h/d", table="t"), ConfigInvalid, "no address that SQLAlchemy knows"),
        (SqlTable(url="postgresql+psycopg://u:secret@127.0.0.1:9/d", table="t"), ServerUnavailable, "did not answer"),
        (SqlTable(url="sqlite:////proc/nowhere/o.db", table="t"), ServerUnavailable, "did not answer"),
    ],
)
def test_what_cannot_be_delivered_is_told_without_secrets(output, error, told):
    with pytest.raises(error, match=told) as raised:
        output.deliver(rows(), "b", 1)
    assert "secret" not in str(raised.value)
    assert "r0" not in str(raised.value)


def test_a_table_of_another_shape_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "o.db")) as database:
        database.execute("CREATE TABLE scores (row_id TEXT, other TEXT)")
    with pytest.raises(ConfigInvalid, match="the columns of its table"):
        SqlTable(url=f"sqlite:///{tmp_path}/o.db", table="scores").deliver(rows(), "b", 1)


def test_the_file_of_a_pipeline_picks_by_kind():
    read = TypeAdapter(Output).validate_python
    assert read({"kind": "files", "path": "x"}) == Files(path="x")
    assert read({"kind": "sql", "url": "sqlite://", "table": "t"}).keep == "newest"
