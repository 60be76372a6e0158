"""Probabilities that come true pass, others do not; noise and days that are alike are not mistaken for an error."""

import numpy as np
import pytest

from tasks.core.gates import Calibration
from tasks.core.gates.calibration import calibration_error
from tests.tasks.core.gates.evidence import FAIL, PASS, UNKNOWN, evidence


def world(seed=0, rows=5000, days=50, stretch=1.0, alike=0.0, constant=None):
    """True log odds, and a prediction whose odds are stretched; `alike` moves the truth of all rows of a day."""
    rng = np.random.default_rng(seed)
    day = np.arange(rows) * days // rows
    odds = rng.normal(size=rows)
    truth = 1 / (1 + np.exp(-(odds + alike * rng.normal(size=days)[day])))
    shown = 1 / (1 + np.exp(-stretch * odds)) if constant is None else np.full(rows, constant)
    return evidence(rows, actual=(rng.random(rows) < truth).astype(int), candidate=shown, blocks=day, metric="brier")


def test_calibrated_passes_overconfident_fails_and_few_rows_are_unknown():
    gate = Calibration(max_error=0.05)
    assert gate.judge(world()).verdict is PASS
    assert gate.judge(world(stretch=3.0)).verdict is FAIL
    assert gate.judge(world(rows=150)).verdict is UNKNOWN
    assert gate.judge(world(rows=400, days=20)).verdict is UNKNOWN  # too noisy to say that it is below 0.05
    assert gate.judge(evidence(metric="mae")).verdict is UNKNOWN


def test_a_constant_that_is_right_on_the_mean_passes_and_one_that_is_not_fails():
    rate = float(world().actual.mean())
    assert Calibration(max_error=0.05).judge(world(constant=rate)).verdict is PASS
    assert Calibration(max_error=0.05).judge(world(constant=rate + 0.2)).verdict is FAIL


def test_the_noise_within_bins_is_taken_off():
    """Perfect probabilities: the plain sum is far above zero with 500 rows, the corrected one is zero in the mean."""
    plain, corrected = [], []
    for seed in range(200):
        given = world(seed, rows=500, days=25)
        corrected.append(calibration_error(given.actual, given.candidate, given.blocks, 10)[0])
        cells = np.searchsorted(np.quantile(given.candidate, np.arange(1, 10) / 10), given.candidate, side="right")
        gaps = [(given.candidate - given.actual)[cells == cell].mean() for cell in range(10)]
        plain.append(np.mean(np.square(gaps)))
    error = np.std(corrected) / np.sqrt(200)
    assert abs(np.mean(corrected)) < 4 * error
    assert np.mean(plain) > 20 * error


@pytest.mark.parametrize("alike", [0.0, 1.5])
def test_an_error_on_the_bound_seldom_passes_and_seldom_fails(alike):
    """At a confidence of 0.95 at most 5 % either way, but for one test run in ten thousand (of 200: 23)."""
    large = world(seed=9, rows=200_000, days=10_000, stretch=2.0, alike=alike)
    bound = np.sqrt(calibration_error(large.actual, large.candidate, large.blocks, 10)[0])
    gate = Calibration(max_error=float(bound))
    found = [gate.judge(world(seed, rows=2000, days=40, stretch=2.0, alike=alike)).verdict for seed in range(200)]
    assert found.count(PASS) <= 23
    assert found.count(FAIL) <= 23
