"""Another unit: the values of a column are those of the past, multiplied by a factor or on another thermometer.

Whatever makes a column eight times larger or smaller is seen by data_signals; here it gets its name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.pairs import numbers
from tasks.core.sentinel.finding import Finding, Floats, apart, noise

if TYPE_CHECKING:
    import pandas as pd

_SCALE, _DEGREES = "scale", "degrees"
# Smaller factors (miles and kilometres, pounds and kilograms) are no larger than a growth that nobody calls broken.
_FACTORS = (10, 12, 24, 60, 100, 365, 1_000, 3_600, 86_400, 1_000_000)
_FAR = {_SCALE: 0.5, _DEGREES: 0.8}  # the distribution functions differ by this much: few rows are where any were
_NEAR = 0.2  # under the map they differ by less, so that a drift may happen in the same window
_NEARER = 3.0  # and this many times less than as they stand
_WIDE = 1.35
_OUT, _IN = 0.8, 0.99  # or: so many are out of range as they stand, and so many in range on the other thermometer
_LEAST = {_SCALE: 50, _DEGREES: 150}  # fewer values do not tell one map from another, or from a shift
UNIT_TESTS = 2  # of magnitudes and of values


@dataclass(frozen=True)
class _Map:
    words: str
    forward: Callable[[Floats], Floats]
    backward: Callable[[Floats], Floats]
    spread: float | None = None  # how much wider values are on the other thermometer: a shift alone is none

    def widens(self, was: Floats, now: Floats) -> bool:
        """Whether the spread changed as the map changes it, where the map tells."""
        if self.spread is None:
            return True
        middles = [np.subtract(*np.quantile(side, (0.75, 0.25))) for side in (was, now)]
        return bool(middles[0] * self.spread / _WIDE <= middles[1] <= middles[0] * self.spread * _WIDE)


def _factor(factor: float, words: str) -> _Map:
    return _Map(words, lambda values: values * factor, lambda values: values / factor)


_SCALES = (
    *(_factor(factor, f"multiplied by about {factor:,}") for factor in _FACTORS),
    *(_factor(1 / factor, f"divided by about {factor:,}") for factor in _FACTORS),
)
_THERMOMETERS = (
    _Map("degrees Fahrenheit instead of Celsius", lambda v: v * 1.8 + 32, lambda v: (v - 32) / 1.8, 1.8),
    _Map("degrees Celsius instead of Fahrenheit", lambda v: (v - 32) / 1.8, lambda v: v * 1.8 + 32, 1 / 1.8),
    _Map("Kelvin instead of degrees Celsius", lambda v: v + 273.15, lambda v: v - 273.15, 1.0),
    _Map("degrees Celsius instead of Kelvin", lambda v: v - 273.15, lambda v: v + 273.15, 1.0),
)


def changed_unit(reference: "pd.Series[Any]", current: "pd.Series[Any]", level: float) -> Finding | None:
    """Say which unit would make the column what it was; None where none would, or where it is what it was.

    The column has to have moved far, beyond chance at `level`, and one of the maps has to bring it back. A pure growth
    needs a factor of ten to look like this. Where a short window of a long reference lies on another thermometer its
    distribution is not brought back, but its range is.
    """
    left, right = (values[np.isfinite(values)] for values in (numbers(reference), numbers(current)))
    nonzero = np.abs(left[left != 0]), np.abs(right[right != 0])  # a factor leaves zeros and signs as they are
    for kind, (was, now), maps in ((_SCALE, nonzero, _SCALES), (_DEGREES, (left, right), _THERMOMETERS)):
        if min(len(was), len(now)) < _LEAST[kind]:
            continue
        own = apart(was, now)
        if own < max(_FAR[kind], noise(len(was), len(now), level)):
            continue
        distances = [apart(one.forward(was), now) for one in maps]
        near = min(max(_NEAR, noise(len(was), len(now), 0.01)), own / _NEARER)
        best = maps[int(np.argmin(distances))] if min(distances) <= near else None
        best = best if best is not None and best.widens(was, now) else None
        best = best or (_by_range(was, now) if kind == _DEGREES else None)
        if best is not None:
            reason = f"another unit? The values look {best.words}"
            return Finding("unit", (str(current.name),), reason, len(now), len(right))
    return None


def _by_range(was: Floats, now: Floats) -> _Map | None:
    low, high = was.min(), was.max()
    if ((now < low) | (now > high)).mean() < _OUT or low == high:
        return None
    back = {one: float(((one.backward(now) >= low) & (one.backward(now) <= high)).mean()) for one in _THERMOMETERS}
    best = max(back, key=lambda one: back[one])
    return best if back[best] >= _IN else None
