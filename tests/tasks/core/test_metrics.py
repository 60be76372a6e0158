import sys
from subprocess import run
from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from tasks.core.errors import ConfigInvalid, DataRejected
from tasks.core.metrics import MetricName, gain, greater_is_better, problem_of, score, scorer

NAMES = get_args(MetricName)
BINARY = [name for name in NAMES if problem_of(name) == "binary"]
REGRESSION = [name for name in NAMES if problem_of(name) == "regression"]


def reference(name, y, p, weights=None):
    """scikit-learn as the independent witness."""
    hit = p >= 0.5
    return {
        "roc_auc": lambda: sk.roc_auc_score(y, p, sample_weight=weights),
        "average_precision": lambda: sk.average_precision_score(y, p, sample_weight=weights),
        "log_loss": lambda: sk.log_loss(y, p, sample_weight=weights, labels=[0, 1]),
        "brier": lambda: sk.brier_score_loss(y, p, sample_weight=weights),
        "accuracy": lambda: sk.accuracy_score(y, hit, sample_weight=weights),
        "f1": lambda: sk.f1_score(y, hit, sample_weight=weights),
        "mae": lambda: sk.mean_absolute_error(y, p, sample_weight=weights),
        "rmse": lambda: sk.root_mean_squared_error(y, p, sample_weight=weights),
        "r2": lambda: sk.r2_score(y, p, sample_weight=weights),
        "mape": lambda: sk.mean_absolute_percentage_error(y, p, sample_weight=weights),
    }[name]()


def rows_of(name, rng, size):
    """Ties, exact zeros and ones included."""
    if problem_of(name) == "binary":
        y = rng.integers(0, 2, size)
        y[:2] = [0, 1]
        return y, np.round(rng.random(size), 1)
    return rng.normal(50, 5, size), rng.normal(50, 5, size)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), size=st.integers(3, 60))
def test_scores_agree_with_scikit_learn(name, seed, size):
    y, p = rows_of(name, np.random.default_rng(seed), size)
    assert score(name, y, p) == pytest.approx(reference(name, y, p), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6))
def test_block_weights_count_rows_as_scikit_learn_does(name, seed):
    rng = np.random.default_rng(seed)
    y, p = rows_of(name, rng, 60)
    blocks = rng.permutation(60) % 8
    weights = rng.integers(0, 3, (3, 8)).astype(float)
    found = scorer(name, y, p, blocks)(weights)
    for row, value in zip(weights, found, strict=True):
        drawn = np.repeat(np.arange(60), row[blocks].astype(int))
        assume(drawn.size > 2 and (problem_of(name) == "regression" or 0 < y[drawn].sum() < drawn.size))
        assert value == pytest.approx(reference(name, y[drawn], p[drawn]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_a_weighting_without_one_of_the_classes_has_no_rank_score(name):
    found = scorer(name, [0, 1, 0, 1], [0.1, 0.9, 0.4, 0.3], np.arange(4))(np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]]))
    assert np.isnan(found).all()


def test_a_weighting_of_equal_values_has_no_r2():
    values = np.array([0.1, 0.1, 0.1, 0.7, 0.8])
    found = scorer("r2", values, values + 0.1, np.array([0, 0, 0, 1, 1]))(np.array([[3.0, 0.0], [0.0, 1.0]]))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(wrong=st.sampled_from([np.nan, np.inf, -np.inf]), place=st.integers(0, 19), side=st.booleans())
def test_what_is_not_finite_is_refused(name, wrong, place, side):
    y, p = (values.astype(float) for values in rows_of(name, np.random.default_rng(1), 20))
    (y if side else p)[place] = wrong
    with pytest.raises(DataRejected, match=r"1 of 20 (actual|predicted) values are NaN or infinite"):
        score(name, y, p)


@pytest.mark.parametrize("name", NAMES)
def test_empty_ragged_and_textual_input_is_refused_without_quoting_a_value(name):
    y, p = rows_of(name, np.random.default_rng(1), 20)
    for actual, predicted in [(y[:0], p[:0]), (y, p[:-1]), (y, np.column_stack([p, p])), (y[0], p[0])]:
        with pytest.raises(DataRejected, match=r"at least one row|one prediction per row"):
            score(name, actual, predicted)
    with pytest.raises(DataRejected) as caught:
        score(name, np.array(["bob@example.org"] * 20), p)
    assert "bob" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_has_no_rank_score(name, label):
    with pytest.raises(DataRejected, match="all 9 rows are of one class"):
        score(name, np.full(9, label), np.linspace(0, 1, 9))


@pytest.mark.parametrize("name", BINARY)
def test_labels_other_than_0_and_1_and_values_that_are_no_probabilities_are_refused(name):
    with pytest.raises(DataRejected, match="0 and 1"):
        score(name, np.array([1, 2, 1]), np.array([0.1, 0.2, 0.3]))
    with pytest.raises(DataRejected, match=r"\[0, 1\]"):
        score(name, np.array([0, 1, 1]), np.array([-0.1, 0.2, 0.3]))


def test_the_undefined_is_refused_where_scikit_learn_would_give_a_number():
    with pytest.raises(DataRejected, match="mape"):
        score("mape", np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    with pytest.raises(DataRejected, match="do not vary"):
        score("r2", np.full(5, 0.1), np.linspace(0, 1, 5))
    with pytest.raises(DataRejected, match="no row is of the positive class"):
        score("f1", np.zeros(5), np.zeros(5))


@pytest.mark.parametrize("name", NAMES)
def test_the_perfect_prediction_gains_over_any_other(name):
    y, p = rows_of(name, np.random.default_rng(5), 40)
    best, other = score(name, y, y), score(name, y, p)
    assert gain(name, best, other) > 0
    assert gain(name, other, best) < 0
    assert greater_is_better(name) == (best > other)


@settings(deadline=None)
@given(a=st.floats(-1e6, 1e6), b=st.floats(-1e6, 1e6), name=st.sampled_from(NAMES))
def test_gain_is_antisymmetric(a, b, name):
    assert gain(name, a, b) == -gain(name, b, a)


@settings(deadline=None)
@given(arrays(float, 30, elements=st.floats(0, 1)))
def test_roc_auc_depends_on_ranks_only(p):
    y = np.arange(30) % 2
    ranks = np.unique(p, return_inverse=True)[1]
    assert score("roc_auc", y, p) == score("roc_auc", y, ranks / 30)


def test_an_unknown_metric_is_told_the_allowed_ones():
    with pytest.raises(ConfigInvalid, match="choose one of roc_auc"):
        problem_of("auc")


def test_kinds_import_without_the_heavy_libraries():
    code = (
        "import sys, tasks.core.gates, tasks.core.performance, tasks.core.triggers, tasks.core.governor;"
        "print(sorted({'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
