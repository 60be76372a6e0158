"""A frame that is written piece by piece is, in types and values, what it is as a whole."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.store import pieces
from tasks.adapters.store.columns import to_arrow
from tasks.core.errors import DataRejected

CELLS = {
    "texts": st.none() | st.sampled_from(["a", "b", "é"]),
    "numbers": st.sampled_from([1, 2, None, 1.5, 2.0]),
    "truths": st.none() | st.booleans(),
    "times": st.none() | st.datetimes(pd.Timestamp("2020-01-01"), pd.Timestamp("2030-01-01")),
}


@settings(max_examples=150)
@given(st.data(), st.integers(0, 12))
def test_any_frame_is_written_as_the_whole_of_it_would_be(tmp_path_factory, data, rows):
    file = tmp_path_factory.mktemp("pieces") / "a.parquet"
    drawn = {name: data.draw(st.lists(cells, min_size=rows, max_size=rows)) for name, cells in CELLS.items()}
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in drawn.items()})
    frame["whole"] = pd.array(range(rows), dtype="Int64")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_ROWS", 3)
        pieces.write(file, frame)
    written = pq.read_table(file)
    wanted = to_arrow(frame)
    assert written.schema.remove_metadata() == wanted.schema
    assert written.equals(wanted)


def test_pieces_are_groups_of_rows_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "_ROWS", 3)
    pieces.write(tmp_path / "a.parquet", pd.DataFrame({"a": ["x"] * 8}))
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 3


def test_what_cannot_be_stored_is_refused_in_whatever_piece_it_stands(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "_ROWS", 3)
    with pytest.raises(DataRejected, match="mixes or holds"):
        pieces.write(tmp_path / "a.parquet", pd.DataFrame({"a": pd.Series(["x"] * 6 + [1, "x"], dtype=object)}))
