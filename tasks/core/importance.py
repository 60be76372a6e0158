"""What a champion's columns are worth to it, and what each of them then counts in the share of drifted columns.

Belongs here: permutation importance and the weights made of it. Verdicts: drift; kept by: fits, versions.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.features import design_matrix
from tasks.core.fitting import LABEL, Recipe

if TYPE_CHECKING:
    import pandas as pd

_ROWS, _REPEATS, _DIGITS = 1_500, 3, 3


def importances(model: Any, rows: "pd.DataFrame", recipe: Recipe) -> dict[str, float]:
    """Each feature's share of what the score loses when a column is shuffled (Breiman, Random forests, 2001).

    On at most 1 500 of the labelled rows; three digits, none below 0; empty where nothing is known to matter.
    """
    from sklearn.inspection import permutation_importance

    part = rows.iloc[np.random.default_rng(recipe.seed).permutation(len(rows))[:_ROWS]]
    matrix, actual = design_matrix(part, recipe.features), part[LABEL].to_numpy("float64")
    if recipe.problem == "binary" and len(np.unique(actual)) < 2:  # noqa: PLR2004 - the loss needs both classes
        return {}
    scoring = "neg_log_loss" if recipe.problem == "binary" else "neg_mean_absolute_error"
    found = permutation_importance(model, matrix, actual, scoring=scoring, n_repeats=_REPEATS, random_state=recipe.seed)
    worth = np.maximum(found.importances_mean, 0.0)
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
