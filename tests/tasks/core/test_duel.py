import time
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.duel import duel, effective_blocks
from tasks.core.errors import DataRejected
from tasks.core.metrics import MetricName, problem_of

NAMES = get_args(MetricName)
RULES = {"margin": 0.01, "confidence": 0.95, "min_rows": 50}
MIRROR = {"better": "worse", "worse": "better"}


def world(seed, rows=600, blocks=30, *, noise=(1.0, 1.0), shared=0.0, problem="binary"):
    """Two contestants that see the truth through noise; `shared` is the part of it that all rows of a block share."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(0, blocks, rows))
    truth = rng.normal(size=rows)

    def contestant(size):
        own = np.sqrt(1 - shared) * rng.normal(size=rows) + np.sqrt(shared) * rng.normal(size=blocks)[days]
        return truth + size * own

    champion, candidate = contestant(noise[0]), contestant(noise[1])
    if problem == "regression":
        return truth + 10, champion + 10, candidate + 10, days
    return (truth > 0.5).astype(int), 1 / (1 + np.exp(-champion)), 1 / (1 + np.exp(-candidate)), days


def allowed(trials, rate):
    """What a true rate gives at most, but once in ten thousand test runs."""
    from scipy.stats import binom

    return int(binom.ppf(0.9999, trials, rate))


def answers(trials, metric, *, by_row=False, confidence=0.95, **how):
    found = []
    for seed in range(trials):
        y, a, b, days = world(seed, problem=problem_of(metric), **how)
        blocks = np.arange(y.size) if by_row else days
        found.append(
            duel(y, a, b, blocks, metric=metric, seed=seed, **{**RULES, "confidence": confidence}, resamples=300).answer
        )
    return found


@pytest.mark.parametrize(("metric", "blocks", "shared"), [("roc_auc", 30, 0.0), ("mae", 30, 0.5), ("brier", 8, 0.0)])
def test_equal_contestants_are_seldom_called_better_or_worse(metric, blocks, shared):
    found = answers(300, metric, blocks=blocks, shared=shared)
    assert found.count("better") <= allowed(300, 0.025)
    assert found.count("worse") <= allowed(300, 0.025)


def test_few_blocks_do_not_make_the_interval_too_narrow():
    for confidence in (0.95, 0.99):
        found = answers(800, "mae", rows=300, blocks=5, shared=0.9, confidence=confidence)
        assert found.count("better") <= allowed(800, (1 - confidence) / 2)


def test_correlation_within_blocks_does_not_pass_for_evidence():
    """The same data judged row by row shows what the blocks are for."""
    how = {"rows": 900, "blocks": 30, "shared": 0.9}
    assert answers(150, "mae", **how).count("better") <= allowed(150, 0.025)
    assert answers(150, "mae", by_row=True, **how).count("better") > 20


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss", "mae", "rmse", "r2"])
def test_a_truly_better_candidate_wins_with_enough_rows_and_a_worse_one_never(metric):
    assert answers(20, metric, rows=3000, blocks=60, noise=(1.0, 0.7)).count("better") >= 18
    assert "better" not in answers(20, metric, rows=3000, blocks=60, noise=(0.7, 1.0))


@given(seed=st.integers(0, 10**6), metric=st.sampled_from(NAMES), edge=st.sampled_from([0.5, 0.9, 1.0, 1.1]))
@settings(max_examples=60, deadline=None)
def test_swapping_the_contestants_mirrors_the_answer(seed, metric, edge):
    y, a, b, days = world(seed, rows=200, blocks=12, noise=(1.0, edge), problem=problem_of(metric))
    rules = {**RULES, "margin": 0.05}
    there = duel(y, a, b, days, metric=metric, seed=seed, **rules, resamples=100)
    back = duel(y, b, a, days, metric=metric, seed=seed, **rules, resamples=100)
    assert back.answer == MIRROR.get(there.answer, there.answer)
    if there.low is not None:
        assert (back.difference, back.low, back.high) == (-there.difference, -there.high, -there.low)


@given(seed=st.integers(0, 10**6), metric=st.sampled_from(NAMES), slip=st.sampled_from([0.0, 1e-15, 1e-11]))
@settings(max_examples=40, deadline=None)
def test_identical_predictions_are_equivalent_even_without_a_margin(seed, metric, slip):
    y, a, _, days = world(seed, rows=200, blocks=12, problem=problem_of(metric))
    result = duel(y, a, a * (1 - slip), days, metric=metric, seed=seed, **{**RULES, "margin": 0.0}, resamples=100)
    assert result.answer == "equivalent"
    assert result.difference == 0


def test_the_margin_decides_between_equivalent_and_not_enough_evidence():
    y, a, b, days = world(3, rows=2000)
    wide = duel(y, a, b, days, metric="roc_auc", seed=1, **{**RULES, "margin": 0.2})
    narrow = duel(y, a, b, days, metric="roc_auc", seed=1, **{**RULES, "margin": 1e-6})
    assert (wide.answer, narrow.answer) == ("equivalent", "not enough evidence")
    assert (wide.low, wide.high) == (narrow.low, narrow.high)
    assert "0.95" not in wide.reason
    assert "95 % interval" in wide.reason


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_and_any_naming_of_blocks_give_the_same_result(seed):
    y, a, b, days = world(seed, rows=300, blocks=10)
    first = duel(y, a, b, days, metric="brier", seed=seed, **RULES, resamples=100)
    assert duel(y, a, b, days * 86_400 + 7, metric="brier", seed=seed, **RULES, resamples=100) == first


@pytest.mark.parametrize(
    ("rows", "blocks", "labels", "why"),
    [
        (0, 1, "both", "0 rows"),
        (49, 10, "both", "49 rows, at least 50"),
        (400, 4, "both", "at least 5 are needed"),
        (400, 20, "none", "one class"),
        (400, 20, "three", "equal blocks"),
    ],
)
def test_shortage_of_any_kind_is_never_an_answer(rows, blocks, labels, why):
    rng = np.random.default_rng(0)
    y = {"both": np.arange(rows) % 2, "none": np.zeros(rows), "three": (np.arange(rows) < 3) * 1.0}[labels]
    perfect, coin = np.asarray(y, dtype=float), rng.random(rows)
    result = duel(y, coin, perfect, np.arange(rows) % blocks, metric="roc_auc", seed=1, **RULES)
    assert result.answer == "not enough evidence"
    assert why in result.reason
    assert result.low is None


def test_a_metric_that_most_resamples_cannot_compute_is_no_evidence():
    """All that varies sits in one block of six, which a third of the resamples miss."""
    days = np.repeat(np.arange(6), 20)
    y = np.where(days == 0, np.arange(120), 5.0)
    result = duel(y, y + 2, y + np.arange(120) % 3, days, metric="r2", seed=1, **RULES)
    assert (result.answer, result.low) == ("not enough evidence", None)
    assert "undefined in too many resamples" in result.reason


def test_one_giant_block_is_not_many():
    y, a, b, days = world(1, rows=500, blocks=20, noise=(2.0, 0.5))
    lump = np.where(days < 18, 0, days)
    assert duel(y, a, b, days, metric="roc_auc", seed=1, **RULES).answer == "better"
    assert duel(y, a, b, lump, metric="roc_auc", seed=1, **RULES).answer == "not enough evidence"


def test_effective_blocks_count_the_rarer_class():
    y = np.zeros(1000, dtype=int)
    y[::100] = 1
    days = np.arange(1000) // 20
    assert effective_blocks("mae", y, days) == 50
    assert effective_blocks("roc_auc", y, days) == 10


def test_broken_input_is_an_error_and_not_an_answer():
    y, a, b, days = world(1)
    for actual, champion, candidate, blocks in [
        (y, a[:-1], b, days),
        (y, a, np.where(b > 0.5, np.nan, b), days),
        (np.where(y, np.nan, 0), a, b, days),
        (y, a, b * 2, days),
        (y, a, b, days[:-1]),
    ]:
        with pytest.raises(DataRejected):
            duel(actual, champion, candidate, blocks, metric="roc_auc", seed=1, **RULES)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_500_resamples_of_20_000_rows_are_quick(metric):
    y, a, b, days = world(1, rows=20_000, blocks=30)

    def seconds():
        start = time.process_time()
        duel(y, a, b, days, metric=metric, seed=1, **RULES)
        return time.process_time() - start

    # Neighbours on the machine can only make it slower: the better of two is nearer to the truth.
    assert min(seconds(), seconds()) < 3
