"""Event times that are wrong: on another clock, with day and month exchanged, or a date that stands for none.

Times are whole microseconds since 1970, by the clock that the pipeline declares; nothing reads a clock here.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.core.sentinel.finding import ROWS, Finding, by_chance

Times = NDArray[np.int64]
_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_LEAST = 100  # rows that a profile of 24 hours needs
_AHEAD = 30 * 60_000_000  # clocks differ a little
_ZONES = int(14.5 * _HOUR)  # no two zones are further apart than clocks may be ahead of UTC, and a little
_SUMMER_TIME = 1_000  # one hour, which is left to summer time, has to be so many times less likely
_RATHER = 0.2  # under the shift the misfit is less than this part of what it is as the rows stand
_LEAST_SHARE, _OUT, _IN = 0.01, 0.2, 0.95
_SLACK = 2 * _DAY
_NO_DATES = (-2_208_988_800_000_000, 0, 253_402_214_400_000_000)  # 1900-01-01, 1970-01-01 and 9999-12-31


def another_clock(past: Times, delivered: Times, now: Times, until: int, level: float) -> Finding | None:
    """Say that the rows are on another clock: some lie in the future, or the day's profile has moved by hours.

    Args:
        past: event times of history.
        delivered: when each of them came.
        now: event times of the delivery.
        until: when it came.
        level: the false-alarm rate of each of the two tests.
    """
    ahead, before = now - until, past - delivered
    rows, others = int(((ahead > _AHEAD) & (ahead <= _ZONES)).sum()), int((before > 0).sum())
    many = rows >= max(ROWS, _LEAST_SHARE * len(now)) and ahead.max() <= _ZONES
    if many and not others and by_chance(rows, len(now), 0, len(past)) <= level:
        return Finding("time zone", (), "events lie hours in the future, where none ever did", rows, len(now))
    return _moved_profile(past, now, level)


def _moved_profile(past: Times, now: Times, level: float) -> Finding | None:
    """A likelihood ratio of the shifted profile against the unmoved one; one hour is left to summer time.

    Under the unmoved profile a ratio of 23 / level or more for any shift has a chance of `level` at most (Markov's
    inequality, and Bonferroni over the shifts). The shifted profile has to fit, too, or the habits have changed.
    """
    from scipy.stats import chi2

    if min(len(past), len(now)) < _LEAST:
        return None
    was, seen = (np.bincount(side // _HOUR % 24, minlength=24) for side in (past, now))
    profile = (was + 0.5) / (was + 0.5).sum()
    shifts = range(-11, 13)
    fits = {shift: float((seen * np.log(np.roll(profile, shift))).sum()) for shift in shifts}
    best = max((shift for shift in shifts if abs(shift) > 1), key=lambda shift: fits[shift])
    if fits[best] - fits[0] < np.log(23 / level) or fits[best] - max(fits[-1], fits[1]) < np.log(_SUMMER_TIME):
        return None
    share = seen[seen > 0] / len(now)
    perfect = float((seen[seen > 0] * np.log(share)).sum())
    misfit, unmoved = 2 * (perfect - fits[best]), 2 * (perfect - fits[0])
    # The profile of the past is itself a sample, so its own noise adds to the misfit.
    if misfit > max(chi2.ppf(0.99, 23) * (1 + len(now) / len(past)), _RATHER * unmoved) or misfit > unmoved / 2:
        return None
    direction = "later" if best > 0 else "earlier"
    words = f"another time zone? The day's busy and quiet hours came about {abs(best)} hours {direction} than before"
    return Finding("time zone", (), words, len(now), len(now))


def day_and_month(past: Times, delivered: Times, now: Times, until: int) -> Finding | None:
    """Say that day and month changed places: as they stand, events are older or younger than all that ever came.

    With day and month exchanged nearly all of them are as old as usual. Arguments as of `another_clock`.
    """
    if min(len(past), len(now)) < _LEAST // 5:
        return None
    age = delivered - past
    low, high = np.quantile(age, (0.005, 0.995))
    slack = max(_SLACK, (high - low) / 2)
    usual = (until - now >= low - slack) & (until - now <= high + slack)
    back = until - _exchanged(now)
    mended = (back >= low - slack) & (back <= high + slack)
    if (~usual).mean() < _OUT or (usual | mended).mean() < _IN or (~usual).sum() < ROWS:
        return None
    words = "day and month changed places? As they stand, events are older or younger than any that ever came"
    return Finding("day and month", (), words, int((~usual).sum()), len(now))


def _exchanged(times: Times) -> Times:
    """The same times with day and month exchanged, where the day can be a month."""
    days = times.astype("datetime64[us]").astype("datetime64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    day, month = (days - months).astype(np.int64), (months - years).astype(np.int64)  # both from 0
    other = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    exchanged = other.astype("datetime64[us]").astype(np.int64) + times % _DAY
    return np.where(day < 12, exchanged, times)  # noqa: PLR2004 - months of a year


def placeholder_times(past: Times, now: Times, level: float) -> Finding | None:
    """Say that a date stands for no date (1970-01-01 and its like), where it hardly ever did."""
    rows, others = (int(np.isin(side // _DAY * _DAY, _NO_DATES).sum()) for side in (now, past))
    if rows < max(ROWS, _LEAST_SHARE * len(now)) or not len(past) or others > _LEAST_SHARE * len(past):
        return None
    if by_chance(rows, len(now), others, len(past)) > level:
        return None
    words = "events on 1900-01-01, 1970-01-01 or 9999-12-31, as a date for no date is"
    return Finding("placeholder", (), words, rows, len(now))
