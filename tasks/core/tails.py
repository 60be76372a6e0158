"""What lies beyond the data: the tail of a distribution extrapolated from its largest values.

Belongs here: extreme value estimates, which noise thresholds of heavy-tailed columns rest on. No distances.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHARE, _LEAST = 0.02, 20  # the largest values that are taken for the tail
_HEAVIEST = 0.9  # from 1 on there would be no mean


@dataclass(frozen=True)
class Tail:
    """Beyond `start`, which a share `share` of values exceeds, excesses are generalised Pareto (index, scale)."""

    start: float
    share: float
    index: float
    scale: float

    def exceeded_by(self, share: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """The value that so small a share (at most `share`, above 0) of all values exceeds."""
        ratio = self.share / np.asarray(share)
        grown = np.log(ratio) if abs(self.index) < 1e-6 else (ratio**self.index - 1) / self.index  # noqa: PLR2004
        return np.asarray(self.start + self.scale * grown)


def upper_tail(values: NDArray[np.float64]) -> Tail | None:
    """Fit the upper tail of values, shape (n,); None where there are too few, or ties leave no tail.

    The moment estimator (Dekkers, Einmahl and de Haan, A moment estimator for the index of an extreme-value
    distribution, 1989) on distances from the median.
    """
    ordered = np.sort(values - np.median(values))
    count = max(_LEAST, int(_SHARE * len(ordered)))
    if len(ordered) < 4 * count or ordered[-count - 1] <= 0:
        return None
    start = float(ordered[-count - 1])
    logs = np.log(ordered[-count:] / start)
    first, second = float(logs.mean()), float((logs**2).mean())
    if second - first**2 <= 0:
        return None
    light = 1 - 0.5 / (1 - first**2 / second)
    scale = start * first * (1 - min(light, 0.0))
    return Tail(start + float(np.median(values)), count / len(ordered), min(first + light, _HEAVIEST), scale)
