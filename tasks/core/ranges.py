"""What a version has seen of each feature, and which features of a row lie outside of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.core.features import MISSING, Features

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Ranges:
    """Least and largest number, and the categories, of the rows that a version was trained on."""

    numerical: Mapping[str, tuple[float, float]]
    categorical: Mapping[str, frozenset[str]]

    def outside(self, matrix: "pd.DataFrame") -> list[list[str]]:
        """For each row of a design matrix the features whose value the training never saw; missing is not outside."""
        found: list[list[str]] = [[] for _ in range(len(matrix))]
        for name, (low, high) in self.numerical.items():
            values = matrix[name].to_numpy()
            for at in ((values < low) | (values > high)).nonzero()[0].tolist():
                found[at].append(name)
        for name, known in self.categorical.items():
            for at, value in enumerate(matrix[name].to_numpy()):
                if value not in known:
                    found[at].append(name)
        return found


def ranges_of(matrix: "pd.DataFrame", features: Features) -> Ranges:
    """The ranges of a training matrix (rows x features.names); a number that was never there has none."""
    numbers = {name: matrix[name].dropna() for name in features.numerical}
    return Ranges(
        {name: (float(seen.min()), float(seen.max())) for name, seen in numbers.items() if len(seen)},
        {name: frozenset(map(str, matrix[name].unique())) | {MISSING} for name in features.categorical},
    )
