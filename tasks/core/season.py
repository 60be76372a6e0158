"""The part of a reference that a window may be compared with: the same stretch of earlier weeks or of earlier years.

Selection by the wall clock, and the layout of what was selected, stretch behind stretch. How stretches scatter: blocks.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.drift import Drift
from tasks.core.features import EVENT_TIME
from tasks.core.observations import PREDICTION, PREDICTION_TIME, with_predictions

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_WHOLE = 0.9  # of a stretch lies within the reference, or it is left out: a cut one says something about its rest only
_MICROSECOND = timedelta(microseconds=1)


def in_season(reference: "pd.DataFrame", end: datetime, drift: Drift, timezone: str) -> "pd.DataFrame":
    """The reference's rows of the same stretch of earlier weeks or years as the window that ends at `end` (aware).

    The same by the clock on the wall in `timezone`, so that 9:00 stays 9:00 through a change to summer time. Their
    event times are laid out one stretch behind the other, each `drift.cycle` microseconds long, as `Pair.cycle` reads
    them. The index is new.
    """
    places, laid = _laid_out(reference[EVENT_TIME], end, drift, timezone)
    return reference.iloc[places].reset_index(drop=True).assign(**{EVENT_TIME: laid})


def predictions_in_season(
    rows: "pd.DataFrame", predicted: "pd.DataFrame", end: datetime, drift: Drift, timezone: str, seed: int
) -> "pd.DataFrame":
    """The rows with those of the predictions beside them that belong to such stretches, too, by times of their own.

    `predicted` has the columns `prediction` and `_event_time`.
    """
    places, laid = _laid_out(predicted[EVENT_TIME], end, drift, timezone)
    rows = rows.drop(columns=[PREDICTION, PREDICTION_TIME], errors="ignore")
    return with_predictions(rows, predicted["prediction"].to_numpy("float64")[places], seed, laid)


def _laid_out(
    times: "pd.Series", end: datetime, drift: Drift, timezone: str
) -> tuple["NDArray[np.int64]", "pd.Series"]:
    """Positions of the times that lie in an earlier stretch, and where each then lies (UTC, counted from 1970)."""
    import pandas as pd

    local = _wall(times, timezone)
    length = drift.window // _MICROSECOND
    starts = _starts(local, pd.Timestamp(end).tz_convert(timezone).tz_localize(None), drift)
    place = np.searchsorted(starts, local, "right") - 1
    inside = np.zeros(len(local), dtype=bool)
    inside[place >= 0] = (local[place >= 0] - starts[place[place >= 0]]) < length
    chosen = np.flatnonzero(inside)
    laid = place[chosen] * length + (local[chosen] - starts[place[chosen]])
    return chosen, pd.Series(pd.to_datetime(laid, unit="us", utc=True))


def _starts(local: "NDArray[np.int64]", end: "pd.Timestamp", drift: Drift) -> "NDArray[np.int64]":
    """Where the stretches begin that lie (nearly) whole between the first and the last of the times, ascending."""
    import pandas as pd

    if not len(local):
        return np.empty(0, np.int64)
    found: list[int] = []
    earlier = 0
    length, first, last = drift.window // _MICROSECOND, int(local.min()), int(local.max())
    while True:
        earlier += 1
        step = pd.DateOffset(weeks=earlier) if drift.season == "week" else pd.DateOffset(years=earlier)
        start = int(((end - step) - drift.window - pd.Timestamp(0)) // pd.Timedelta(_MICROSECOND))
        if start + (1 - _WHOLE) * length < first:
            return np.array(found[::-1], dtype=np.int64)
        if start + _WHOLE * length <= last:
            found.append(start)


def _wall(times: "pd.Series", timezone: str) -> "NDArray[np.int64]":
    """What the clock on the wall showed, as microseconds."""
    import pandas as pd

    local = pd.to_datetime(times, utc=True).dt.tz_convert(timezone).dt.tz_localize(None)
    return local.to_numpy("datetime64[us]").astype(np.int64)
