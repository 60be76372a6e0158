"""Rows are cut into parts that cover them, named without a value; the part that loses most is found on other rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.slicing import as_numbers, slice_with_most_loss, slices_of

VALUES = st.one_of(
    st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "secret", "d"])), min_size=1, max_size=60),
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=60),
    st.lists(st.booleans(), min_size=1, max_size=60),
)


@given(VALUES)
def test_every_row_is_in_exactly_one_part(values):
    parts = slices_of(pd.Series(values, name="x"))
    assert sum(part.rows.astype(int) for part in parts).tolist() == [1] * len(values)
    assert len({part.name for part in parts}) == len(parts)
    assert {part.column for part in parts} == {"x"}
    assert not any("secret" in part.name for part in parts)


@pytest.mark.parametrize("type_", ["float64", "Int64"])
def test_numbers_are_cut_into_quarters_and_missing_ones_stand_apart(type_):
    parts = slices_of(pd.Series([*range(100), None, None], name="age", dtype=type_))
    assert [(part.name, part.rows.sum()) for part in parts] == [
        *((f"age quarter {n} of 4", 25) for n in range(1, 5)), ("age missing", 2)
    ]  # fmt: skip


def test_few_values_are_parts_of_their_own_by_size():
    parts = slices_of(pd.Series(["b"] * 2 + ["a"] * 5 + ["c"] * 3, name="plan"))
    assert [(part.name, part.rows.sum()) for part in parts] == [
        ("plan value 1 of 3", 5), ("plan value 2 of 3", 3), ("plan value 3 of 3", 2)
    ]  # fmt: skip
    assert len(slices_of(pd.Series([0, 1] * 20, name="flag"))) == 2


def test_the_part_that_loses_is_found_and_holds_none_of_the_rows_that_found_it():
    rng = np.random.default_rng(0)
    blocks = np.arange(4000) // 100
    features = pd.DataFrame({"noise": rng.normal(size=4000), "plan": rng.choice(["a", "b", "c"], 4000)})
    features.loc[::7, "noise"] = np.nan
    excess = rng.normal(size=4000) + 2.0 * (features["plan"] == "b")
    found = slice_with_most_loss(features, excess.to_numpy(), blocks, min_rows=100, seed=4)
    assert found.column == "search"
    assert "plan" in found.name
    assert (features.loc[found.rows, "plan"] == "b").all()
    assert len(np.unique(blocks[found.rows])) <= 20
    assert slice_with_most_loss(features, excess.to_numpy(), blocks, min_rows=600, seed=4) is None


def test_texts_become_codes_and_infinite_numbers_are_missing():
    frame = as_numbers(pd.DataFrame({"x": [1.0, np.inf, np.nan], "plan": ["b", None, "a"], "yes": [True, False, True]}))
    np.testing.assert_array_equal(frame, [[1, 1, 1], [np.nan, np.nan, 0], [np.nan, 0, 1]])
