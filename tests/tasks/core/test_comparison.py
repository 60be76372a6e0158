"""The table: means over common periods, regret in the metric's own direction, counts without the first model."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.core import sample
from tasks.core.comparison import Run, compare
from tasks.core.deciding import Decided
from tasks.core.results import Window
from tests.tasks.core.periods import period

MONTH = timedelta(days=30)
START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EARLY = Window(START - DAY, START + 5 * DAY)


def periods(scores, asked=(), promoted=(), first=True):
    return tuple(
        period(START + n * MONTH, START + (n + 1) * MONTH, score, asked=n in asked,
               trained=n in asked or (first and n == 0), promoted=n in promoted or (first and n == 0),
               seconds=2.0 if n in asked or n == 0 else 0.0)
        for n, score in enumerate(scores)
    )  # fmt: skip


def test_means_are_over_the_periods_that_all_have_and_regret_is_against_the_best():
    runs = [Run("a", periods([None, 2.0, 4.0])), Run("b", periods([9.0, 1.0, 2.0], asked={1, 2}, promoted={2}), 0.5)]
    first, second = compare(runs, "mae")
    assert (first.mean, first.regret, second.mean, second.regret) == (3.0, 1.5, 1.5, 0.0)
    assert (second.retrainings, second.promotions, first.retrainings) == (2, 1, 0)
    assert (first.cpu_seconds, second.cpu_seconds) == (2.0, 6.5)
    assert (first.false_alarms, first.missed) == (None, None)
    assert [line.regret for line in compare(runs, "roc_auc")] == [0.0, 1.5]


def test_every_decision_in_a_period_counts():
    often = period(START, START + MONTH, 1.0)
    more = [Decided(START + n * DAY, n in {4, 8}, {4: "refused", 8: "promoted"}.get(n), "", 2.0) for n in range(10)]
    line, _ = compare([Run("a", (replace(often, decisions=tuple(more)),)), Run("b", (often,))], "mae", [EARLY])
    assert (line.retrainings, line.promotions, line.cpu_seconds) == (2, 1, 20.0)
    assert (line.false_alarms, line.missed) == (1, 0), "on day 4 in time, on day 8 no more"


def test_a_year_in_hindsight_leaves_earlier_scores_out_and_counts_everything():
    runs = [Run("a", periods([1.0, 2.0, 4.0], asked={1}, promoted={1})), Run("b", periods([9.0, 9.0, 5.0]))]
    first, _ = compare(runs, "mae", since=START + 2 * MONTH)
    assert (first.mean, first.retrainings) == (4.0, 1)


@pytest.mark.parametrize(
    ("asked", "false", "missed"), [((), 0, 1), ((2,), 0, 0), ((1,), 1, 1), ((3, 4), 1, 0), ((0, 2), 1, 0)]
)
def test_alarms_are_held_against_the_declared_truth(asked, false, missed):
    change = Window(START + MONTH, START + 3 * MONTH)
    beyond = Window(START + 90 * MONTH, START + 99 * MONTH)
    (line,) = compare([Run("a", periods([1.0] * 5, asked=asked))], "mae", [change, beyond])
    assert (line.false_alarms, line.missed) == (false, missed)


def test_without_common_scores_there_is_no_mean():
    runs = [Run("a", periods([None, 2.0])), Run("b", periods([1.0, None]))]
    assert [(line.mean, line.regret) for line in compare(runs, "mae")] == [(None, None)] * 2


def test_the_sample_declares_when_a_retraining_is_right():
    (change,) = sample.changes()
    right = [
        truth.period for truth in sample.truth() if change.start < sample.month_start(truth.period + 1) <= change.end
    ]
    assert right == [sample.CHANGE_FROM, 16, sample.RETRAINED_BY]
