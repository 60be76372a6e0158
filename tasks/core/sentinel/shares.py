"""Shares that are as they never were: of missing values, and of categories. From accepted deliveries; only ever told.

What broke by a known cause (zeros for nulls, another spelling, sources missing) is named elsewhere.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.pairs import coded_labels
from tasks.core.sentinel.arrivals import is_extreme
from tasks.core.sentinel.finding import LEAST, Finding, Floats

if TYPE_CHECKING:
    import pandas as pd

_MORE = 0.2  # of the rows lack a value that never lacked it
_OTHERWISE = 0.4  # of the rows are in other categories than ever before
_MOST = 50  # a column of more categories is compared by nothing here


def unusual_shares(
    history: "pd.DataFrame", current: "pd.DataFrame", numerical: Sequence[str], categorical: Sequence[str],
    level: float, named: Collection[str],
) -> Iterator[Finding]:  # fmt: skip
    """Columns with more missing values, or other categories, than any of the earlier deliveries (`_batch_id`) had.

    Both beyond their ups and downs, at `level` each; columns that are `named` are explained already.
    """
    groups = [rows for _, rows in history.groupby("_batch_id") if len(rows) >= LEAST]
    for name in (name for name in (*numerical, *categorical) if name not in named and name in history):
        past = np.array([rows[name].isna().mean() for rows in groups], "float64")
        now = float(current[name].isna().mean())
        if _beyond(now, past, _MORE, level):
            words = f"{now:.0%} of the values are missing, and never more than {past.max():.0%} were"
            yield Finding("missing values", (name,), words, int(current[name].isna().sum()), len(current))
        elif name in categorical:
            yield from _otherwise(name, groups, current, level)


def _otherwise(name: str, groups: "Sequence[pd.DataFrame]", current: "pd.DataFrame", level: float) -> Iterator[Finding]:
    """By the total variation distance of each delivery to all others before it."""
    counts = [_counts(rows, name) for rows in [*groups, current]]
    names = sorted({label for one in counts for label in one})
    table = np.array([[one.get(label, 0) for label in names] for one in counts], "float64")
    if len(names) > _MOST or len(groups) == 0 or not table.sum(axis=1).all():
        return
    before = table[:-1]
    past = np.array([_apart(row, before.sum(axis=0) - row) for row in before]) if len(before) > 1 else np.array([])
    now = _apart(table[-1], before.sum(axis=0))
    if _beyond(now, past, _OTHERWISE, level):
        words = f"{now:.0%} of the rows are in other categories than usual, and never more than {past.max():.0%} were"
        yield Finding("other categories", (name,), words, round(now * len(current)), len(current))


def _counts(rows: "pd.DataFrame", name: str) -> dict[str, int]:
    labels, codes = coded_labels(rows[name])
    counts: dict[str, int] = {}
    for label, rows_of_it in zip(labels, np.bincount(codes, minlength=len(labels)).tolist(), strict=True):
        counts[label] = counts.get(label, 0) + rows_of_it  # 1 and "1" are one category
    return counts


def _apart(one: Floats, other: Floats) -> float:
    return float(np.abs(one / one.sum() - other / other.sum()).sum() / 2)


def _beyond(now: float, past: Floats, margin: float, level: float) -> bool:
    """More by a margin than ever, and beyond the ups and downs: shares have one spread as arcs (Anscombe)."""
    if not len(past) or now < past.max() + margin:
        return False
    return is_extreme(float(np.arcsin(np.sqrt(now))), np.arcsin(np.sqrt(past)), 0.0, level)
