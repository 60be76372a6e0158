"""Frames of the columns of other frames: which rows and columns they hold, and how much of them is held twice."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.frames import others, taken_over

ROWS = st.lists(st.integers(0, 40), unique=True)


@given(ROWS, st.lists(st.integers(-5, 60)))
def test_the_others_are_those_that_were_not_named(labels, named):
    index = pd.Index(labels, dtype="int64")
    assert others(index, named).tolist() == [label not in named for label in labels]


@given(ROWS, st.data())
def test_what_is_taken_over_is_what_dropping_the_other_rows_leaves(labels, data):
    rows = np.array(data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))), bool)
    columns = {"n": labels, "text": [f"t{n % 3}" for n in labels], "whole": pd.array(labels, "Int64")}
    frame = pd.DataFrame(columns, index=pd.Index(labels, dtype="int64")).assign(
        coded=lambda f: f["text"].astype("category"), at=pd.Timestamp("2024-01-01", tz="UTC")
    )
    expected = frame[rows]
    pd.testing.assert_frame_equal(taken_over(frame, rows), expected)
    assert list(frame.columns) == []
