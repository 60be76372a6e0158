"""Tables whose schema carries a pickle for whoever rebuilds an extension type or a pandas index: none of them runs."""

import os
import pickle

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from deployments.serving.arrow import rows_of
from tasks.adapters.sources import Folder
from tasks.adapters.sources.parquet import read_parquet
from tasks.core.errors import DataRejected

NAMES = ("arrow.py_extension_type", "pandas.period", "arrow.opaque", "unknown")


class Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture(params=NAMES)
def table(request, tmp_path):
    held = pickle.dumps(Runs(f"touch {tmp_path}/executed"))
    told = {"ARROW:extension:name": request.param, "ARROW:extension:metadata": held}
    yield pa.table({"x": [1, 2]}, pa.schema([pa.field("x", pa.int64(), metadata=told)], {"pandas": held}))
    assert not (tmp_path / "executed").exists()


def test_the_pickle_would_run(tmp_path):
    pickle.loads(pickle.dumps(Runs(f"touch {tmp_path}/executed")))  # noqa: S301 - that it does is what is tested
    assert (tmp_path / "executed").exists()


def read(what, given):
    """The values; or, of a type that somebody in this process takes at its word, a refusal in our own words."""
    try:
        return what(given)
    except DataRejected as error:
        told = str(error)
    assert "not readable as parquet" in told or "no stream of Arrow" in told
    assert "executed" not in told
    return [1, 2]


def test_a_delivered_file(table, tmp_path):
    pq.write_table(table, tmp_path / "a.parquet")
    source = Folder(kind="folder", path=str(tmp_path))
    assert read(lambda path: source.read(path)["x"].tolist(), tmp_path / "a.parquet") == [1, 2]


def test_a_stream_of_a_request(table):
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    body = sink.getvalue().to_pybytes()
    assert read(lambda body: [row["x"] for row in rows_of(body, 10)], body) == [1, 2]


def test_a_column_that_pandas_had_as_its_index_is_a_column_and_its_own_numbering_is_none(tmp_path):
    rows = pd.DataFrame({"id": ["a", "b"], "x": [1, 2]})
    rows.set_index("id").to_parquet(tmp_path / "named.parquet")
    rows.iloc[::-1].to_parquet(tmp_path / "unnamed.parquet")
    assert read_parquet(tmp_path / "named.parquet")["id"].tolist() == ["a", "b"]
    assert list(read_parquet(tmp_path / "unnamed.parquet").columns) == ["id", "x"]
