"""A burst of missing values, or rows in other categories, is told against earlier deliveries; ups and downs are not."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.pairs import category_labels
from tasks.core.sentinel import shares
from tasks.core.sentinel.shares import unusual_shares

LEVEL = 1e-4


def delivery(rng, missing=0.1, shares=(0.5, 0.3, 0.2), rows=300):
    frame = pd.DataFrame({"x": rng.normal(size=rows), "c": rng.choice(list("abc"), rows, p=shares)})
    return frame.mask(pd.DataFrame({"x": rng.random(rows) < missing, "c": False}))


def found(seed=0, batches=6, past=(0.1,), **now):
    rng = np.random.default_rng(seed)
    history = pd.concat(delivery(rng, past[n % len(past)]).assign(_batch_id=str(n)) for n in range(batches))
    return list(unusual_shares(history, delivery(rng, **now), ["x"], ["c"], LEVEL, ()))


def test_a_burst_of_missing_values_is_told():
    (finding,) = found(missing=0.6)
    assert (finding.kind, finding.columns) == ("missing values", ("x",))
    assert "of the values are missing, and never more than 1" in finding.reason
    assert found(missing=1.0)


def test_rows_in_other_categories_are_told():
    (finding,) = found(shares=(0.02, 0.03, 0.95))
    assert (finding.kind, finding.columns) == ("other categories", ("c",))


@pytest.mark.parametrize(
    "now", [{}, {"missing": 0.2}, {"missing": 0.0}, {"shares": (0.3, 0.3, 0.4)}, {"shares": (0.5, 0.5, 0.0)}]
)
def test_what_merely_moved_is_not(now):
    assert found(**now) == []


def test_what_came_before_or_is_not_known_well_enough_is_not():
    assert found(missing=0.6, past=(0.1, 0.1, 0.1, 0.6)) == []
    assert found(missing=0.6, batches=4) == []
    rng = np.random.default_rng(0)
    history = pd.concat(delivery(rng).assign(_batch_id=str(n)) for n in range(6))
    assert list(unusual_shares(history, delivery(rng, 0.6), ["x"], ["c"], LEVEL, {"x"})) == [], "it is named already"


def test_unchanged_deliveries_are_hardly_ever_told():
    assert sum(len(found(seed)) for seed in range(300)) == 0


@given(st.lists(st.sampled_from(["1", "red", None, 1, 1.0, 2.5, True]), max_size=40))
def test_categories_are_counted_by_their_labels(values: list[object]) -> None:
    column = pd.Series(values, dtype=object)
    labels = category_labels(column)
    assert shares._counts(pd.DataFrame({"c": column}), "c") == Counter(labels.tolist())
