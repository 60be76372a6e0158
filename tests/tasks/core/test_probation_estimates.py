from dataclasses import replace

import numpy as np
import pytest

from benchmarks import probation_estimates as known
from tasks.core.estimation import Estimation, confidence, paired
from tasks.core.probation import Probation
from tasks.core.probation_estimates import WEIGHT, judge_estimate
from tasks.core.results import Check, Verdict
from tests.tasks.core.test_paired import sides

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
CONFIG = Probation(windows=3, estimated=True)


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch):
    """A third of them: intervals are a little rougher, and the tests three times as quick."""
    for module in (paired, confidence):
        monkeypatch.setattr(module, "_RESAMPLES", 33)


def record(verdict=PASS, weight=1.0):
    return Check("track_record", verdict, "its record", {WEIGHT: weight})


def judged(hard, told, config=CONFIG, metric="roc_auc"):
    (ours, theirs), _ = sides("roc_auc", hard)
    return judge_estimate(config, Estimation(), told, metric=metric, champion=ours, previous=theirs, seed=1)


def test_a_surely_worse_estimate_fails_and_says_that_it_is_blind():
    check = judged(0.95, record())
    assert check.verdict is FAIL
    assert check.numbers["high"] < 0
    assert "worse: estimated without labels" in check.reason
    assert "blind to a change of concept" in check.reason


@pytest.mark.parametrize(
    "told", [record(UNKNOWN), record(FAIL), record(PASS, 0.0), Check("track_record", PASS, "no weight")]
)
def test_an_estimator_that_has_not_earned_it_is_only_noted(told):
    check = judged(0.95, told)
    assert check.verdict is UNKNOWN
    assert "only noted, the estimator has not earned more" in check.reason
    assert check.numbers["difference"] < 0
    assert "high" not in check.numbers


def test_a_smaller_weight_makes_the_interval_wider_until_nothing_is_sure():
    full, half = judged(0.95, record()), judged(0.95, record(weight=0.25))
    middle = full.numbers["difference"]
    assert half.numbers["low"] - middle == pytest.approx(2 * (full.numbers["low"] - middle))
    assert half.numbers["high"] - middle == pytest.approx(2 * (full.numbers["high"] - middle))
    assert judged(0.95, record(weight=0.001)).verdict is UNKNOWN


def test_an_estimate_proves_nobody_good():
    (ours, theirs), _ = sides("roc_auc", 0.95)
    swapped = judge_estimate(CONFIG, Estimation(), record(), metric="roc_auc", champion=theirs, previous=ours, seed=1)
    assert swapped.numbers["low"] > 0
    assert (swapped.verdict, swapped.numbers["waiting"]) == (UNKNOWN, False)


def test_twice_as_many_looks_share_the_confidence():
    labels, both = Probation(windows=3), CONFIG
    assert labels.confidence_of_a_look == pytest.approx(1 - 0.01 / 3)
    assert both.confidence_of_a_look == pytest.approx(1 - 0.01 / 6)
    assert Probation().confidence_of_a_look == pytest.approx(0.99)
    one, many = (judged(0.5, record(), replace_windows(count)) for count in (1, 52))
    assert many.numbers["low"] < one.numbers["low"]


def replace_windows(count):
    return CONFIG.model_copy(update={"windows": count})


def test_too_few_rows_wait_and_what_can_never_be_estimated_does_not():
    (ours, theirs), _ = sides("roc_auc", 0.5)
    few = [replace(one, window=one.window.take(np.arange(150))) for one in (ours, theirs)]
    waits = judge_estimate(CONFIG, Estimation(), record(), metric="roc_auc", champion=few[0], previous=few[1], seed=1)
    assert (waits.verdict, waits.numbers["waiting"]) == (UNKNOWN, True)
    never = judged(0.5, record(), metric="r2")
    assert (never.verdict, never.numbers["waiting"]) == (UNKNOWN, False)
    assert "r2 cannot be estimated" in never.reason


def test_good_champions_are_kept_and_one_that_decays_is_taken_back_before_its_labels_come():
    """The benchmark's worlds, few of them; `python -m benchmarks.probation_estimates` has 200 of each."""
    calibrated, _, biased, decays = (world for world in known.WORLDS if world.metric == "roc_auc")
    for good in (calibrated, biased):
        assert known.trial(good, 0, known.PAST) == (None, None)
    assert known.record_of(biased, np.random.default_rng(1), known.PAST).verdict is FAIL
    both, by_labels = known.trial(decays, 0, known.PAST)
    assert both < by_labels
