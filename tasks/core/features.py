"""From typed event rows to the matrix that models see: one function for training, scoring and monitoring alike.

Nothing is fitted here; whatever learns from data (imputing, encoding, scaling) lives inside the scikit-learn pipeline.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.core.columns import Column

if TYPE_CHECKING:
    import pandas as pd

CalendarPart = Literal["hour", "weekday", "month", "day_of_year"]
EVENT_TIME = "_event_time"
ROW_ID = "_row_id"
MISSING = "(missing)"


@dataclass(frozen=True)
class Features:
    """The model's inputs: `numerical` (float64), `categorical` (str), `calendar` (whole numbers of local time).

    `smallest_group`: nothing that is kept or shown of them names or counts fewer rows; 0: nothing was said.
    """

    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
    calendar: tuple[CalendarPart, ...] = ()
    timezone: str = "UTC"
    smallest_group: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """All columns of the matrix, in order."""
        return (*self.numerical, *self.categorical, *(f"calendar_{part}" for part in self.calendar))

    def record(self) -> dict[str, Any]:
        """For tags and keys; what was not said is left out, as it was before it could be said."""
        return {name: value for name, value in asdict(self).items() if name != "smallest_group" or value}


def features_of(columns: Sequence[Column], calendar: Sequence[CalendarPart], smallest_group: int = 0) -> Features:
    """Sort the feature columns by kind; only columns with the role `feature` get in."""
    chosen = [column for column in columns if column.role == "feature"]
    numerical = tuple(c.name for c in chosen if c.type in {"integer", "number", "boolean"})
    categorical = tuple(c.name for c in chosen if c.type in {"category", "string"})
    zone = next((c.timezone for c in columns if c.role == "time"), "UTC")
    return Features(numerical, categorical, tuple(calendar), zone, smallest_group)


def design_matrix(events: "pd.DataFrame", features: Features) -> "pd.DataFrame":
    """Build the matrix (rows x features.names) from event rows that hold the feature columns and `_event_time`."""
    import pandas as pd

    matrix: dict[str, Any] = {name: events[name].astype("float64").to_numpy() for name in features.numerical}
    matrix |= {name: events[name].astype(object).where(events[name].notna(), MISSING) for name in features.categorical}
    local = pd.to_datetime(events[EVENT_TIME], utc=True).dt.tz_convert(features.timezone).dt
    parts = {"hour": "hour", "weekday": "weekday", "month": "month", "day_of_year": "dayofyear"}
    matrix |= {f"calendar_{part}": getattr(local, parts[part]).to_numpy("float64") for part in features.calendar}
    return pd.DataFrame(matrix, index=events.index, columns=list(features.names))
