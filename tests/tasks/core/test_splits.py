"""Parts never overlap, never run backwards in time, and no instant falls into two of them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import DataRejected
from tasks.core.splits import Split, backtests, split_parts

START = np.datetime64("2024-01-01T00:00:00", "us")
DAY = timedelta(days=1)
PARTS = st.one_of(st.floats(0.01, 0.5), st.integers(1, 20).map(lambda n: n * DAY))


def times_of(hours):
    return START + np.asarray(hours, dtype="int64") * np.timedelta64(1, "h")


def a_split(tuning, evaluation, min_rows=2):
    return Split(history=(timedelta(days=30),), tuning=tuning, evaluation=evaluation, min_rows=min_rows)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 24 * 40), min_size=8, max_size=120), PARTS, PARTS)
def test_parts_are_disjoint_complete_and_ordered_in_time(hours, tuning, evaluation):
    assume(len(set(hours)) > 1)
    times = times_of(hours)
    try:
        parts = split_parts(times, a_split(tuning, evaluation))
    except DataRejected:
        return
    together = np.concatenate([parts.train, parts.tuning, parts.evaluation])
    assert sorted(together) == list(range(len(times)))
    # Strictly: the last instant of a part is older than the first of the next one.
    assert times[parts.train].max() < times[parts.tuning].min()
    assert times[parts.tuning].max() < times[parts.evaluation].min()
    assert (np.diff(times[together]) >= np.timedelta64(0)).all()
    assert min(len(parts.train), len(parts.tuning), len(parts.evaluation)) >= 2


def test_a_share_is_a_share_of_all_rows():
    parts = split_parts(times_of(range(100)), a_split(0.2, 0.1))
    assert [len(parts.train), len(parts.tuning), len(parts.evaluation)] == [70, 20, 10]


def test_a_duration_reaches_back_from_the_newest_row_and_does_not_include_its_far_end():
    parts = split_parts(times_of(range(0, 24 * 30, 6)), a_split(5 * DAY, 2 * DAY))
    assert [len(parts.tuning), len(parts.evaluation)] == [20, 8]


def test_rows_of_one_instant_stay_together_however_the_share_falls():
    hours = [0] * 40 + [1] * 30 + [2] * 20 + [3] * 10
    parts = split_parts(times_of(hours), a_split(0.11, 0.15))
    assert [set(np.array(hours)[p]) for p in (parts.train, parts.tuning, parts.evaluation)] == [{0}, {1}, {2, 3}]


def test_without_any_time_the_order_of_delivery_counts():
    parts = split_parts(times_of([5] * 100), a_split(0.2, 0.3))
    assert (parts.train.tolist(), parts.evaluation.tolist()) == (list(range(50)), list(range(70, 100)))


@pytest.mark.parametrize(
    ("tuning", "evaluation", "min_rows", "message"),
    [
        (0.2, 0.1, 15, "The evaluation part would hold 10 labelled rows and needs at least 15. .*split.evaluation"),
        (0.05, 0.5, 15, "The tuning part would hold 5 .*split.tuning"),
        (0.5, 0.45, 15, "The train part would hold 5 .*split.history or split.min_rows"),
        (20 * DAY, 20 * DAY, 2, "would hold 0 "),
    ],
)
def test_a_part_that_is_too_small_is_refused_by_name(tuning, evaluation, min_rows, message):
    with pytest.raises(DataRejected, match=message):
        split_parts(times_of(range(100)), a_split(tuning, evaluation, min_rows))


def test_no_rows_at_all_are_refused():
    with pytest.raises(DataRejected, match="0 labelled rows"):
        split_parts(times_of([]), a_split(0.2, 0.2))


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, 1.0])
def test_shares_outside_of_their_bounds_are_refused(share):
    with pytest.raises(ValidationError, match=r"above 0 and at most 0\.5"):
        a_split(share, 0.2)


def test_a_snapshot_reaches_back_over_the_longest_history_and_both_later_parts():
    newest = datetime(2024, 6, 1, tzinfo=UTC)
    split = Split(history=("10d", "60d"), tuning="14d", evaluation=0.2)
    assert split.since(newest) == newest - 74 * DAY
    assert Split(history=("10d",), tuning="14d", evaluation="21d").since(newest) == newest - 45 * DAY
    assert Split(history=("10d",), tuning="14d", evaluation="21d", folds=3).since(newest) == newest - 73 * DAY
    forgetting = {"kind": "recency_weighted", "half_life": "20d"}
    assert Split(history=("10d", forgetting), tuning="1d", evaluation="1d").since(newest) == newest - 202 * DAY
    assert Split(history=("10d", {"kind": "expanding"}), tuning="1d", evaluation="1d").since(newest).year == 1700


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 24 * 60), min_size=8, max_size=200), PARTS, PARTS, st.integers(1, 5))
def test_backtests_lie_one_before_the_other_and_all_before_the_evaluation(hours, tuning, evaluation, folds):
    assume(len(set(hours)) > 1)
    times, split = times_of(hours), a_split(tuning, evaluation).model_copy(update={"folds": folds})
    try:
        parts = split_parts(times, split)
    except DataRejected:
        return
    found = backtests(times, split)
    assert 1 <= len(found) <= folds
    assert [found[0][0].tolist(), found[0][1].tolist()] == [parts.train.tolist(), parts.tuning.tolist()]
    ends = times[parts.evaluation].min()
    for train, judged in found:
        assert times[train].max() < times[judged].min()
        assert times[judged].max() < ends
        assert min(len(train), len(judged)) >= 2
        assert set(times[times < times[judged].min()]) == set(times[train])  # nothing between them is lost
        ends = times[judged].min()


def test_as_many_backtests_as_asked_where_there_are_rows_enough():
    times = times_of(range(24 * 60))
    lengths = [len(backtests(times, a_split(5 * DAY, 10 * DAY).model_copy(update={"folds": n}))) for n in (1, 3, 9, 12)]
    assert lengths == [1, 3, 9, 9]
