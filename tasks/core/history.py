"""What was known when: event rows and their labels with the moment at which each became known, cut at a moment.

Whoever decides in a simulation gets a `Past` and nothing else, so that it cannot see a row or a label too early.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.fitting import LABEL
from tasks.core.results import Window

if TYPE_CHECKING:
    import pandas as pd

KNOWN_AT = "known_at"


@dataclass(frozen=True)
class Past:
    """The rows that had happened before `as_of` and the labels that were known by then; holds nothing later."""

    as_of: datetime
    events: "pd.DataFrame"
    labels: "pd.DataFrame"

    def rows(self, window: Window) -> "pd.DataFrame":
        """The event rows of a window, in time order, with `label` (NaN where it is not known yet)."""
        begin, end = self.events[EVENT_TIME].searchsorted([window.start, window.end], side="left")
        inside = self.events.iloc[begin:end]
        return inside.assign(**{LABEL: inside[ROW_ID].map(self._newest_labels).astype("float64")})

    def labelled(self, window: Window) -> "pd.DataFrame":
        """The rows of a window whose label is known."""
        rows = self.rows(window)
        return rows[rows[LABEL].notna()]

    def newest_labelled(self) -> datetime | None:
        """The event time of the newest row with a known label; None when there is none."""
        known = self.events[EVENT_TIME][self.events[ROW_ID].isin(self._newest_labels.index)]
        return None if known.empty else known.iloc[-1].to_pydatetime()

    def labelled_after(self, after: datetime) -> int:
        """How many rows later than `after` have a known label."""
        begin = self.events[EVENT_TIME].searchsorted(after, side="right")
        return int(self.events[ROW_ID].iloc[begin:].isin(self._newest_labels.index).sum())

    @cached_property
    def _newest_labels(self) -> "pd.Series":
        newest = self.labels.drop_duplicates(ROW_ID, keep="last").set_index(ROW_ID)[LABEL]
        return newest[newest.notna()]


@dataclass(frozen=True)
class History:
    """All accepted rows by (`_event_time`, `_row_id`), and all labels (`_row_id, label, known_at`) by `known_at`."""

    events: "pd.DataFrame"
    labels: "pd.DataFrame"

    @classmethod
    def of(cls, events: "pd.DataFrame", labels: "pd.DataFrame") -> "History":
        """Put rows and labels of any order into order; of a row that stands twice the later one counts."""
        rows = events.drop_duplicates(ROW_ID, keep="last").sort_values([EVENT_TIME, ROW_ID], ignore_index=True)
        kept = labels[[ROW_ID, LABEL, KNOWN_AT]].sort_values([KNOWN_AT, ROW_ID], kind="stable", ignore_index=True)
        return cls(rows, kept)

    def at(self, as_of: datetime) -> Past:
        """What was known at a moment: events before it, labels known by it."""
        happened = self.events[EVENT_TIME].searchsorted(as_of, side="left")
        known = self.labels[KNOWN_AT].searchsorted(as_of, side="right")
        return Past(as_of, self.events.iloc[:happened], self.labels.iloc[:known])

    def until(self, as_of: datetime) -> "History":
        """What there was of it at a moment: for who looks back from there."""
        past = self.at(as_of)
        return History(past.events, past.labels)

    def outcome(self, window: Window) -> "pd.DataFrame":
        """The labelled rows of a window with the labels that they got in the end: for the report, never to decide."""
        return Past(window.end, self.events, self.labels).labelled(window)
