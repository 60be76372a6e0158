"""One thing that broke, and the two tests by which all of them are told from chance. No judgement of a kind here."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.small_groups import rows_told

Kind = Literal[
    "unit", "nulls became zeros", "placeholder", "spelling", "recoded", "swapped", "repeated rows", "ids reset",
    "sorted by the label", "volume", "missing values", "other categories", "sources missing",
    "time zone", "day and month",
]  # fmt: skip
Floats = NDArray[np.float64]
LEAST = 20  # with fewer values on a side nothing is called broken
ROWS = 3  # fewer rows than this make no pattern


@dataclass(frozen=True)
class Finding:
    """What broke: its kind, the columns, a reason for people without any cell value, and in how many rows."""

    kind: Kind
    columns: tuple[str, ...]
    reason: str
    rows: int
    of: int

    def __str__(self) -> str:
        return self.told()

    def told(self, least: int = 0) -> str:
        """The finding with its rows; fewer than `least` are not counted."""
        return f"{self.kind}: {self.reason} ({rows_told(self.rows, self.of, least)})"


def by_chance(rows: int, of: int, other_rows: int, other_of: int) -> float:
    """Fisher's exact test, one-sided: the chance of `rows` or more of `of`, were both sides one (Fisher, 1935)."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(rows - 1, of + other_of, rows + other_rows, of)) if rows else 1.0


def apart(left: Floats, right: Floats) -> float:
    """The greatest difference of the two distribution functions, 0..1 (Smirnov, 1939)."""
    left, right = np.sort(left), np.sort(right)
    every = np.concatenate([left, right])
    return float(np.abs(np.searchsorted(left, every, "right") / len(left)
                        - np.searchsorted(right, every, "right") / len(right)).max())  # fmt: skip


def noise(rows: int, others: int, level: float) -> float:
    """What `apart` stays below but for `level` of cases, were both sides one.

    Source: Wei and Dudley, Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities, 2012: 2 exp(-2 z^2) up to a factor that
    is 1 from 458 rows on and 1.36 (e / 2) at any number; the larger one is used.
    """
    return float(np.sqrt(np.log(np.e / level) / 2 * (rows + others) / (rows * others)))
