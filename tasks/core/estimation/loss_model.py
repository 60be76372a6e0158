"""Direct loss estimation (DLE): a model of the champion's loss on each row, learnt where the labels are known.

After NannyML's "how it works: DLE"; the interval is ours.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.errors import DataRejected
from tasks.core.estimation.rows import Rows, draw, places_by_block, worth
from tasks.core.estimators import HistGradientBoosting
from tasks.core.features import Features
from tasks.core.metrics import MetricName

if TYPE_CHECKING:
    import pandas as pd

_MODELS = 20
_PARAMETERS = {"learning_rate": 0.1, "max_leaf_nodes": 15, "min_samples_leaf": 20, "l2_regularization": 0.1}
_PREDICTION = "_prediction"


def by_loss(
    metric: MetricName, reference: Rows, window: Rows, features: Features, *, tail: float, seed: int
) -> tuple[float, float, float]:
    """The mean of the losses that models expect on the window's rows, with a prediction interval.

    Bagging (Breiman 1996) over days: the estimate is the mean of the models; how far they differ on the window, and how
    far the days that a model had not seen lay from it, make the interval. What no row showed, no model knows.
    """
    from scipy.special import stdtrit

    losses = losses_of(metric, np.asarray(reference.actual, dtype=float), reference.predicted)
    parts, rng = places_by_block(reference.blocks), np.random.default_rng(seed)
    means, errors = np.zeros(_MODELS), []
    for number in range(_MODELS):
        seen = draw(parts, rng)
        model = fit(reference.take(seen), losses[seen], features, seed)
        means[number] = ask(model, window).mean()
        apart = losses - ask(model, reference)
        errors += [apart[part].mean() for part in parts if not np.isin(part[0], seen)]
    variance = means.var(ddof=1) + np.mean(np.square(errors)) / worth(window.blocks)
    half = -float(stdtrit(min(worth(reference.blocks), worth(window.blocks)) - 1, tail)) * float(np.sqrt(variance))
    value = float(means.mean())
    shown = np.array([value, max(value - half, 0.0), value + half])
    shown = np.sqrt(shown) if metric == "rmse" else shown
    return float(shown[0]), float(shown[1]), float(shown[2])


def losses_of(metric: MetricName, actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The loss of each row, whose mean is the metric (for rmse its square); raises DataRejected where there is none."""
    if metric == "rmse":
        return np.asarray((actual - predicted) ** 2)
    if metric == "mape" and not actual.all():
        raise DataRejected("mape is undefined where an actual value is 0; use mae")
    return np.asarray(np.abs(actual - predicted) / (np.abs(actual) if metric == "mape" else 1.0))


def fit(rows: Rows, losses: np.ndarray, features: Features, seed: int) -> Any:
    """A model of the losses (rows,) by the rows' features and predictions."""
    seen = replace(features, numerical=(*features.numerical, _PREDICTION))
    return HistGradientBoosting().build("regression", _PARAMETERS, seen, seed).fit(_matrix(rows), losses)


def ask(model: Any, rows: Rows) -> np.ndarray:
    """The loss that a model expects of each row."""
    return np.asarray(model.predict(_matrix(rows)), dtype=float).clip(min=0.0)


def _matrix(rows: Rows) -> "pd.DataFrame":
    if rows.matrix is None:
        raise DataRejected("a loss model needs the features of the rows, and they were not given")
    return rows.matrix.assign(**{_PREDICTION: rows.predicted})
