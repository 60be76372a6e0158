"""Performance without labels, held against declared truth: right under covariate shift, blind to changed concepts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.estimation import Estimation, estimate_performance
from tasks.core.estimation.confidence import calibrate, expected
from tasks.core.estimation.rows import Rows, draw, places_by_block, worth
from tasks.core.features import Features
from tasks.core.metrics import score
from tasks.core.results import Verdict

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
FEATURES = Features(("x",), ("plan",))


def binary(seed, rows=2000, spread=1.0, *, flip=False, days=25):
    """A classifier whose scores are too sure of themselves; `spread` narrows its one strong feature."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(0, spread, rows), rng.normal(0, 1, rows)
    chance = 1 / (1 + np.exp(-(1.5 * x + 0.7 * z - 0.5)))
    actual = (rng.random(rows) < (1 - chance if flip else chance)).astype(float)
    scores = chance**1.7 / (chance**1.7 + (1 - chance) ** 1.7)
    return Rows(scores, np.arange(rows) * days // rows, actual)


def regression(seed, rows=1200, shift=0.0, *, noise=1.0, days=25):
    """A regressor whose errors grow with x; `shift` moves x into its bad region."""
    rng = np.random.default_rng(seed)
    x, plan = rng.normal(shift, 1, rows), rng.choice(["a", "b"], rows)
    actual = 2 * x + noise * rng.normal(0, 1, rows) * (0.3 + np.abs(x) + (plan == "b"))
    return Rows(2 * x, np.arange(rows) * days // rows, actual, pd.DataFrame({"x": x, "plan": plan}))


def estimate(reference, window, metric="roc_auc", *, limit=None, config=None, seed=1):
    promised = score(metric, reference.actual, reference.predicted)
    unseen = Rows(window.predicted, window.blocks, None, window.matrix)
    return estimate_performance(
        config or Estimation(), metric=metric, reference=reference, window=unseen, features=FEATURES, promised=promised,
        limit=promised - 0.05 if limit is None else limit, seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("metric", ["roc_auc", "brier"])
def test_under_covariate_shift_the_estimate_is_close_where_the_promise_is_far(metric):
    errors, promises, inside = [], [], 0
    for seed in range(4):
        reference, window = binary(seed), binary(100 + seed, spread=0.4)
        check = estimate(reference, window, metric)
        truth = score(metric, window.actual, window.predicted)
        errors.append(abs(check.numbers["score"] - truth))
        promises.append(abs(score(metric, reference.actual, reference.predicted) - truth))
        inside += check.numbers["low"] <= truth <= check.numbers["high"]
    assert np.mean(errors) < 0.03
    assert np.mean(errors) < 0.35 * np.mean(promises)
    assert inside >= 3


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_a_loss_model_sees_a_move_into_the_region_where_errors_are_large(metric):
    reference, window = regression(0), regression(100, shift=1.2)
    check = estimate(reference, window, metric, limit=9.0)
    truth = score(metric, window.actual, window.predicted)
    promise = score(metric, reference.actual, reference.predicted)
    assert abs(check.numbers["score"] - truth) < 0.35 * abs(promise - truth)
    assert check.numbers["low"] <= truth <= check.numbers["high"]
    assert check.verdict is PASS


def test_the_interval_is_as_wide_as_estimates_really_scatter_around_the_truth():
    """A stated 5 % on each side: its half is 1.645 standard deviations, here within what 20 worlds can tell."""
    apart, halves = [], []
    for seed in range(20):
        window = binary(300 + seed, rows=300, spread=4.0)
        check = estimate(binary(seed, rows=300, spread=4.0), window, "brier", seed=seed)
        apart.append(check.numbers["score"] - score("brier", window.actual, window.predicted))
        halves.append((check.numbers["high"] - check.numbers["low"]) / 2)
    assert 0.75 < np.mean(halves) / (1.645 * np.std(apart)) < 1.6


def test_without_a_shift_the_estimate_keeps_the_promise_and_passes():
    checks = [estimate(binary(seed), binary(50 + seed)) for seed in range(3)]
    assert {check.verdict for check in checks} == {PASS}
    assert all(abs(check.numbers["score"] - check.numbers["promised"]) < 0.03 for check in checks)


@pytest.mark.parametrize(
    ("reference", "window", "metric"),
    [(binary(1), binary(2, flip=True), "roc_auc"), (regression(1), regression(2, noise=3.0), "mae")],
)
def test_a_change_of_concept_is_invisible_to_it_and_the_text_says_so(reference, window, metric):
    limit = None if metric == "roc_auc" else 2.0
    check = estimate(reference, window, metric, limit=limit)
    truth = score(metric, window.actual, window.predicted)
    assert check.verdict is PASS
    assert not check.numbers["low"] <= truth <= check.numbers["high"]
    assert "blind to a change of concept" in check.reason


def test_far_beyond_the_limit_is_a_fail_and_within_noise_of_it_waits():
    reference, window = binary(3), binary(4, spread=0.3)
    assert estimate(reference, window).verdict is FAIL
    near = estimate(reference, window, limit=estimate(reference, window).numbers["score"] + 0.005)
    assert (near.verdict, near.numbers["waiting"]) == (UNKNOWN, True)


SIDE = (binary(1).predicted, binary(1).blocks)
CASES = {
    "few rows of the window": (binary(1), binary(2, rows=150), "roc_auc", True, "the window has 150 rows"),
    "few days of the window": (binary(1), binary(2, days=3), "roc_auc", True, "weigh as much as 3.0 days"),
    "few rows to learn from": (binary(1, rows=150), binary(2), "roc_auc", False, "150 rows"),
    "no labels to learn from": (binary(1), binary(2), "no labels", False, "have no labels"),
    "one class": (Rows(*SIDE, np.ones(2000)), binary(2), "log_loss", False, "one class"),
    "the spread of labels": (regression(1), regression(2), "r2", False, "choose mae or rmse"),
    "a percentage of nothing": (regression(1), regression(2), "mape", False, "mape is undefined"),
    "no features": (regression(1), Rows(np.ones(1200), regression(2).blocks), "mae", False, "the features"),
    "broken scores": (binary(1), Rows(np.full(2000, 7.0), binary(2).blocks), "roc_auc", False, "cannot be estimated"),
    "missing scores": (binary(1), Rows(np.full(2000, np.nan), binary(2).blocks), "roc_auc", False, "NaN or infinite"),
}  # fmt: skip


@pytest.mark.parametrize(("reference", "window", "metric", "waits", "told"), CASES.values(), ids=list(CASES))
def test_what_cannot_be_estimated_is_unknown_and_says_whether_time_will_help(reference, window, metric, waits, told):
    if metric == "no labels":
        reference, metric = Rows(reference.predicted, reference.blocks), "roc_auc"
    if metric == "mape":
        reference.actual[3] = 0.0
    check = estimate_performance(Estimation(), metric=metric, reference=reference, window=window, features=FEATURES,
                                 promised=0.8, limit=0.7, seed=1)  # fmt: skip
    assert (check.verdict, check.numbers["waiting"], check.numbers["score"]) == (UNKNOWN, waits, None)
    assert told in check.reason


def test_the_same_seed_gives_the_same_estimate_and_many_rows_are_sampled():
    reference, window = binary(1, rows=12_000), binary(2, rows=12_000)
    first, again = (estimate(reference, window) for _ in range(2))
    assert first == again
    assert first.numbers["rows"] == 12_000


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0.01, 0.99)), min_size=2, max_size=7))
@settings(deadline=None)
def test_theexpected_brier_score_and_roc_auc_are_those_of_the_definition(rows):
    """Over all ways in which the labels can fall; ROC AUC as the ratio of expected pairs."""
    scores = np.array([place / 20 for place, _ in rows])
    chance = np.array([one for _, one in rows])
    assert expected("brier", scores, chance) == pytest.approx(
        (chance * (1 - scores) ** 2 + (1 - chance) * scores**2).mean()
    )
    above = (scores[:, None] > scores[None, :]) + 0.5 * (scores[:, None] == scores[None, :])
    pairs = chance[:, None] * (1 - chance)[None, :]
    assert expected("roc_auc", scores, chance) == pytest.approx((above * pairs).sum() / pairs.sum())


def test_calibration_undoes_scores_that_are_too_sure_and_keeps_their_order():
    known, asked = binary(1, rows=20_000), np.array([0.01, 0.1, 0.5, 0.9, 0.99])
    found = calibrate(known.predicted, known.actual, asked)
    odds = (asked / (1 - asked)) ** (1 / 1.7)
    np.testing.assert_allclose(found, odds / (1 + odds), atol=0.02)
    assert (np.diff(found) > 0).all()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 9))
def test_whole_days_are_drawn(days, seed):
    blocks = np.array(days)
    parts = places_by_block(blocks)
    assert sorted(np.concatenate(parts)) == list(range(len(days)))
    drawn = blocks[draw(parts, np.random.default_rng(seed))]
    counts = {day: days.count(day) for day in days}
    assert all((drawn == day).sum() % counts[day] == 0 for day in counts)
    assert 1 <= worth(blocks) <= len(parts) + 1e-9


def test_the_configuration_refuses_nonsense():
    for wrong in [{"min_rows": 5}, {"confidence": 95}, {"min_past": 0}, {"max_error": 0}, {"share": 1}]:
        with pytest.raises(ValidationError):
            Estimation(**wrong)
