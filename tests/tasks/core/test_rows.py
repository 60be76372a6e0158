"""Rows that no type refuses: the header again, nothing at all, an impossible time; columns of lists."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.core.columns import Column
from tasks.core.errors import DataRejected
from tasks.core.rows import refuse_unusable, shape_faults, time_faults

NOW = datetime(2025, 1, 1, tzinfo=UTC)
A, B = (Column(name=name, role="feature", type="category") for name in "ab")


def test_declared_columns_have_to_be_there_and_flat():
    text = pd.DataFrame({"a": ["x", None], "b": [None, np.array(["4711"])], "c": [[], {}]}, dtype=object)
    refuse_unusable(text, [A])
    with pytest.raises(DataRejected, match="columns hold lists or records: b") as caught:
        refuse_unusable(text, [A, B])
    assert (caught.value.rule, "4711" in str(caught.value)) == ("nested", False)
    with pytest.raises(DataRejected, match=r"columns are missing: d\. Deliver") as caught:
        refuse_unusable(text, [A, Column(name="d", role="feature", type="number")])
    assert caught.value.rule == "columns"


def test_the_header_again_and_rows_of_nothing_are_named():
    text = pd.DataFrame({"a": ["x", "a", "", None, "a"], "b": ["y", "b", "", float("nan"), "y"]}, dtype=object)
    assert shape_faults(text, ["a", "b"]) == {"row:no fields": [2, 3], "row:header": [1]}
    assert shape_faults(text.iloc[:1], ["a", "b"]) == {}


def test_times_lie_between_the_earliest_and_a_little_ahead():
    column = Column(name="at", role="time", type="datetime", earliest="2020-01-01T00:00:00Z", ahead="2h")
    moments = [None, datetime(2020, 1, 1, tzinfo=UTC), NOW + timedelta(hours=2)]
    off = [datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC), NOW + timedelta(hours=2, microseconds=1)]
    times = pd.Series(pd.to_datetime([*moments, *off], utc=True, format="ISO8601"))
    assert time_faults(times, column, NOW, "t") == {"t:missing": [0], "t:too early": [3], "t:future": [4]}
    assert time_faults(times.iloc[1:], None, NOW, "t") == {}
    assert (Column(name="at", role="time", type="datetime").ahead, column.ahead) == (
        timedelta(days=1), timedelta(hours=2),
    )  # fmt: skip
