"""A window is compared with the same season where the pipeline asks for it; too few such rows are unknown."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.distances import distance
from tasks.core.drift import Drift, judge_drift
from tasks.core.features import EVENT_TIME
from tasks.core.multivariate import judge_multivariate
from tasks.core.noise import noise_thresholds
from tasks.core.observations import PREDICTION, PREDICTION_TIME
from tasks.core.pairs import prepare
from tasks.core.results import Verdict
from tasks.core.season import same_season


def year(shift=0.0, days=364, per_day=12, seed=0):
    """Sundays and summers are warmer."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2023-01-02", periods=days * per_day, freq=f"{24 // per_day}h", tz="UTC")
    warm = 2.0 * (times.weekday == 6) + 3.0 * np.isin(times.month, (6, 7, 8)) + shift
    frame = pd.DataFrame({EVENT_TIME: times, "warmth": warm + rng.normal(size=len(times))})
    return frame.assign(**{PREDICTION: np.arange(len(times)) * 1.0, PREDICTION_TIME: times})


def judged(reference, current, config):
    alike = same_season(reference, current, config.season, "UTC", 1)
    pairs = prepare(alike, current, ["warmth"], [])
    found = {name: distance(pair, "wasserstein") if len(pair.reference) else None for name, pair in pairs.items()}
    return judge_drift(pairs, found, noise_thresholds(pairs, config, 1), config)


def test_a_july_is_held_against_julys_and_a_change_is_seen_that_the_year_hides():
    before, july = year(), year(seed=1)[EVENT_TIME].dt.month == 7
    current, moved = year(seed=1)[july], year(shift=2.0, seed=1)[july]
    assert judged(before, current, Drift(season="month"))[0].verdict is Verdict.PASS
    assert judged(before, moved, Drift(season="month"))[0].verdict is Verdict.FAIL
    assert judged(before, moved, Drift())[0].verdict is Verdict.PASS


def test_sundays_are_held_against_sundays():
    spring = year(days=140, per_day=24)
    sunday = spring[EVENT_TIME].dt.weekday == 6
    current = year(days=140, per_day=24, seed=1)[sunday].tail(72)
    like_a_weekday = current.assign(warmth=current["warmth"] - 2.0)
    assert judged(spring, current, Drift(season="weekday"))[0].verdict is Verdict.PASS
    assert judged(spring, like_a_weekday, Drift(season="weekday"))[0].verdict is Verdict.FAIL
    assert judged(spring, like_a_weekday, Drift())[0].verdict is Verdict.PASS


def test_a_season_that_the_reference_lacks_is_unknown_and_the_reason_names_it():
    reference, current = year(days=120), year(seed=1)
    july, config = current[current[EVENT_TIME].dt.month == 7], Drift(season="month")
    data, (column,) = judged(reference, july, config)
    assert data.verdict is column.verdict is Verdict.UNKNOWN
    assert "0 in the reference's rows of the same months" in column.reason
    alike = same_season(reference, july, "month", "UTC", 1)
    together = judge_multivariate(alike, july, numerical=["warmth"], categorical=[], config=config, seed=1)
    assert together.verdict is Verdict.UNKNOWN
    assert "same months" in together.reason


@given(st.integers(0, 300), st.integers(1, 60), st.sampled_from(["weekday", "month"]),
       st.sampled_from(["UTC", "Asia/Tokyo", "America/Chicago"]), st.integers(0, 99))  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_every_row_and_every_prediction_of_the_season_is_kept_and_no_other(start, length, season, timezone, seed):
    reference = year(per_day=2)
    predictions = reference[[PREDICTION, PREDICTION_TIME]].sample(frac=1, random_state=seed).reset_index(drop=True)
    reference[[PREDICTION, PREDICTION_TIME]] = predictions
    current = reference.iloc[start : start + length]
    alike = same_season(reference, current, season, timezone, seed)

    def places(times):
        return getattr(times.dt.tz_convert(timezone).dt, season)

    wanted = set(places(current[EVENT_TIME]))
    assert list(alike[EVENT_TIME]) == list(reference.loc[places(reference[EVENT_TIME]).isin(wanted), EVENT_TIME])
    kept = alike.dropna(subset=PREDICTION)
    assert set(kept[PREDICTION]) == set(predictions.loc[places(predictions[PREDICTION_TIME]).isin(wanted), PREDICTION])
    true = predictions.set_index(PREDICTION)[PREDICTION_TIME]
    assert (kept[PREDICTION_TIME].to_numpy() == true[kept[PREDICTION]].to_numpy()).all()


def test_without_a_season_or_without_times_the_reference_is_what_it_was():
    reference = year(days=10)
    assert same_season(reference, reference[:5], "none", "UTC", 1) is reference
    untimed = reference.drop(columns=EVENT_TIME)
    assert same_season(untimed, reference, "month", "UTC", 1) is untimed
