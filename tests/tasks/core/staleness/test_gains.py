from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tasks.core.results import Window
from tasks.core.staleness.gains import UNSURE, confidence_of, judge_gain, overlaps, part_of
from tasks.core.staleness.plan import Retraining
from tests.tasks.core.staleness.worlds import DAY, RULES, START, answers

SERVED = Retraining(2, 1, Window(START + 20 * DAY, START + 50 * DAY))
TRAINED = {1: START - DAY, 2: START + 19 * DAY}


def contest(before, after):
    """A world in which both err by so much; half of an error is common to a day."""

    def tell(x, day, rng):
        _, code = np.unique(day.astype(int), return_inverse=True)
        errors = [size * np.sqrt(0.5) * (rng.normal(size=len(x)) + rng.normal(size=code.max() + 1)[code])
                  for size in (before, after)]  # fmt: skip
        return x, {1: x + errors[0], 2: x + errors[1]}

    return tell


def judged(before, after, seed=0, comparisons=1, rules=RULES, **given):
    pieces = [answers(first, 10, contest(before, after), seed=seed, **given) for first in (20, 30, 40)]
    return judge_gain(SERVED, [part_of(SERVED, piece, TRAINED) for piece in pieces], rules, comparisons)


def test_equal_models_are_hardly_ever_told_apart():
    """100 journals of three retrainings that brought nothing: the whole page errs in at most 5 of 100."""
    wrong = sum(
        any(judged(1.0, 1.0, seed, 3).answer in {"better", "worse"} for seed in (3 * page, 3 * page + 1, 3 * page + 2))
        for page in range(100)
    )
    assert wrong <= 5


PAIRS = ((1.7, 1.0), (1.0, 1.7))


def test_what_brought_something_is_seen_with_its_sign_and_size():
    better, worse = (Counter(judged(*sizes, seed, 3).answer for seed in range(20)) for sizes in PAIRS)
    assert better["better"] >= 19
    assert worse["worse"] >= 19
    one = judged(2.0, 1.0)
    assert one.difference == pytest.approx(np.sqrt(2 / np.pi), abs=0.1), "a normal error of size s has a mean of 0.8 s"
    assert one.low < np.sqrt(2 / np.pi) < one.high
    assert one.rows == 1200


def test_models_that_differ_by_less_than_the_margin_are_equivalent():
    near = judged(1.0, 1.0, rules=replace(RULES, margin=0.5))
    assert near.answer == "equivalent"


def test_comparisons_share_the_confidence():
    assert confidence_of(RULES, 1) == pytest.approx(0.95)
    assert confidence_of(RULES, 10) == pytest.approx(0.995)
    for size in np.linspace(1.0, 1.4, 30):
        if [judged(size, 1.0, comparisons=count).answer for count in (1, 50)] == ["better", UNSURE]:
            return
    pytest.fail("one comparison and the first of fifty answer alike")


def test_only_rows_that_the_successor_served_and_nobody_was_trained_on_count():
    early = answers(15, 10, contest(1, 1))
    assert overlaps(SERVED, early)
    assert not overlaps(SERVED, answers(10, 10, contest(1, 1)))
    assert not overlaps(SERVED, answers(50, 10, contest(1, 1)))
    part = part_of(SERVED, early, TRAINED)
    assert (part.rows, part.labelled, len(part.actual)) == (200, 200, 200)
    late = part_of(SERVED, early, {1: START + 22 * DAY, 2: START + 19 * DAY})
    assert (late.rows, late.labelled, len(late.actual)) == (200, 200, 119)
    assert part.days.tolist() == sorted(part.days)
    assert len(set(part.days)) == 5


def test_a_predecessor_that_knows_its_training_rows_by_heart_does_not_win_by_them():
    def tell(x, day, rng):
        known = x + (day >= 35) * rng.normal(size=len(x))
        return x, {1: known, 2: x + rng.normal(size=len(x))}

    def answer(seed, until):
        pieces = [answers(first, 10, tell, seed=seed) for first in (20, 30, 40)]
        return judge_gain(SERVED, [part_of(SERVED, one, {**TRAINED, 1: until}) for one in pieces], RULES, 1)

    fair, unfair = ([answer(seed, until) for seed in range(60)] for until in (START + 35 * DAY, START))
    assert {one.rows for one in fair} == {599}
    assert sum(one.answer == "worse" for one in fair) <= 6
    assert sum(one.answer == "worse" for one in unfair) >= 57


def test_too_little_is_not_enough_evidence_and_says_of_what():
    few = judged(5.0, 1.0, per_day=3)
    assert (few.answer, few.rows) == (UNSURE, 90)
    assert few.reason.startswith(f"{UNSURE}: 90 rows, at least 100")
    unlabelled = judged(5.0, 1.0, unlabelled=100)
    assert unlabelled.answer == UNSURE
    assert "labels are known for 900 of 1200 rows" in unlabelled.reason
    pieces = [answers(first, 10, contest(5.0, 1.0), unlabelled=gone) for first, gone in ((20, 0), (30, 200), (40, 0))]
    later = judge_gain(SERVED, [part_of(SERVED, piece, TRAINED) for piece in pieces], RULES, 1)
    assert (later.answer, later.rows) == ("better", 800), "labels that came first do not stand for their window"
    assert later.reason.endswith("; labels are missing for 1 of 3 windows, which are left out")
    assert judge_gain(SERVED, [], RULES, 1).answer == UNSURE
    refused = answers(20, 10, contest(1, 1), refused={1: "not measured: no column x"})
    gone = judge_gain(SERVED, [part_of(SERVED, refused, TRAINED)], RULES, 1)
    assert (gone.answer, gone.difference) == (UNSURE, None)
    assert gone.reason == f"{UNSURE}: version 1: not measured: no column x"
