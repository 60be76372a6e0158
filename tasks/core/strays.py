"""What whole rows show at a first look: times far from all others, rows that repeat others, the key of a labels file.

What single columns give away is `tasks.core.suspicions`'; what becomes of such rows in a delivery is decided there.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import pandas as pd

from tasks.core.column_types import guess_type
from tasks.core.errors import ConfigInvalid, DataRejected

_TAIL = 0.005  # of the rows on each side may lie anywhere
_APART = 0.5  # of the rows need a time of their own before a repeated row is no row of its own
_MATCHED = 0.5  # of the labels have to find their event
_DUE = 0.95  # of the labels are known by then


@dataclass(frozen=True)
class Span:
    """The first and the last time (UTC) that belong together, and how many rows lie before and after."""

    start: pd.Timestamp
    end: pd.Timestamp
    before: int
    after: int


@dataclass(frozen=True)
class LabelKeys:
    """How a labels file belongs to its events: the columns of both that hold the id, and when a label became known."""

    event_id: str
    id: str
    label: str
    known_at: str | None


def sound_span(times: pd.Series) -> Span | None:
    """The span of the bulk of times, stretched by its own length; what lies beyond is a stray (2008 in a file of 2023).

    At most _TAIL of the rows on a side can be strays. None where there is no time.
    """
    known = times.dropna()
    if known.empty:
        return None
    low, high = known.quantile(_TAIL), known.quantile(1 - _TAIL)
    room = high - low
    inside = known[(known >= low - room) & (known <= high + room)]
    return Span(inside.min(), inside.max(), int((known < low - room).sum()), int((known > high + room).sum()))


def tells_rows_apart(times: pd.Series | None, has_id: bool) -> bool:
    """Whether a row that repeats another to the letter is that row again: it has an id, or a time as good as one."""
    if has_id:
        return True
    return times is not None and times.nunique() > _APART * len(times)


def label_keys(events: pd.DataFrame, labels: pd.DataFrame, target: str) -> LabelKeys:
    """Find the columns by which labels belong to events (frames of texts): an id, and the time when they became known.

    Raises:
        ConfigInvalid: no column `target`.
        DataRejected: no column of the labels holds ids of the events.
    """
    if target not in labels.columns:
        raise ConfigInvalid(
            f"The labels have no column {target!r}; --target names one of {', '.join(map(str, labels))}."
        )
    found = []
    for theirs in (name for name in labels if name != target and labels[name].is_unique):
        shares = {mine: float(labels[theirs].isin(events[mine]).mean()) for mine in events.columns}
        found += [(share, mine, theirs) for mine, share in shares.items() if share >= _MATCHED]
    if not found:
        raise DataRejected(
            "No column of the labels holds a different id in every row that the events hold as well. "
            "Labels in a file of their own belong to their events by such an id; have it delivered with both."
        )
    # Of equally good ones the pair that is called alike.
    _, mine, theirs = max(found, key=lambda one: (one[0], one[1] == one[2]))
    dated = [name for name in labels if name not in {target, theirs} and guess_type(labels[name]).type == "datetime"]
    return LabelKeys(str(mine), str(theirs), target, str(dated[0]) if dated else None)


def due_after(events: pd.Series, known: pd.Series) -> timedelta:
    """After how many whole days nearly all labels are known, from the times (UTC) of events and of their labels."""
    waits = (known - events).dropna().dt.total_seconds() / 86400
    return timedelta(days=max(0, ceil(waits.quantile(_DUE)))) if len(waits) else timedelta(0)
