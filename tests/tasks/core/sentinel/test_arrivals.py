"""Times on another clock, days and months exchanged, fewer rows, missing sources: seen and named."""

import numpy as np
import pandas as pd
import pytest

from tasks.core.sentinel.arrivals import fewer_rows, late_rows, missing_sources
from tasks.core.sentinel.times import another_clock, day_and_month, placeholder_times

LEVEL, SEEDS = 1e-5, range(20)
HOURS = np.array([1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 9, 8, 8, 8, 8, 9, 10, 11, 10, 7, 4, 2], float)
MILD = np.array([5, 5, 5, 5, 5, 5, 6, 7, 9, 10, 10, 9, 9, 9, 9, 9, 9, 9, 10, 11, 10, 9, 7, 6], float)
HOUR, DAY = 3_600_000_000, 86_400_000_000
START = pd.Timestamp("2024-03-01").value // 1000


def times(n, rng, days=30, first=0, hours=HOURS):
    """Microseconds of n events in `days` days from the `first` day of March 2024 on."""
    hour = rng.choice(24, n, p=hours / hours.sum())
    day = START + DAY * (first + rng.integers(0, days, n))
    return np.sort(day + HOUR * hour + rng.integers(0, HOUR, n))


def clock(past, now, late=100 * DAY):
    """Rows are delivered at once, late enough for every event to have happened."""
    return another_clock(past, np.full(len(past), past.max() + late), now, int(now.max() + late), LEVEL)


@pytest.mark.parametrize(
    ("hours", "n"), [*((hours, n) for hours in (-8, -5, 5, 9) for n in (200, 1_000)), (-2, 1_000), (2, 1_000)]
)
def test_another_time_zone_is_seen_by_the_hours_of_the_day(hours, n):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        past, now = times(5_000, rng), times(n, rng, first=30)
        found = clock(past, now + hours * HOUR)
        assert found is not None
        assert found.kind == "time zone"
        about = [f"{abs(hours) + off} hours {'later' if hours > 0 else 'earlier'}" for off in (-1, 0, 1)]
        assert any(words in found.reason for words in about)


@pytest.mark.parametrize("n", [200, 1_000])
def test_other_habits_and_summer_time_are_no_other_clock(n):
    evenings = HOURS * np.where(np.arange(24) >= 17, 3, 1)
    nights = np.r_[HOURS[:8] * 5, HOURS[8:]]
    for seed in range(50):
        rng = np.random.default_rng(seed)
        past = times(5_000, rng)
        for now in (times(n, rng), times(n, rng, hours=evenings), times(n, rng, hours=nights),
                    times(n, rng, hours=MILD), times(n, rng) + HOUR, times(n, rng) - HOUR,
                    times(n, rng, hours=np.ones(24))):  # fmt: skip
            assert clock(past, now) is None
        flat = times(5_000, rng, hours=np.ones(24))
        assert clock(flat, times(n, rng, hours=np.ones(24))) is None


def test_rows_in_the_future_are_on_another_clock_where_none_ever_were():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        past, now = times(3_000, rng, hours=np.ones(24)), times(300, rng, days=1, first=30, hours=np.ones(24))
        delivered, until = np.full(3_000, past.max() + HOUR), int(now.max() + HOUR // 60)
        found = another_clock(past, delivered, now + 2 * HOUR, until, LEVEL)
        assert found is not None
        assert "future" in found.reason
        assert another_clock(past, delivered, now, until, LEVEL) is None
        bookings = another_clock(past, np.full(3_000, past.min()), now + 2 * HOUR, until, LEVEL)
        assert bookings is None


@pytest.mark.parametrize("days", [1, 5, 12])
def test_day_and_month_that_changed_places_are_seen(days):
    for seed in SEEDS:
        rng = np.random.default_rng([seed, days])
        past = times(2_000, rng, days=60, first=-60)
        lags = rng.integers(0, (days + 1) * DAY, 2_000)
        now = times(300, rng, days=days, first=4 if days < 12 else 0)
        until = int(now.max() + DAY)
        whole = pd.to_datetime(now, unit="us")
        swapped = pd.to_datetime({"year": whole.year, "month": whole.day, "day": whole.month})
        wrong = swapped.to_numpy("datetime64[us]").astype(np.int64) + now % DAY
        found = day_and_month(past, past + lags, wrong, until)
        assert found is not None
        assert found.kind == "day and month"
        assert day_and_month(past, past + lags, now, until) is None
        assert day_and_month(past, past + lags, now - 40 * DAY, until) is None  # late, and nothing else


def test_a_date_for_no_date_is_a_placeholder():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        past, now = times(2_000, rng), times(200, rng)
        for share in (0.05, 0.5):
            broken = np.where(rng.permutation(200) < share * 200, 0, now)
            assert placeholder_times(past, broken, LEVEL).kind == "placeholder"
        assert placeholder_times(past, now, LEVEL) is None
        assert placeholder_times(np.where(np.arange(2_000) % 20, past, 0), broken, LEVEL) is None


@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_half_the_rows_are_seen_and_the_usual_ups_and_downs_are_not(spread):
    false = seen = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        past = np.round(1_000 * np.exp(spread * rng.normal(size=12)))
        usual = round(1_000 * np.exp(spread * rng.normal()))
        seen += fewer_rows(usual // 2, past, 1e-3) is not None
        false += fewer_rows(usual, past, 1e-3) is not None
        false += fewer_rows(3 * usual, past, 1e-3) is not None
        assert fewer_rows(usual // 2, past[:3], 1e-3) is None
    assert false == 0
    assert seen >= (300 if spread < 0.1 else 285)


def test_days_of_few_rows_are_usual_where_there_are_weekends():
    week = np.array([1_000, 1_010, 990, 1_020, 1_000, 120, 90] * 3, float)
    assert fewer_rows(95, week, 1e-3) is None
    assert fewer_rows(480, week, 1e-3) is None


def test_a_delivery_that_is_older_than_all_were_is_late():
    rng = np.random.default_rng(0)
    past = rng.uniform(3_600, 7_200, 20)
    assert late_rows(6_000.0, past, 1e-3) is None
    assert late_rows(9_000.0, past, 1e-3) is None
    assert late_rows(40_000.0, past, 1e-3) is not None
    assert late_rows(40_000.0, past[:3], 1e-3) is None


def shops(n, rng, names="abcdef"):
    return pd.DataFrame({"shop": rng.choice(list(names), n), "colour": rng.choice(["red", "blue"], n)})


@pytest.mark.parametrize("n", [200, 1_000])
def test_half_of_the_sources_missing_is_seen_and_named(n):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        past = shops(8 * n, rng).assign(_batch_id=np.repeat([f"b{i}" for i in range(8)], n))
        half = shops(n, rng)
        half = half[half["shop"].isin(list("abc"))]
        found = missing_sources(past, half, ["colour", "shop"], np.full(8, float(n)), LEVEL)
        assert found is not None
        assert (found.kind, found.columns) == ("sources missing", ("shop",))
        assert "3 of 6" in found.reason
        whole = shops(n, rng)
        assert missing_sources(past, whole, ["colour", "shop"], np.full(8, float(n)), LEVEL) is None
        fewer = whole[: n // 2]
        assert missing_sources(past, fewer, ["colour", "shop"], np.full(8, float(n)), LEVEL) is None
        moved = shops(n, rng, "abc")  # as many rows as ever: customers moved, no file is missing
        assert missing_sources(past, moved, ["colour", "shop"], np.full(8, float(n)), LEVEL) is None


def test_sources_that_come_by_turns_are_not_missing():
    rng = np.random.default_rng(0)
    turns = [shops(300, rng, "abc" if i % 2 else "def").assign(_batch_id=f"b{i}") for i in range(8)]
    now = shops(150, rng, "abc")
    assert missing_sources(pd.concat(turns), now, ["shop"], np.full(8, 300.0), LEVEL) is None
