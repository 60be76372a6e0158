"""Storable columns: what is kept exactly, what is refused, and that no refusal quotes a value."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.adapters.store.columns import align, cast, to_arrow
from tasks.core.errors import DataRejected


def test_frames_become_few_types():
    rows = to_arrow(
        pd.DataFrame(
            {
                "text": ["a", None],
                "category": pd.Categorical(["x", "y"]),
                "naive": pd.to_datetime(["2026-01-01", "2026-01-02"]),
                "zoned": pd.to_datetime(["2026-01-01T00:00+05:00"] * 2),
                "maybe": [True, None],
                "number": [1.5, np.nan],
                "nothing": [None, None],
                7: np.array([1, 2], dtype="uint8"),
            },
            index=[5, 6],
        )
    )
    kinds = {field.name: str(field.type) for field in rows.schema}
    assert kinds == {
        "text": "string",
        "category": "string",
        "naive": "timestamp[us, tz=UTC]",
        "zoned": "timestamp[us, tz=UTC]",
        "maybe": "bool",
        "number": "double",
        "nothing": "null",
        "7": "int64",
    }
    assert rows["zoned"][0].as_py() == datetime(2025, 12, 31, 19, tzinfo=UTC)
    assert rows["number"].null_count == 1


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_are_kept_exactly(values):
    rows = to_arrow(pd.DataFrame({"n": pd.array(values, dtype="Int64")}))
    assert rows["n"].to_pylist() == values


CANARY = "bob@example.org"


@pytest.mark.parametrize(
    "values",
    [[CANARY, 3], [2**70, 1], [object(), CANARY], [{"a": CANARY}, 4], [timedelta(1), CANARY]],
    ids=["mixed", "too large", "objects", "structs", "durations"],
)
def test_what_cannot_be_stored_is_refused_by_column_without_its_value(values):
    with pytest.raises(DataRejected) as refusal:
        to_arrow(pd.DataFrame({"contact": pd.Series(values, dtype=object)}))
    assert "contact" in str(refusal.value)
    assert CANARY not in repr(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@pytest.mark.parametrize("kind", [pa.duration("s"), pa.time64("us")])
def test_types_without_a_place_are_refused(kind):
    with pytest.raises(DataRejected, match="span"):
        to_arrow(pa.table({"span": pa.array([1], pa.int64()).cast(kind)}))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(DataRejected, match="more than once"):
        to_arrow(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (pa.array([1.5]), pa.int64()),
        (pa.array(["12"]), pa.int64()),
        (pa.array([12]), pa.string()),
        (pa.array([2**53 + 1]), pa.float64()),
        (pa.array([True]), pa.int64()),
        (pa.array(["2026-01-01"]), pa.timestamp("us", "UTC")),
    ],
    ids=["fraction", "text to number", "number to text", "too exact", "boolean", "text to time"],
)
def test_a_lossy_or_foreign_cast_is_refused(values, target):
    with pytest.raises(DataRejected, match="'x'"):
        cast("x", values, target)


def test_align_fills_orders_and_keeps_new_columns():
    schema = pa.schema({"a": pa.float64(), "b": pa.string()})
    rows = align(pa.table({"new": [1], "empty": pa.nulls(1), "a": [3]}), schema)
    assert rows.to_pydict() == {"a": [3.0], "b": [None], "new": [1]}
    assert rows.schema.field("a").type == pa.float64()
