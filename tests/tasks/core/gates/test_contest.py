"""The gate holds its error rate however often the same rows are asked, and says so when they are spent."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from tasks.core.gates import BeatsChampion, BeatsDummy
from tasks.core.gates.contest import LOOKS
from tasks.core.ledger import confidence_at
from tests.tasks.core.gates.evidence import FAIL, PASS, UNKNOWN, evidence

GATES = (BeatsChampion(margin=0.01), BeatsDummy())


@pytest.mark.parametrize("gate", GATES)
def test_the_first_look_is_the_usual_interval_and_later_ones_are_wider(gate):
    first = gate.judge(evidence())
    assert gate.judge(evidence(looks=np.zeros(1500, dtype=int))) == first
    assert (first.numbers["look"], first.numbers["spent"]) == (1, 0)
    assert first.numbers["confidence"] == pytest.approx(0.95)
    second = gate.judge(evidence(looks=np.ones(1500, dtype=int)))
    assert second.numbers["low"] < first.numbers["low"] < first.numbers["high"] < second.numbers["high"]
    assert second.numbers["confidence"] == pytest.approx(1 - 0.1 / 6)
    assert f"look 2 of {LOOKS}" in second.reason


@pytest.mark.parametrize("gate", GATES)
def test_spent_rows_decide_nothing_and_the_gate_says_so(gate):
    spent = gate.judge(evidence(looks=np.full(1500, LOOKS)))
    assert spent.verdict is UNKNOWN
    assert spent.numbers["difference"] is None
    assert f"1500 of 1500 rows have decided {LOOKS} comparisons before and are spent" in spent.reason
    assert gate.judge(evidence(looks=np.full(1500, LOOKS - 1))).numbers["rows"] == 1500


def test_only_the_rows_that_are_not_spent_decide():
    """On the spent rows the candidate is perfect, on the others it is the champion's inverse."""
    world = evidence()
    old = np.arange(1500) < 1250
    candidate = np.where(old, world.actual, 1 - world.champion)
    looks = np.where(old, LOOKS, 0)
    gate = BeatsChampion(margin=0.01)
    assert gate.judge(replace(world, candidate=candidate)).verdict is PASS
    judged = gate.judge(replace(world, candidate=candidate, looks=looks))
    assert judged.verdict is FAIL
    assert (judged.numbers["rows"], judged.numbers["spent"], judged.numbers["look"]) == (250, 1250, 1)


def test_the_row_that_has_decided_most_often_sets_the_look():
    looks = np.zeros(1500, dtype=int)
    looks[7] = 2
    assert BeatsChampion(margin=0.01).judge(evidence(looks=looks)).numbers["look"] == 3


def test_a_count_of_looks_that_does_not_match_the_rows_is_no_evidence():
    from tasks.core.gates import judge_all

    assert [check.verdict for check in judge_all(GATES, evidence(looks=np.zeros(3, dtype=int)))] == [UNKNOWN] * 2


def test_combining_what_looked_good_pays_only_beyond_the_limit():
    """200 000 holdouts: equal candidates in all looks but the last, then their sum by the sign that each one showed."""

    def promoted(looks):
        z = np.random.default_rng(0).normal(size=(200_000, looks - 1))
        bounds = norm.isf([(1 - confidence_at(0.95, look)) / 2 for look in range(1, looks + 1)])
        combined = np.abs(z).sum(axis=1) / np.sqrt(looks - 1)
        return ((z > bounds[:-1]).any(axis=1) | (combined > bounds[-1])).mean()

    assert promoted(LOOKS) <= 0.05 + 0.001  # two standard errors of the simulation
    assert promoted(2 * LOOKS) > 0.07
    assert promoted(5 * LOOKS) > 0.3
