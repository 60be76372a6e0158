"""A gap between groups is refused when it is surely too wide, passed when it is surely not, and unknown between."""

import numpy as np
import pandas as pd
import pytest

from tasks.core.gates import Groups, judge_all
from tests.tasks.core.gates.evidence import FAIL, PASS, UNKNOWN, evidence

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


def world(seed=0, rows=6000, shift=0.0, groups=("f", "m"), **changes):
    """The score of the first group is shifted, its outcome is not."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(groups, rows)
    truth = rng.normal(size=rows)
    shown = truth + 0.7 * rng.normal(size=rows) + shift * (sex == groups[0])
    return evidence(
        rows, actual=(truth > 0).astype(int), candidate=1 / (1 + np.exp(-shown)), metric="accuracy",
        columns=pd.DataFrame({"sex": sex}), **changes,
    )  # fmt: skip


def rates(of):
    hit = of.candidate >= 0.5
    first = of.columns["sex"].to_numpy() == "f"
    masks = {"selection_rate": hit > -1, "true_positive_rate": of.actual == 1, "false_positive_rate": of.actual == 0}
    return {name: abs(hit[first & rows].mean() - hit[~first & rows].mean()) for name, rows in masks.items()}


@pytest.mark.parametrize("measure", RATES)
def test_the_gap_is_the_difference_of_the_rates(measure):
    shifted = world(shift=0.5)
    check = Groups(columns=("sex",), measure=measure, max_gap=0.05).judge(shifted)
    assert check.numbers["gap"] == pytest.approx(rates(shifted)[measure])
    assert check.numbers["low"] < check.numbers["gap"] < check.numbers["high"]
    assert check.verdict is FAIL
    assert Groups(columns=("sex",), measure=measure, max_gap=0.3).judge(shifted).verdict is PASS


def test_equal_groups_pass_with_enough_rows_and_are_unknown_with_few():
    gate = Groups(columns=("sex",), max_gap=0.05)
    assert gate.judge(world()).verdict is PASS
    few = gate.judge(world(rows=400))
    assert few.verdict is UNKNOWN
    assert few.numbers["high"] > 0.05


def test_equal_groups_are_seldom_refused_and_a_gap_on_the_bound_seldom_passes():
    """At a confidence of 0.95, five groups or two: at most 5 %, but for one run in ten thousand (of 100: 14)."""
    gate = Groups(columns=("sex",), measure="selection_rate", max_gap=0.0)
    five = [gate.judge(world(seed, rows=1500, groups=tuple("abcde"))).verdict for seed in range(100)]
    assert five.count(FAIL) <= 14
    truth = rates(world(seed=1000, rows=400_000, shift=0.4))["selection_rate"]
    bound = Groups(columns=("sex",), measure="selection_rate", max_gap=truth)
    two = [bound.judge(world(seed, rows=1500, shift=0.4)).verdict for seed in range(100)]
    assert two.count(PASS) <= 14
    assert two.count(FAIL) <= 14


def test_the_metric_itself_is_compared_in_any_problem():
    given = world()
    sex = given.columns["sex"].to_numpy()
    noisy = given.actual + np.where(sex == "f", 1.0, 0.2) * np.random.default_rng(1).normal(size=6000)
    regression = evidence(6000, metric="mae", actual=given.actual * 1.0, candidate=noisy, columns=given.columns)
    assert Groups(columns=("sex",), max_gap=0.3).judge(regression).verdict is FAIL
    assert Groups(columns=("sex",), max_gap=0.9).judge(regression).verdict is PASS
    rate = Groups(columns=("sex",), measure="selection_rate", max_gap=0.9).judge(regression)
    assert rate.verdict is UNKNOWN
    assert "needs a binary problem" in rate.reason


def test_a_protected_column_among_the_features_is_refused():
    given = world()
    check = Groups(columns=("sex",), max_gap=1).judge(world(features=given.columns))
    assert check.verdict is FAIL
    assert "the model was trained on it" in check.reason


def test_small_groups_are_left_out_and_one_group_alone_is_no_comparison():
    given = world(groups=("f", "m"))
    third = given.columns.assign(sex=given.columns["sex"].where(np.arange(6000) % 100 > 0, "x"))
    check = Groups(columns=("sex",), max_gap=0.1).judge(evidence(**{**vars(given), "columns": third}))
    assert (check.verdict, check.numbers["pairs"]) == (PASS, 1)
    alone = pd.DataFrame({"sex": ["f"] * 6000})
    assert Groups(columns=("sex",), max_gap=1).judge(evidence(**{**vars(given), "columns": alone})).verdict is UNKNOWN
    assert judge_all([Groups(columns=("nowhere",), max_gap=1)], given)[0].verdict is UNKNOWN


def test_a_rate_is_not_compared_on_fewer_rows_than_asked_for():
    """Seven positives in each group, all found: no resample differs, and nobody knows the rates to within 0.05."""
    given = world(rows=400)
    rare = np.zeros(400, dtype=int)
    for name in ("f", "m"):
        rare[np.flatnonzero(given.columns["sex"] == name)[::29][:7]] = 1
    sure = evidence(**{**vars(given), "actual": rare, "candidate": np.where(rare == 1, 0.9, 0.2)})
    gate = Groups(columns=("sex",), measure="true_positive_rate", max_gap=0.05)
    assert gate.judge(sure).verdict is UNKNOWN
    assert Groups(columns=("sex",), measure="false_positive_rate", max_gap=0.05).judge(sure).verdict is PASS
