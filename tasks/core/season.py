"""The part of the reference that a window may be compared with: rows of the same weekdays, or of the same months.

Pure selection by event time; that too few rows are left is said by the verdicts (drift, multivariate).
"""

from typing import TYPE_CHECKING

import numpy as np

from tasks.core.drift import Season
from tasks.core.features import EVENT_TIME
from tasks.core.observations import PREDICTION, PREDICTION_TIME, with_predictions

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def same_season(
    reference: "pd.DataFrame", current: "pd.DataFrame", season: Season, timezone: str, seed: int
) -> "pd.DataFrame":
    """The reference's rows whose weekday or month, in the pipeline's time zone, occurs in the window; "none": all.

    Predictions stand beside rows that they do not belong to, with times of their own, and are chosen by those.
    """
    if season == "none" or EVENT_TIME not in reference or EVENT_TIME not in current:
        return reference
    wanted = np.unique(_places(current[EVENT_TIME], season, timezone))

    def alike(times: "pd.Series") -> "NDArray[np.bool_]":
        return np.isin(_places(times, season, timezone), wanted)

    rows = reference[alike(reference[EVENT_TIME])].reset_index(drop=True)
    if PREDICTION not in reference or PREDICTION_TIME not in reference:
        return rows
    known = reference[reference[PREDICTION].notna()]
    chosen = known[alike(known[PREDICTION_TIME])]
    rows = rows.drop(columns=[PREDICTION, PREDICTION_TIME])
    return with_predictions(rows, chosen[PREDICTION].to_numpy("float64"), seed, chosen[PREDICTION_TIME])


def _places(times: "pd.Series", season: Season, timezone: str) -> "NDArray[np.int64]":
    import pandas as pd

    local = pd.to_datetime(times, utc=True).dt.tz_convert(timezone).dt
    return np.asarray(local.weekday if season == "weekday" else local.month, dtype=np.int64)
