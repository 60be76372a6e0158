"""Columns count by their importance to the champion, and the stated false-alarm rate holds all the same."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression

from tasks.core.drift import PARTS, Drift, judge_drift
from tasks.core.features import EVENT_TIME, Features
from tasks.core.fitting import LABEL
from tasks.core.importance import column_weights, importances
from tasks.core.pairs import Pair
from tasks.core.results import Verdict

WEIGHTED = Drift(weights="importance", share=0.3, one_false_alarm_in=10)
RNG = np.random.default_rng(0)
SAME = Pair(True, RNG.normal(size=500), RNG.normal(size=200))
MOVED = Pair(True, SAME.reference, SAME.current + 1)


def judged(drifted, weights, config=WEIGHTED, few=()):
    short = Pair(True, SAME.reference, SAME.current[:5])
    pairs = {name: MOVED if name in drifted else short if name in few else SAME for name in "abcd"}
    distances = {name: 1.0 if name in drifted else 0.01 for name in pairs}
    return judge_drift(pairs, distances, dict.fromkeys(pairs, 0.2), config, weights=weights)[0]


WEIGHTS = {"a": 0.7, "b": 0.2, "c": 0.1, "d": 0.0}


@pytest.mark.parametrize(
    ("drifted", "few", "verdict"),
    [
        ("a", "", Verdict.FAIL), ("b", "", Verdict.PASS), ("bc", "", Verdict.FAIL), ("d", "", Verdict.PASS),
        ("", "a", Verdict.UNKNOWN), ("b", "c", Verdict.UNKNOWN), ("", "cd", Verdict.PASS), ("", "", Verdict.PASS),
    ],
)  # fmt: skip
def test_what_the_model_rests_on_decides(drifted, few, verdict):
    assert judged(drifted, WEIGHTS, few=few).verdict is verdict


def test_a_column_that_counts_nothing_is_no_drift_even_where_one_column_suffices():
    one = Drift(weights="importance", share=0)
    assert judged("d", WEIGHTS, one).verdict is Verdict.PASS
    assert judged("c", WEIGHTS, one).verdict is Verdict.FAIL


def test_without_known_importance_columns_count_the_same_and_the_reason_says_so():
    answer = judged("bd", column_weights("abcd", {}))
    assert answer.verdict is Verdict.FAIL
    assert "count the same" in answer.reason
    assert "count the same" not in judged("bd", WEIGHTS).reason + judged("bd", None, Drift()).reason


names = st.lists(st.sampled_from("abcdef"), min_size=1, unique=True)
shares = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.0, 0.001, 0.2, 0.7, float("nan"), -0.1]))


@given(names, shares)
def test_weights_sum_to_one_or_are_not_known(columns, known):
    weights = column_weights(columns, known)
    usable = all(known.get(name, -1) >= 0 for name in columns) and sum(known[name] for name in columns) > 0
    assert (weights is not None) == usable
    if weights is not None:
        assert list(weights) == columns
        assert sum(weights.values()) == pytest.approx(1)


@given(
    st.lists(st.sampled_from([0.0, 0.1, 1.0, 10.0]), min_size=1, max_size=30), st.floats(0, 1), st.integers(0, 2**32)
)
@settings(max_examples=60, deadline=None)
def test_columns_that_alarm_at_their_level_reach_the_share_no_more_often_than_stated(worth, share, seed):
    if not sum(worth):
        return
    config = Drift(weights="importance", share=share, one_false_alarm_in=10)
    weights, stated = np.array(worth) / sum(worth), 1 / config.one_false_alarm_in / PARTS
    rng, level = np.random.default_rng(seed), config.level(len(worth))
    alone = rng.random((4_000, len(worth))) < level
    together = np.repeat(rng.random((4_000, 1)) < level, len(worth), axis=1)
    for alarms in (alone, together):
        reached = alarms @ weights
        rate = float(((reached > 0) & (reached >= share - 1e-9)).mean())
        assert rate <= stated + 4 * (stated / len(alarms)) ** 0.5


def labelled(values):
    return pd.DataFrame(values, columns=list("abc")).assign(**{EVENT_TIME: pd.Timestamp("2024-01-01", tz="UTC")})


def recipe_of(problem):
    return SimpleNamespace(problem=problem, seed=1, features=Features(("a", "b", "c"), ()))


@pytest.mark.parametrize(("problem", "kind"), [("regression", LinearRegression), ("binary", LogisticRegression)])
def test_the_importance_of_a_known_model_is_found(problem, kind):
    rng = np.random.default_rng(1)
    rows = labelled(rng.normal(size=(800, 3)))
    score = 3 * rows["a"] + rows["b"] + 0.1 * rng.normal(size=800)
    rows[LABEL] = (score > 0).astype(float) if problem == "binary" else score
    found = importances(kind().fit(rows[list("abc")], rows[LABEL]), rows, recipe_of(problem))
    assert found["a"] > 0.6 > found["b"] > 0.05 > found["c"] >= 0
    assert sum(found.values()) == pytest.approx(1, abs=0.01)
    assert all(round(share, 3) == share for share in found.values())


def test_one_class_or_a_constant_model_tells_nothing():
    rows = labelled(np.arange(120.0).reshape(40, 3)).assign(**{LABEL: 1.0})
    assert importances(None, rows, recipe_of("binary")) == {}
    constant = LinearRegression().fit(rows[list("abc")], rows[LABEL])
    assert importances(constant, rows, recipe_of("regression")) == {}
