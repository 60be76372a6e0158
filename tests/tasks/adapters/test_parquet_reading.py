"""What is read piece by piece, texts as dictionaries first, is what Arrow reads of the whole file."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.sources import Folder, parquet
from tasks.adapters.sources.bounds import FIELD
from tasks.core.errors import DataRejected
from tests.tasks.core.test_columns import as_values

TEXTS = st.text(st.characters(codec="utf-8"), max_size=4)
KINDS = {
    "text.of": (pa.string(), TEXTS),
    "large": (pa.large_string(), TEXTS),
    "view": (pa.string_view(), TEXTS),
    "bytes": (pa.binary(), st.binary(max_size=3)),
    "coded": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from("abc")),
    "list": (pa.list_(pa.string()), st.lists(TEXTS, max_size=2)),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "real": (pa.float64(), st.floats()),
    "nothing": (pa.null(), st.none()),
}


@settings(max_examples=40)
@given(st.data(), st.integers(0, 9), st.booleans())
def test_every_column_is_read_as_arrow_reads_it(tmp_path_factory, data, rows, plain):
    file = tmp_path_factory.mktemp("parquet") / "a.parquet"
    columns = {
        name: pa.array(data.draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind)
        for name, (kind, values) in KINDS.items()
    }
    pq.write_table(pa.table(columns), file, use_dictionary=not plain, row_group_size=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "_ROWS", 3)
        read = parquet.read_parquet(file)
    expected = pq.ParquetFile(file).read().to_pandas(integer_object_nulls=True)
    pd.testing.assert_frame_equal(as_values(read), as_values(expected))


@pytest.mark.parametrize("value", ["x" * (FIELD + 1), b"x" * (FIELD + 1)])
def test_a_field_beyond_all_bounds_is_refused_by_the_place_of_its_column(tmp_path, value):
    rows = [value[:3]] * parquet._ROWS + [value]
    pq.write_table(pa.table({"n": range(len(rows)), "a": rows}), tmp_path / "a.parquet")
    with pytest.raises(DataRejected, match="Column 2 holds a field longer"):
        parquet.read_parquet(tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": [value[:FIELD]]}), tmp_path / "b.parquet")
    assert parquet.read_parquet(tmp_path / "b.parquet")["a"].tolist() == [value[:FIELD]]


@pytest.mark.parametrize("rows", [parquet._ROWS, 64])
def test_a_dictionary_in_which_a_text_stands_twice_is_refused_and_not_read_as_other_texts(tmp_path, monkeypatch, rows):
    """Arrow counts such texts once, and takes each place after them for the next one."""
    monkeypatch.setattr(parquet, "_ROWS", rows)
    sound = tmp_path / "sound.parquet"
    told = ["aaaa", "qqqq", "bbbb", "cccc"] * 50
    pq.write_table(pa.table({"x": told}), sound, compression="none", write_statistics=False, write_page_checksum=False)
    assert Folder(path=str(tmp_path)).read(sound)["x"].tolist() == told
    content = sound.read_bytes()
    assert content.count(b"qqqq") == 1
    (tmp_path / "twice.parquet").write_bytes(content.replace(b"qqqq", b"aaaa"))
    with pytest.raises(DataRejected, match="not readable as parquet"):
        Folder(path=str(tmp_path)).read(tmp_path / "twice.parquet")
