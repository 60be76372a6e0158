"""Values that stand for no value: zeros where nulls were, -999 and its like, one value for everything that is missing.

A spike of one value, and beyond chance; its value is never told, unless it is zero or a placeholder that all know.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.pairs import numbers
from tasks.core.sentinel.finding import LEAST, ROWS, Finding, Floats, apart, by_chance, noise

if TYPE_CHECKING:
    import pandas as pd

# What exports, devices and surveys write for "no value", and the ends of the usual integers.
_KNOWN = (0.0, -1.0, -9.0, 99.0, -99.0, 999.0, -999.0, 9_999.0, -9_999.0, 99_999.0, -99_999.0, 999_999.0, -999_999.0,
          -32_768.0, 32_767.0, 65_535.0, -2_147_483_648.0, 2_147_483_647.0)  # fmt: skip
_LEAST_SHARE = 0.01  # of the rows hold the placeholder beyond what did before
_LEAST_NULLS = 0.02  # of the reference are null, and in the window less than half as many
_GONE = 0.001  # chance that so many nulls fewer are none: in few rows none may be missing at all
_MOVED = 0.2  # all other values may move by this much in distribution
_TWICE = 2.0  # as many rows as any other value has: what was filled in everywhere
_SPIKE = 3.0  # times as many as either neighbour, or a gap as many times as wide as any
_CORE = (0.01, 0.99)
PLACEHOLDER_TESTS = 2 + len(_KNOWN) + 2  # zero and one other value for nulls; known ones; one beyond each end


def placeholder_findings(reference: "pd.Series[Any]", current: "pd.Series[Any]", level: float) -> tuple[Finding, ...]:
    """What stands for missing values in a column of numbers: at most one finding, what became of nulls first."""
    left, right = numbers(reference), numbers(current)
    if min(np.isfinite(left).sum(), np.isfinite(right).sum()) < LEAST:
        return ()
    found = _filled(str(current.name), left, right, level) or _spiked(
        str(current.name), left[np.isfinite(left)], right[np.isfinite(right)], level
    )
    return (found,) if found else ()


def _filled(name: str, left: Floats, right: Floats, level: float) -> Finding | None:
    """Nulls are gone, and one value has gained as many rows as they were.

    Of the rows that are null or hold the value, so many hold it as chance does not explain; together they are as many
    as before, within half and double; and all other values are where they were, so that no drift brought it there.
    """
    nulls = int(np.isnan(left).sum()), int(np.isnan(right).sum())
    lost = nulls[0] / len(left) - nulls[1] / len(right)
    if nulls[0] < _LEAST_NULLS * len(left) or 2 * lost < nulls[0] / len(left):
        return None
    if by_chance(nulls[0], len(left), nulls[1], len(right)) > _GONE:
        return None
    for value, kind, words in _fillings(left, right):
        held = int((left == value).sum()), int((right == value).sum())
        gain = held[1] / len(right) - held[0] / len(left)
        if held[1] < ROWS or not lost / 2 <= gain <= 2 * lost:
            continue
        rest = [side[np.isfinite(side) & (side != value)] for side in (left, right)]
        if not all(map(len, rest)) or apart(*rest) > max(_MOVED, noise(len(rest[0]), len(rest[1]), 0.01)):
            continue
        if by_chance(held[1], held[1] + nulls[1], held[0], held[0] + nulls[0]) <= level:
            return Finding(kind, (name,), words, held[1], len(right))  # type: ignore[arg-type]
    return None


def _fillings(left: Floats, right: Floats) -> Iterator[tuple[float, str, str]]:
    yield 0.0, "nulls became zeros", "values are no longer missing, and as many rows hold 0 instead"
    values, counts = np.unique(right[np.isfinite(right)], return_counts=True)
    before = np.unique(left[np.isfinite(left)], return_counts=True)
    usual = dict(zip(*(side.tolist() for side in before), strict=True))
    gains = [count / len(right) - usual.get(value, 0) / len(left)
             for value, count in zip(values.tolist(), counts.tolist(), strict=True)]  # fmt: skip
    best = int(np.argmax(gains))
    if len(counts) == 1 or counts[best] >= _TWICE * np.delete(counts, best).max():
        words = "values are no longer missing, and as many rows hold one and the same value instead"
        yield float(values[best]), "placeholder", words


def _spiked(name: str, left: Floats, right: Floats, level: float) -> Finding | None:
    for value in (value for value in _KNOWN if _exceeds(left, right, value, level)):
        if _stands_alone(left, right, value):
            words = f"{value:.0f} stands where it hardly ever stood, as a placeholder for no value does"
            return Finding("placeholder", (name,), words, int((right == value).sum()), len(right))
    if len(np.unique(left)) < LEAST:
        return None  # codes: a season or a month that comes lies beyond the others and stands for itself
    width = float(np.ptp(left))
    for beyond in (right[right < left.min() - width], right[right > left.max() + width]):
        if len(beyond) < ROWS or not width or 2 * len(beyond) > len(right):  # most of a column is no lack of values
            continue
        values, counts = np.unique(beyond, return_counts=True)
        value, count = float(values[counts.argmax()]), int(counts.max())
        if 2 * count > len(beyond) and _exceeds(left, right, value, level):
            words = "one and the same value, far outside of all earlier ones, as a placeholder for no value is"
            return Finding("placeholder", (name,), words, count, len(right))
    return None


def _exceeds(left: Floats, right: Floats, value: float, level: float) -> bool:
    rows, others = int((right == value).sum()), int((left == value).sum())
    large = rows >= ROWS and rows / len(right) - others / len(left) >= _LEAST_SHARE
    return large and others <= _LEAST_SHARE * len(left) and by_chance(rows, len(right), others, len(left)) <= level


def _stands_alone(left: Floats, right: Floats, value: float) -> bool:
    """No end of a distribution that moved: the value is far from all others, or a spike among its neighbours."""
    others = np.unique(np.concatenate([left[left != value], right[right != value]]))
    if not len(others):
        return False
    if value < 0 <= others[0]:
        return True  # nothing else is negative
    core = np.unique(left[(left >= np.quantile(left, _CORE[0])) & (left <= np.quantile(left, _CORE[1]))])
    gap = float(np.abs(others - value).min())
    widest = float(np.diff(core).max()) if len(core) > 1 else 0.0
    outside = not left.min() <= value <= left.max() or value < 0
    if outside and widest and gap >= max(_SPIKE * widest, 0.1 * float(np.ptp(core))):
        return True
    if value != 0:
        return False
    near = others[np.argsort(np.abs(others))[:2]]
    return bool((right == 0).sum() >= _SPIKE * max((right == one).sum() for one in near))
