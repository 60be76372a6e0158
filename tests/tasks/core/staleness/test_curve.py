from dataclasses import replace

import numpy as np
import pytest

from tasks.core.staleness.curve import by_age, cells_of
from tasks.core.staleness.plan import make_plan
from tests.tasks.core.staleness.worlds import DAY, RULES, START, answers, journal

PLAN = make_plan(journal((0, 1, None), (20, 2, 1)), START + 63 * DAY, RULES)
TRAINED = {1: START - DAY, 2: START + 19 * DAY}
MOVES = 0.5  # of the slope, in ten days


def told(x, day, rng):
    """The slope moves on by MOVES every ten days; each version predicts by that of its promotion."""
    slope = MOVES * (day // 10)
    return slope * x, {1: 0.0 * x, 2: MOVES * 2 * x}


def measured(*windows, **given):
    return [cell for first in windows for cell in cells_of(PLAN, answers(first, 10, told, **given), TRAINED, RULES)]


def test_the_curve_of_an_old_model_rises_by_what_the_concept_moved():
    cells = measured(0, 10, 20, 30, 40, 50)
    size = {first: np.abs(answers(first, 10, told).actual / (MOVES * first / 10)).mean() for first in range(10, 60, 10)}
    size[0] = 0.0
    for cell in cells:
        born, now = {1: 0, 2: 2}[cell.version], (cell.window.start - START) // (10 * DAY)
        assert cell.age == now - born
        assert cell.score == pytest.approx(MOVES * cell.age * size[10 * now], abs=1e-12)
        serves = 1 if now < 2 else 2
        assert cell.serves == (cell.version == serves)
        assert cell.behind == pytest.approx(0 if cell.serves else MOVES * 2 * size[10 * now], abs=1e-12)
    assert [(cell.version, cell.age) for cell in cells] == [
        (1, 0), (1, 1), (1, 2), (2, 0), (1, 3), (2, 1), (1, 4), (2, 2), (1, 5), (2, 3),
    ]  # fmt: skip
    ages = by_age(cells)
    assert [(one.age, one.rows) for one in ages] == [(n, 800 if n < 4 else 400) for n in range(6)]
    scores = [one.score for one in ages]
    assert scores == sorted(scores)
    assert scores[0] == pytest.approx(0, abs=1e-12)


def test_ages_are_weighed_by_their_rows():
    cells = measured(0, 10)
    few = replace(cells[1], age=0, rows=cells[0].rows // 4)
    (one,) = by_age([cells[0], few])
    assert one.score == pytest.approx((4 * cells[0].score + few.score) / 5)


def test_rows_that_any_of_them_was_trained_on_are_out_for_all():
    both = answers(20, 10, told)
    cells = cells_of(PLAN, both, {1: START, 2: START + 25 * DAY}, RULES)
    later = both.times > both.times[0] + np.timedelta64(5, "D")
    assert {cell.rows for cell in cells} == {int(later.sum())} == {199}, "the row of that very moment is out, too"
    assert cells[0].score == pytest.approx(np.abs(both.actual - both.predicted[1])[later].mean())


def test_a_row_that_one_cannot_take_is_out_for_all():
    both = answers(20, 10, told)
    holes = both.predicted[1].copy()
    holes[::4] = np.nan
    cells = cells_of(PLAN, replace(both, predicted={**both.predicted, 1: holes}), TRAINED, RULES)
    assert [cell.rows for cell in cells] == [300, 300]


def test_who_cannot_be_asked_is_named_and_the_others_are_scored():
    gone = answers(20, 10, lambda *given: (told(*given)[0], {2: told(*given)[1][2]}), refused={1: "not measured: gone"})
    first, second = cells_of(PLAN, gone, TRAINED, RULES)
    assert (first.version, first.score, first.rows, first.why) == (1, None, 0, "not measured: gone")
    assert (second.version, second.why) == (2, "")
    assert second.score is not None
    nobody = answers(20, 10, lambda *given: (told(*given)[0], {}), refused={1: "gone", 2: "gone, too"})
    assert [cell.why for cell in cells_of(PLAN, nobody, {}, RULES)] == ["gone", "gone, too"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"unlabelled": 81}, "labels are known for 319 of 400 rows, 80% are needed"),
        ({"per_day": 4}, "40 rows, at least 50"),
    ],
)
def test_too_little_is_not_enough_evidence(given, why):
    (cell,) = measured(0, **given)
    assert (cell.score, cell.behind) == (None, None)
    assert cell.why.startswith("not enough evidence: ")
    assert why in cell.why
    assert measured(0, unlabelled=80)[0].score is not None, "80 % are enough"
    assert measured(0, per_day=5)[0].score is not None, "50 rows are enough"


def test_one_class_only_has_no_score_and_a_window_without_rows_has_no_cell():
    ones = answers(0, 10, lambda x, _, rng: (np.ones_like(x), {1: rng.random(len(x))}))
    (cell,) = cells_of(PLAN, ones, TRAINED, replace(RULES, metric="roc_auc"))
    assert cell.score is None
    assert "not enough evidence" in cell.why
    assert measured(0, per_day=0) == []
