"""Rows that a model cannot take are found one by one; a model that takes none is broken, and says so."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from tasks.core.scoring import MOST, NOT_FINITE, predict_each

ROWS = 400
TOO_LARGE = 1e300  # a forest works in 32 bits and refuses it


@pytest.fixture(scope="module")
def forest():
    x = np.linspace(0, 1, 50)
    return RandomForestRegressor(3, random_state=0).fit(pd.DataFrame({"x": x}), x)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, ROWS - 1), max_size=12))
def test_exactly_the_rows_that_the_model_refuses_are_left_out(forest, bad):
    values = np.linspace(0, 1, ROWS)
    values[list(bad)] = TOO_LARGE
    predicted, refused = predict_each(forest, pd.DataFrame({"x": values}), "regression")
    assert set(refused) == bad
    assert set(np.flatnonzero(np.isnan(predicted))) == bad
    good = [row for row in range(ROWS) if row not in bad]
    alone = forest.predict(pd.DataFrame({"x": values[good]}))
    assert np.array_equal(predicted[good], alone)
    assert all("ValueError" in why and "1e" not in why for why in refused.values())


def test_a_prediction_that_is_no_number_is_none():
    model = LinearRegression().fit(pd.DataFrame({"x": [0.0, 1.0]}), [0.0, 10.0])
    predicted, refused = predict_each(model, pd.DataFrame({"x": [0.5, 1e308]}), "regression")
    assert (predicted[0], refused) == (5.0, {1: NOT_FINITE})
    assert np.isnan(predicted[1])


@pytest.mark.parametrize(("rows", "bad"), [(2, 2), (50, 50), (400, MOST + 1)])
def test_a_model_that_refuses_too_many_rows_is_broken(forest, rows, bad):
    values = np.where(np.arange(rows) < bad, TOO_LARGE, 0.5)
    with pytest.raises(ValueError, match="too large"):
        predict_each(forest, pd.DataFrame({"x": values}), "regression")


def test_no_rows_have_no_predictions(forest):
    predicted, refused = predict_each(forest, pd.DataFrame({"x": []}), "regression")
    assert (len(predicted), refused) == (0, {})
