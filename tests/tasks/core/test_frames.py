"""Frames of the columns of others: which values they hold, and that no large column is held twice."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.frames import beside, only, others, taken_over

ROWS = st.lists(st.integers(0, 40), unique=True)
FRAME = pd.DataFrame({"a": [1.5, 2.5], "b": pd.array([1, None], "Int64"), "c": ["x", None]}, index=[7, 9])


def test_further_columns_stand_beside_the_others_and_take_the_place_of_some():
    times = pd.Series(pd.to_datetime(["2024-01-01", None], utc=True), FRAME.index)
    found = beside(FRAME, {"t": times, "a": FRAME["a"] * 2})
    pd.testing.assert_frame_equal(found, FRAME.assign(t=times, a=FRAME["a"] * 2))
    assert list(FRAME) == ["a", "b", "c"]


def test_some_columns_are_those_of_the_frame_and_nothing_is_copied():
    found = only(FRAME, ["c", "a"])
    pd.testing.assert_frame_equal(found, FRAME[["c", "a"]])
    assert np.shares_memory(found["a"].to_numpy(), FRAME["a"].to_numpy())
    assert np.shares_memory(beside(FRAME, {})["a"].to_numpy(), FRAME["a"].to_numpy())


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
