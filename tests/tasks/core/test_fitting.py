"""A fit sees the rows that it says it has seen and no others, and its recipe's key names it for ever."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import DataRejected
from tasks.core.estimators import Dummy, HistGradientBoosting, Linear, RandomForest
from tasks.core.features import EVENT_TIME, Features
from tasks.core.fitting import (
    LABEL,
    Recipe,
    backtest,
    days_of,
    fit_for_evaluation,
    parts_of,
    predict_rows,
    score_on,
    seen_positions,
)
from tasks.core.splits import Split
from tasks.core.strategies import Expanding, RecencyWeighted, Sliding

FEATURES = Features(("x", "z"), ("plan",), ("weekday",))
SPLIT = Split(history=("400d",), tuning=0.2, evaluation=0.2, min_rows=20)
RECIPE = Recipe("binary", "roc_auc", FEATURES, SPLIT, Linear(), {"strength": 1.0}, Sliding(length="400d"), 0)


def frame(count=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    rows = pd.DataFrame(
        {
            "x": x,
            "z": rng.normal(size=count),
            "plan": rng.choice(["a", "b"], count),
            LABEL: (x + rng.normal(0, 0.5, count) > 0).astype(float),
            EVENT_TIME: pd.Timestamp("2024-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 300 * 24, count), unit="h"),
        }
    )
    return rows.set_index(pd.Index(range(1000, 1000 + count)))


OTHERS = {
    "problem": [replace(RECIPE, problem="regression")],
    "metric": [replace(RECIPE, metric="brier")],
    "features": [
        replace(RECIPE, features=Features(("x",), ("z", "plan"), ("weekday",))),
        replace(RECIPE, features=Features(("x", "z"), ("plan", "calendar_weekday"))),
        replace(RECIPE, features=Features(("z", "x"), ("plan",), ("weekday",))),
        replace(RECIPE, features=replace(FEATURES, timezone="Asia/Tokyo")),
    ],
    "split": [
        replace(RECIPE, split=Split(history=("400d",), tuning=0.2, evaluation="14d", min_rows=20)),
        replace(RECIPE, split=Split(history=("400d",), tuning=0.2, evaluation=0.2, min_rows=21)),
        replace(RECIPE, split=Split(history=("400d",), tuning=0.2, evaluation="1234567s", min_rows=20)),
        replace(RECIPE, split=Split(history=("400d",), tuning=0.2, evaluation="1234568s", min_rows=20)),
    ],
    "family": [
        replace(RECIPE, family=RandomForest()),
        replace(RECIPE, family=RandomForest(trees=20)),
        replace(RECIPE, family=Dummy()),
    ],
    "parameters": [replace(RECIPE, parameters={"strength": 1.0 + 2**-52}), replace(RECIPE, parameters={})],
    "history": [
        replace(RECIPE, history=Expanding()),
        replace(RECIPE, history=RecencyWeighted(half_life="400d")),
        replace(RECIPE, history=Sliding(length=timedelta(days=400, microseconds=1))),
    ],
    "seed": [replace(RECIPE, seed=1)],
}


def test_keys_differ_whenever_anything_that_a_fit_depends_on_differs():
    recipes = [RECIPE, *(recipe for changed in OTHERS.values() for recipe in changed)]
    keys = [recipe.key("snapshot", "code") for recipe in recipes]
    keys += [RECIPE.key("other", "code"), RECIPE.key("snapshot", "other"), RECIPE.key("snapshot\ncode", "")]
    assert len(set(keys)) == len(keys)


@given(st.permutations(["a", "b", "c", "d"]))
@settings(max_examples=20, deadline=None)
def test_keys_are_equal_when_the_content_is(order):
    values = {"a": 0.1, "b": 3, "c": 1e-9, "d": 2}
    plain = replace(RECIPE, parameters=values)
    split = Split.model_validate({"min_rows": 20, "evaluation": 0.2, "tuning": 0.2, "history": [timedelta(days=400)]})
    turned = replace(RECIPE, parameters={name: values[name] for name in order}, split=split)
    assert turned.key("s", "c") == plain.key("s", "c")


@pytest.mark.parametrize("family", [Linear(), HistGradientBoosting(), RandomForest(trees=10)])
def test_what_lies_in_the_evaluation_part_changes_nothing_that_was_fitted(family):
    recipe = replace(RECIPE, family=family, parameters={"strength": 1.0} if family.kind == "linear" else {})
    rows, other = frame(), frame()
    fresh = parts_of(rows, SPLIT).evaluation
    other.iloc[fresh, other.columns.get_loc(LABEL)] = 1 - other[LABEL].to_numpy()[fresh]
    other.iloc[fresh, other.columns.get_loc("x")] = 1e6
    other.iloc[fresh, other.columns.get_loc("plan")] = "only here"
    probe = np.arange(0, 300, 3)
    one, two = fit_for_evaluation(rows, recipe), fit_for_evaluation(other, recipe)
    np.testing.assert_array_equal(
        predict_rows(rows, probe, one.model, recipe), predict_rows(rows, probe, two.model, recipe)
    )
    assert not set(one.seen) & set(fresh)
    assert backtest(rows, recipe) == backtest(other, recipe)


def test_the_tuning_part_judges_a_trial_and_does_not_teach_it():
    rows, other = frame(), frame()
    judged = parts_of(rows, SPLIT).tuning
    other.iloc[judged, other.columns.get_loc(LABEL)] = 1 - other[LABEL].to_numpy()[judged]
    # The same model is asked, and the answers are turned round: the areas under the two curves add up to one.
    assert backtest(rows, RECIPE) + backtest(other, RECIPE) == pytest.approx(1.0)
    assert backtest(rows, RECIPE) > 0.8


@settings(max_examples=25, deadline=None)
@given(st.integers(60, 300), st.integers(0, 5))
def test_seen_rows_are_all_but_the_evaluation_within_the_history(days, seed):
    rows, history = frame(seed=seed), Sliding(length=timedelta(days=days))
    seen, parts = seen_positions(rows, SPLIT, history), parts_of(rows, SPLIT)
    times = rows[EVENT_TIME]
    allowed = np.concatenate([parts.train, parts.tuning])
    newest = times.iloc[allowed].max()
    assert set(seen) == {p for p in allowed if times.iloc[p] > newest - history.length}
    assert (np.diff(seen) > 0).all()
    assert times.iloc[seen].max() < times.iloc[parts.evaluation].min()


def test_the_order_of_the_rows_in_the_table_does_not_matter_to_what_is_seen():
    rows = frame().drop_duplicates(EVENT_TIME)
    turned = rows.iloc[::-1]
    history = Sliding(length="100d")
    assert set(rows.index[seen_positions(rows, SPLIT, history)]) == set(
        turned.index[seen_positions(turned, SPLIT, history)]
    )


def test_the_score_is_the_metric_of_the_predictions_on_those_rows():
    from sklearn.metrics import roc_auc_score

    rows = frame()
    fit, fresh = fit_for_evaluation(rows, RECIPE), parts_of(rows, SPLIT).evaluation
    predicted = predict_rows(rows, fresh, fit.model, RECIPE)
    assert score_on(rows, fresh, fit.model, RECIPE) == pytest.approx(roc_auc_score(rows[LABEL].iloc[fresh], predicted))


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_only_is_refused_with_what_to_do(label):
    with pytest.raises(DataRejected, match=r"All 240 training rows are of one class.*positive"):
        fit_for_evaluation(frame().assign(**{LABEL: label}), RECIPE)


@pytest.mark.parametrize("family", [Linear(), HistGradientBoosting(), RandomForest(trees=10)])
def test_a_class_of_one_single_row_is_refused_with_what_to_do(family):
    rows = frame().assign(**{LABEL: 0.0})
    rows.iloc[parts_of(rows, SPLIT).train[0], rows.columns.get_loc(LABEL)] = 1.0
    with pytest.raises(DataRejected, match=r"1 of 240 training rows .* other class.*more of them"):
        fit_for_evaluation(rows, replace(RECIPE, family=family, parameters={}))


def test_a_history_that_is_too_short_is_refused_with_what_to_do():
    with pytest.raises(DataRejected, match=r"Only \d+ training rows lie within 1d; at least 20 .*history"):
        fit_for_evaluation(frame(), replace(RECIPE, history=Sliding(length="1d")))


def test_regression_takes_any_number():
    rows = frame()
    recipe = replace(RECIPE, problem="regression", metric="mae")
    fit = fit_for_evaluation(rows.assign(**{LABEL: rows["x"] * 1000}), recipe)
    assert np.corrcoef(predict_rows(rows, np.arange(300), fit.model, recipe), rows["x"])[0, 1] > 0.99


def test_rows_of_one_utc_day_share_a_block():
    times = pd.to_datetime(["2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z", "2024-01-02T00:00:00Z"], utc=True)
    days = days_of(pd.DataFrame({EVENT_TIME: times}))
    assert (days - days[0]).tolist() == [0, 0, 1]
