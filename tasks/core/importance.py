"""What a champion's columns are worth to it, and what each of them then counts in the share of drifted columns.

Belongs here: permutation importance and the weights made of it. Verdicts: drift; where importances are kept: versions.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.core.fitting import Recipe

ROWS, _REPEATS, _DIGITS = 1_500, 3, 3


def permutation(
    model: Any, matrix: "pd.DataFrame", actual: "NDArray[np.float64]", recipe: "Recipe"
) -> "tuple[str, NDArray[np.float64], NDArray[np.float64]] | None":
    """The score's name, and by how much it falls when a column is shuffled: mean and deviation, shapes (columns,).

    On at most 1 500 rows (Breiman, Random forests, 2001). None where a score needs both classes and there is one.
    """
    from sklearn.inspection import permutation_importance

    chosen = np.random.default_rng(recipe.seed).permutation(len(matrix))[:ROWS]
    scoring = "neg_log_loss" if recipe.problem == "binary" else "neg_mean_absolute_error"
    if recipe.problem == "binary" and len(np.unique(actual[chosen])) < 2:  # noqa: PLR2004 - the loss needs both classes
        return None
    found = permutation_importance(
        model, matrix.iloc[chosen], actual[chosen], scoring=scoring, n_repeats=_REPEATS, random_state=recipe.seed
    )
    return scoring, found.importances_mean, found.importances_std


def importances(
    model: Any, matrix: "pd.DataFrame", actual: "NDArray[np.float64]", recipe: "Recipe"
) -> dict[str, float]:
    """Each feature's share of all importance, three digits, none below 0; empty where nothing is known to matter."""
    found = permutation(model, matrix, actual, recipe)
    worth = np.maximum(np.zeros(0) if found is None else found[1], 0.0)
    if not worth.sum() > 0:
        return {}
    shares = np.round(worth / worth.sum(), _DIGITS)
    return {name: float(share) for name, share in zip(recipe.features.names, shares, strict=True)}


def column_weights(names: Iterable[str], known: Mapping[str, float]) -> dict[str, float] | None:
    """What each column counts, summing to 1; None (all the same) where one is not known or none of them matters."""
    worth = {name: known.get(name, np.nan) for name in names}
    total = sum(worth.values())
    if not total > 0 or not all(0 <= value < np.inf for value in worth.values()):
        return None
    return {name: value / total for name, value in worth.items()}
