"""A window may be held against the same stretch of earlier weeks or years: alarms keep their rate, a change is seen."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.blocks import MIN_BLOCKS, time_blocks, traits_of
from tasks.core.distances import distance
from tasks.core.drift import PARTS, Drift, judge_drift
from tasks.core.features import EVENT_TIME
from tasks.core.noise import noise_threshold, noise_thresholds
from tasks.core.observations import PREDICTION, PREDICTION_TIME
from tasks.core.pairs import prepare
from tasks.core.ranks import rank_p_value
from tasks.core.results import Verdict
from tasks.core.season import in_season, predictions_in_season

SATURDAY = pd.Timestamp("2024-01-06", tz="UTC")
STRICT = {"numerical_threshold": 1e-9, "share": 0.0, "one_false_alarm_in": 10, "min_rows": 20}
BY_WEEK = Drift(window=timedelta(days=1), season="week", **STRICT)


def days_that_differ(seed, weeks=26, like_a_monday=False):
    """Hourly rows, alike within a day, with a level of each weekday and each week; then one more Saturday."""
    rng = np.random.default_rng(seed)
    times = pd.date_range(SATURDAY, periods=(7 * weeks + 1) * 24, freq="h")
    day = np.arange(len(times)) // 24
    level = np.array([4.0, 3.0, 0.0, 0.1, 0.2, 0.3, 1.0])[day % 7] + rng.normal(size=day.max() + 1)[day]
    frame = pd.DataFrame({EVENT_TIME: times, "x": level + rng.normal(size=len(times))})
    saturday = frame[-24:].reset_index(drop=True)
    return frame[:-24], saturday.assign(x=saturday["x"] - 4.0 * like_a_monday)


def judged(reference, current, config):
    end = current[EVENT_TIME].iloc[0] + config.window
    alike = in_season(reference, end, config, "UTC") if config.season != "none" else reference
    pairs = prepare(alike, current, ["x"], [], config.cycle)
    found = {name: distance(pair, "wasserstein") if len(pair.reference) else None for name, pair in pairs.items()}
    return judge_drift(pairs, found, noise_thresholds(pairs, config, 1), config)[0]


def test_saturdays_alarm_no_more_than_stated_and_one_like_a_monday_is_seen_which_the_week_hides():
    seeds = range(60)
    alarms = sum(judged(*days_that_differ(seed), BY_WEEK).verdict is Verdict.FAIL for seed in seeds)
    stated = len(seeds) / BY_WEEK.one_false_alarm_in / PARTS
    assert alarms <= stated + 3 * stated**0.5
    without = BY_WEEK.model_copy(update={"season": "none"})
    changed = [days_that_differ(seed, like_a_monday=True) for seed in range(10)]
    assert sum(judged(*sides, BY_WEEK).verdict is Verdict.FAIL for sides in changed) >= 8
    assert not any(judged(*sides, without).verdict is Verdict.FAIL for sides in changed)


@given(
    st.integers(0, 400), st.integers(1, 7 * 24), st.integers(0, 23), st.sampled_from(["week", "year"]),
    st.sampled_from(["UTC", "America/Chicago", "Australia/Lord_Howe"]), st.integers(0, 1200),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_exactly_the_rows_of_the_stretch_are_kept_and_they_keep_their_place_in_it(
    day, hours, hour, season, zone, until
):
    every = pd.date_range("2021-01-01", periods=1200 * 4, freq="6h", tz="UTC")
    reference = pd.DataFrame({EVENT_TIME: every[: max(1, 4 * until)]}).assign(row=lambda f: np.arange(len(f)))
    end = pd.Timestamp("2024-04-15", tz=zone) + timedelta(days=day, hours=hour)
    drift = Drift(window=timedelta(hours=hours), season=season)
    kept = in_season(reference, end, drift, zone)
    wall = reference[EVENT_TIME].dt.tz_convert(ZoneInfo(zone)).dt.tz_localize(None)
    last, expected, cycles = end.tz_localize(None), {}, 0
    for number in range(400, 0, -1):  # the brute force: one earlier stretch after the other
        step = pd.DateOffset(weeks=number) if season == "week" else pd.DateOffset(years=number)
        start = last - step - drift.window
        if start + 0.1 * drift.window < wall.min() or start + 0.9 * drift.window > wall.max():
            continue
        inside = (wall >= start) & (wall < start + drift.window)
        expected |= {row: cycles * drift.window + (wall[row] - start) for row in reference["row"][inside]}
        cycles += 1
    laid = dict(zip(kept["row"], kept[EVENT_TIME] - pd.Timestamp(0, tz="UTC"), strict=True))
    assert laid == expected
    (pair,) = prepare(kept.assign(x=1.0), kept.assign(x=1.0), ["x"], [], drift.cycle).values()
    assert pair.stretches == len({place // drift.window for place in expected.values()})


def test_each_earlier_stretch_is_one_block_however_its_rows_lie_in_it():
    rng = np.random.default_rng(5)
    reference, saturday = days_that_differ(5)
    few = reference[rng.random(len(reference)) < 0.15]  # so that no stretch begins or ends with a row
    alike = in_season(few, SATURDAY + timedelta(weeks=26, days=1), BY_WEEK, "UTC")
    pair = prepare(alike, saturday, ["x"], [], BY_WEEK.cycle)["x"]
    blocks = time_blocks(pair.reference_times, pair.current_times, traits_of(pair.reference, True), pair.cycle)
    weeks = ((alike[EVENT_TIME] - pd.Timestamp(0, tz="UTC")) // BY_WEEK.window).to_numpy()
    assert (np.unique(weeks, return_inverse=True)[1] == blocks.codes).all()
    assert (blocks.per_window, blocks.inflation) == (1, 1.0)
    # What one stretch alone can differ by is in the threshold, though its 24 rows would tell much less from chance.
    alone = replace(pair, reference_times=None, current_times=None)
    by_week, by_row = (noise_threshold(one, BY_WEEK, 0.01, 1) for one in (pair, alone))
    assert by_week > 1.5 * by_row
    across = replace(pair, cycle=None)  # pieces of time that lie across two Saturdays differ less than Saturdays do
    assert by_week > noise_threshold(across, BY_WEEK, 0.01, 1)
    assert rank_p_value(pair) > rank_p_value(across)


def test_predictions_are_chosen_by_times_of_their_own():
    reference, _ = days_that_differ(0, weeks=12)
    end = SATURDAY + timedelta(weeks=12, days=1)
    rows = in_season(reference, end, BY_WEEK, "UTC")
    last_two = reference[EVENT_TIME] >= SATURDAY + timedelta(weeks=10)
    predicted = pd.DataFrame({"prediction": np.arange(len(reference)) * 1.0, EVENT_TIME: reference[EVENT_TIME]})[
        last_two
    ]
    beside = predictions_in_season(rows, predicted, end, BY_WEEK, "UTC", 1)
    known = beside[beside[PREDICTION].notna()]
    saturdays = reference[EVENT_TIME].dt.weekday.eq(5) & last_two
    assert sorted(known[PREDICTION]) == list(np.flatnonzero(saturdays))
    assert sorted(known[PREDICTION_TIME].dt.day.unique()) == [1, 2]


@pytest.mark.parametrize("weeks", [0, 1, MIN_BLOCKS - 1])
def test_too_few_earlier_weeks_are_unknown_and_the_reason_counts_them(weeks):
    reference, saturday = days_that_differ(1, weeks=max(weeks, 1))
    reference = reference if weeks else reference[reference[EVENT_TIME] >= SATURDAY + timedelta(days=2)]
    pairs = prepare(in_season(reference, SATURDAY + timedelta(weeks=max(weeks, 1), days=1), BY_WEEK, "UTC"), saturday,
                    ["x"], [], BY_WEEK.cycle)  # fmt: skip
    data, (column,) = judge_drift(pairs, {"x": 9.0}, noise_thresholds(pairs, BY_WEEK, 1), BY_WEEK)
    assert data.verdict is column.verdict is Verdict.UNKNOWN
    assert f"{weeks} earlier weeks; {MIN_BLOCKS} are needed" in column.reason


def test_a_window_longer_than_its_season_is_refused_with_the_longest():
    with pytest.raises(ValidationError, match=r"30d is longer than one; shorten drift.window to 1w or less"):
        Drift(season="week")
    assert Drift(season="year").cycle == 30 * 86_400_000_000
    assert Drift(season="week", window="7d").together is False
