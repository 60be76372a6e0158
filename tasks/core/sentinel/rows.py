"""Rows that are not what a delivery should hold: sent before, under ids of other rows, or sorted by their label.

Contents are compared as hashes, so that whole deliveries are held against whole deliveries; nothing is read here.
"""

import re
from collections.abc import Sequence
from math import lgamma, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.pairs import microseconds, numbers
from tasks.core.sampling import mixed
from tasks.core.sentinel.finding import LEAST, ROWS, Finding, Floats, by_chance

if TYPE_CHECKING:
    import pandas as pd

Hashes = NDArray[np.uint64]
_REPEATED = 0.2  # of the rows were there before, beyond what history repeats by itself
_REUSED = 0.2  # of the rows bear ids of earlier ones
_ALIKE = 0.15  # two rows of one id agree in so many more of their cells than any two rows do: a correction
_ASCENDING = 0.8  # rank correlation of ids and deliveries from which on ids are said to count up
_SECOND = 5  # rows that are not of the commonest label
_DIGITS = re.compile(r"^(\D*)(\d{1,18})$")


def content(frame: "pd.DataFrame", columns: Sequence[str]) -> Hashes:
    """A 64-bit hash of each row's values, the same for fresh rows and for rows that were stored and read again."""
    found = np.zeros(len(frame), np.uint64)
    for name in columns:  # of a large delivery one column at a time
        found = mixed(found, 0) ^ _hashes(frame[name])
    return found


def _hashes(column: "pd.Series[Any]") -> Hashes:
    import pandas as pd

    if not isinstance(column.dtype, pd.CategoricalDtype):
        return pd.util.hash_array(_plain(column))
    once = _plain(pd.Series([*column.cat.categories, None], dtype=object))
    return pd.util.hash_array(once)[column.cat.codes.to_numpy()]  # what is none has the code -1: the last one


def _plain(column: "pd.Series[Any]") -> NDArray[Any]:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return microseconds(column)
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return numbers(column)
    values = column if column.dtype == object else column.astype(object).where(column.notna(), None)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "boolean":  # with missing values, as tables give them back
        return numbers(values.map({True: 1.0, False: 0.0}))
    return values.to_numpy(object)


def repeated_rows(current: Hashes, history: Hashes, level: float, held: float = 1.0) -> Finding | None:
    """Say that rows of a delivery were delivered before, or stand in it twice.

    Rows of few values are alike by themselves: how many of history's rows have a twin in it is what is usual, and as
    many times more in a larger delivery as it is larger.

    Args:
        current: the contents of a whole delivery.
        history: the contents of earlier rows.
        level: the false-alarm rate of each of the two tests.
        held: the share of its deliveries' rows that `history` holds, drawn at random: so many twins are seen at most.
    """
    n, m = len(current), len(history)
    if n < LEAST or m < LEAST:
        return None
    twins = with_a_twin(history)
    larger = min(m, round(twins * max(1.0, n / m)))
    ordered, known = np.sort(current), np.unique(history)  # of a large delivery sorting is the quickest look
    again = int((np.searchsorted(ordered, known, "right") - np.searchsorted(ordered, known, "left")).sum())
    for rows, usual, least, words in (
        (again, twins, held, "the same rows as in an earlier delivery, under new ids"),
        (int((ordered[1:] == ordered[:-1]).sum()), larger, 1.0, "the same rows more than once, under other ids"),
    ):
        many = rows >= ROWS and rows / n - usual / m >= _REPEATED * least
        if many and by_chance(rows, n, usual, m) <= level:
            return Finding("repeated rows", (), words, rows, n)
    return None


def with_a_twin(hashes: Hashes) -> int:
    """How many rows are not alone with their content."""
    counts = np.unique(hashes, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def reused_ids(stored: "pd.DataFrame", current: "pd.DataFrame", columns: Sequence[str], of: int) -> Finding | None:
    """Say that ids began anew: rows whose id is known (both frames in the order of these ids) are other rows.

    A correction changes some cells of a row; two rows that have nothing in common agree as often as any two rows do.
    """
    rows = len(stored)
    if rows < max(LEAST, _REUSED * of):
        return None
    left, right = ([_plain(side[name]) for name in columns] for side in (stored, current))
    same = float(np.mean([_equal(was, now) for was, now in zip(left, right, strict=True)]))
    by_itself = float(np.mean([_equal(was, np.roll(now, 1)) for was, now in zip(left, right, strict=True)]))
    if same > by_itself + _ALIKE * (1 - by_itself):
        return None
    return Finding("ids reset", (), "ids of earlier rows stand on other rows, as if they were counted anew", rows, of)


def _equal(was: NDArray[Any], now: NDArray[Any]) -> float:
    import pandas as pd

    missing = pd.isna(was) & pd.isna(now)
    return float(np.mean((was == now) | missing))


def fewer_ids(past: "pd.Series[Any]", batch: NDArray[Any], current: "pd.Series[Any]") -> Finding | None:
    """Say that ids that count up from delivery to delivery have begun anew, below all that were seen.

    `past` are earlier ids and `batch` the number of the delivery of each, in order of time.
    """
    from scipy.stats import spearmanr

    was, now = _counted(past), _counted(current)
    if was is None or now is None or min(len(was), len(now)) < LEAST or len(np.unique(batch)) <= ROWS:
        return None
    if np.ptp(was) == 0 or spearmanr(was, batch).statistic < _ASCENDING or now.max() >= was.min():
        return None
    words = "ids counted up from delivery to delivery, and now begin below all earlier ones"
    return Finding("ids reset", (str(current.name or "id"),), words, len(now), len(now))


def _counted(ids: "pd.Series[Any]") -> Floats | None:
    """The numbers at the end of ids that all have one beginning; None where they have not."""
    found = [_DIGITS.match(str(one)) for one in ids]
    if not found or any(one is None for one in found) or len({one[1] for one in found if one}) != 1:
        return None
    return np.array([float(one[2]) for one in found if one])


def sorted_by_label(labels: Floats, times: NDArray[np.int64], level: float) -> Finding | None:
    """Say that rows come in the order of their label, and that time does not explain it.

    Both directions of one order have the chance 2 * (c1! c2! ...) / n! where c are the rows of each label (multinomial
    coefficient). A target that grows with time is in order after sorting by time, too.
    """
    known = ~np.isnan(labels)
    labels, times = labels[known], times[known]
    n = len(labels)
    if n < LEAST:
        return None
    counts = np.unique(labels, return_counts=True)[1]
    chance = log(2) - lgamma(n + 1) + sum(lgamma(count + 1) for count in counts)
    if n - counts.max() < _SECOND or chance > log(level) or not in_order(labels):
        return None
    if len(np.unique(times)) > 1 and in_order(labels[np.argsort(times, kind="stable")]):
        return None
    return Finding("sorted by the label", (), "rows come in the order of their label, as no event does", n, n)


def in_order(values: Floats) -> bool:
    """Whether values only rise, or only fall, or stay."""
    steps = np.diff(values)
    return not (bool((steps > 0).any()) and bool((steps < 0).any()))
