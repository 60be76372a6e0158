"""Columns that changed places: each of them looks as another one did, and no longer as itself.

One column that has come to resemble another is drift; that several fill each other's places is not.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.pairs import category_labels, coded, numbers
from tasks.core.sentinel.finding import LEAST, Finding, apart, noise

if TYPE_CHECKING:
    import pandas as pd

_MOVED = 0.3  # a column is no longer itself when its distributions differ by this much
_SAME = 0.2  # and is another one when they differ by less, so that a drift may happen in the same window
SWAP_TESTS = 1


def swapped_columns(
    reference: "pd.DataFrame", current: "pd.DataFrame", names: Sequence[str], is_number: bool, level: float
) -> tuple[Finding, ...]:
    """The cycles of columns that hold each other's values; `level` is the rate of each column's own test.

    Of the columns that moved, each is assigned to what it resembles most, all at once (Kuhn, The Hungarian method for
    the assignment problem, 1955). Columns that are alike can't be told apart, and are never called swapped.
    """
    from scipy.optimize import linear_sum_assignment

    read, far = (_numbers, apart) if is_number else (category_labels, _apart_labels)
    was, now = ({name: read(side[name]) for name in names if name in side} for side in (reference, current))
    places = [name for name in names if min(len(was.get(name, ())), len(now.get(name, ()))) >= LEAST]
    own = {name: far(was[name], now[name]) for name in places}
    moved = [name for name in places if own[name] >= max(_MOVED, noise(len(was[name]), len(now[name]), level))]
    if len(moved) < 2:  # noqa: PLR2004 - a swap takes two
        return ()
    distances = np.array([[far(was[there], now[here]) for there in moved] for here in moved])
    _, chosen = linear_sum_assignment(distances)
    like = {moved[here]: moved[there] for here, there in enumerate(chosen)
            if here != there and distances[here, there] <= min(_same(was[moved[there]], now[moved[here]]),
                                                               own[moved[here]] / 2)}  # fmt: skip
    return tuple(_told(cycle, len(current)) for cycle in _cycles(like))


def _numbers(column: "pd.Series[Any]") -> Any:
    values = numbers(column)
    return values[np.isfinite(values)]


def _apart_labels(left: Any, right: Any) -> float:
    """The total variation distance of two columns of categories, 0..1."""
    names, *sides = coded(left, right)
    shares = [np.bincount(codes, minlength=len(names)) / len(codes) for codes in sides]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _same(left: Any, right: Any) -> float:
    return max(_SAME, noise(len(left), len(right), 0.01))


def _cycles(like: dict[str, str]) -> list[tuple[str, ...]]:
    """The closed rounds of columns; a column at which a round does not close has merely moved."""
    found: list[tuple[str, ...]] = []
    for name in like:
        around = [name]
        while (following := like.get(around[-1])) is not None and following not in around:
            around.append(following)
        if following == name and not any(name in cycle for cycle in found):
            found.append(tuple(around))
    return found


def _told(cycle: tuple[str, ...], rows: int) -> Finding:
    pairs = ", ".join(f"{here} looks like {there}" for here, there in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    return Finding("swapped", cycle, f"columns changed places: {pairs}", rows, rows)
