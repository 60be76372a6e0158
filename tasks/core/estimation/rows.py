"""The rows that an estimate learns from or speaks about, and how their blocks (days) weigh and are drawn."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rows:
    """Rows of one side: predictions and block ids (a day) of shape (rows,); the matrix only for a loss model.

    `actual` holds the labels of the reference side (the champion's evaluation rows); the window has none.
    """

    predicted: np.ndarray
    blocks: np.ndarray
    actual: np.ndarray | None = None
    matrix: "pd.DataFrame | None" = None

    def take(self, places: np.ndarray) -> "Rows":
        """The rows at these places."""
        return Rows(
            self.predicted[places], self.blocks[places], None if self.actual is None else self.actual[places],
            None if self.matrix is None else self.matrix.iloc[places].reset_index(drop=True),
        )  # fmt: skip


def worth(blocks: np.ndarray) -> float:
    """How many equally large blocks these are worth (Kish 1965: sum(n)^2 / sum(n^2))."""
    sizes = np.unique(blocks, return_counts=True)[1].astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def places_by_block(blocks: np.ndarray) -> list[np.ndarray]:
    """The places of each block's rows."""
    codes = np.unique(blocks, return_inverse=True)[1]
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])


def draw(parts: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Places of the rows of as many whole blocks as there are, drawn with replacement."""
    return np.concatenate([parts[one] for one in rng.integers(0, len(parts), len(parts))])
