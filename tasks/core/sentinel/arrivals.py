"""What did not arrive: fewer rows than ever, rows older than ever, sources without a row. From accepted deliveries.

Rows that did arrive may be sound: what follows from a finding is decided elsewhere.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.pairs import category_labels
from tasks.core.sentinel.finding import Finding, Floats

if TYPE_CHECKING:
    import pandas as pd

_BATCHES = 5  # earlier deliveries that tell what is usual
_FEWER = 0.8  # of the fewest rows that ever came
_OLDER = 2.0  # times the oldest that ever came
_FLOOR = 0.05  # the least deviation of a logarithm that is believed
_MISSING = 0.25  # of history's rows came from sources of which there is no row now
_GROUP = 20  # rows of a delivery that tell which sources it holds
_SHARE = 0.02  # rarer categories are no sources
_MOST = 50  # a column of more categories names no sources
_DELIVERIES = 3  # earlier deliveries that tell which sources there are


def fewer_rows(delivered: int, past: Floats, level: float) -> Finding | None:
    """Say that a delivery is much smaller than all earlier ones, beyond their ups and downs."""
    if not is_extreme(-np.log(max(delivered, 1)), -np.log(np.maximum(past, 1)), -np.log(_FEWER), level):
        return None
    words = f"{delivered} rows came, and never fewer than {int(past.min())} in {len(past)} earlier deliveries"
    return Finding("volume", (), words, delivered, delivered)


def late_rows(age: float, past: Floats, level: float) -> Finding | None:
    """Say that the newest event of a delivery is older (in seconds) than it ever was, beyond the ups and downs."""
    if not is_extreme(np.log(max(age, 1)), np.log(np.maximum(past, 1)), np.log(_OLDER), level):
        return None
    words = f"its newest event is {age / 3600:.0f} hours old, and was never older than {past.max() / 3600:.0f} hours"
    return Finding("volume", (), words, 0, 0)


def is_extreme(value: float, past: Floats, margin: float, level: float) -> bool:
    """Beyond all of the past by a margin, and beyond the prediction interval of one more value of a normal sample.

    Source: Student's prediction interval (Hahn and Meeker, Statistical Intervals, 1991, 4.6).
    """
    from scipy.stats import t

    if len(past) < _BATCHES or value < past.max() + margin:
        return False
    spread = max(float(past.std(ddof=1)), _FLOOR) * np.sqrt(1 + 1 / len(past))
    return bool(t.sf((value - past.mean()) / spread, len(past) - 1) <= level)


def missing_sources(
    history: "pd.DataFrame", current: "pd.DataFrame", columns: Sequence[str], past: Floats, level: float
) -> Finding | None:
    """Say that categories that every earlier delivery held are all missing, and the delivery is smaller for it.

    `history` has a `_batch_id`; `past` are the rows of earlier deliveries. A category is missing beyond chance when
    (1 - share) ** rows is at most `level`. Of several columns the one that misses most is named.
    """
    found: list[tuple[float, Finding]] = []
    if len(past) < _DELIVERIES or not 0 < len(current) < np.median(past):
        return None
    for name in columns:
        gone, of, share = _gone(history, current, name, level)
        if share >= _MISSING and len(current) <= (1 - share / 2) * float(np.median(past)):
            words = f"{gone} of {of} categories that every earlier delivery held have no row, and fewer rows came"
            found.append((share, Finding("sources missing", (name,), words, len(current), int(np.median(past)))))
    return max(found, key=lambda one: one[0])[1] if found else None


def _gone(history: "pd.DataFrame", current: "pd.DataFrame", name: str, level: float) -> tuple[int, int, float]:
    """How many of the column's sources are missing, how many there are, and the share of rows that they sent."""
    rows = history[history[name].notna()]
    labels, now = category_labels(rows[name]), set(category_labels(current[name].drop_duplicates()))
    names, counts = np.unique(labels.astype(str), return_counts=True)
    if not len(names) or len(names) > _MOST:
        return 0, 0, 0.0
    shares = dict(zip(names.tolist(), (counts / len(labels)).tolist(), strict=True))
    batches = rows.assign(_label=labels).groupby("_batch_id")["_label"]
    held = [set(labels) for _, labels in batches if len(labels) >= _GROUP]
    sources = [one for one in names.tolist() if shares[one] >= _SHARE and held and all(one in group for group in held)]
    gone = [one for one in sources if one not in now and (1 - shares[one]) ** len(current) <= level]
    return len(gone), len(sources), sum(shares[one] for one in gone)
