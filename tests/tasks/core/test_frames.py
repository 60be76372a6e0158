"""Frames made of the columns of others hold the same values in the same memory."""

import numpy as np
import pandas as pd

from tasks.core.frames import beside, only

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
