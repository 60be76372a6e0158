"""The metrics: their names, directions and formulas, also under block weights (what the bootstrap needs).

Binary: `predicted` is the probability of the positive class, `actual` is 0 or 1; accuracy and f1 cut at 0.5.
Stored values keep their own sign and units; only `gain` turns them so that positive is better. No intervals here.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tasks.core.errors import ConfigInvalid, DataRejected

Problem = Literal["binary", "regression"]
MetricName = Literal["roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1", "mae", "rmse", "r2", "mape"]

# A scorer turns block weights (resamples, blocks) into scores (resamples,); NaN where the metric is undefined.
Scorer = Callable[[np.ndarray], np.ndarray]

_PROBLEMS: dict[MetricName, Problem] = {
    "roc_auc": "binary",
    "average_precision": "binary",
    "log_loss": "binary",
    "brier": "binary",
    "accuracy": "binary",
    "f1": "binary",
    "mae": "regression",
    "rmse": "regression",
    "r2": "regression",
    "mape": "regression",
}
_GREATER: frozenset[MetricName] = frozenset({"roc_auc", "average_precision", "accuracy", "f1", "r2"})
_RANK: frozenset[MetricName] = frozenset({"roc_auc", "average_precision"})
_CUT = 0.5


def problem_of(name: MetricName) -> Problem:
    """The kind of problem that a metric belongs to; raises ConfigInvalid for a name that is not ours."""
    if name not in _PROBLEMS:
        raise ConfigInvalid(f"there is no metric {name!r}; choose one of {', '.join(_PROBLEMS)}")
    return _PROBLEMS[name]


def greater_is_better(name: MetricName) -> bool:
    """True where a larger value is a better one; raises ConfigInvalid for a name that is not ours."""
    problem_of(name)
    return name in _GREATER


def gain(name: MetricName, a: float, b: float) -> float:
    """How much better `a` is than `b`, in the metric's own units; positive means better."""
    return a - b if greater_is_better(name) else b - a


def score(name: MetricName, actual: np.ndarray, predicted: np.ndarray) -> float:
    """The metric over all rows (both arrays of shape (rows,)); raises DataRejected where it is undefined."""
    blocks = np.zeros(np.asarray(actual).shape[:1], dtype=np.intp)
    value = float(scorer(name, actual, predicted, blocks)(np.ones((1, 1)))[0])
    if not np.isfinite(value):
        raise DataRejected(f"{name} is undefined on these {blocks.size} rows: {_WHY_UNDEFINED.get(name, 'overflow')}")
    return value


_WHY_UNDEFINED: dict[MetricName, str] = {
    "f1": "no row is of the positive class; take a window that holds both classes",
    "r2": "the actual values do not vary (or overflow); take a longer window, or mae",
}


def scorer(name: MetricName, actual: ArrayLike, predicted: ArrayLike, blocks: np.ndarray) -> Scorer:
    """Prepare a metric once for many weightings of its rows.

    `blocks` holds one id in 0..B-1 per row; weights have shape (resamples, B) and count how often a block was drawn.
    Raises DataRejected on empty, ragged or non-finite input, and on actual or predicted values out of their range.
    """
    y, p = _checked(name, actual, predicted)
    return (_rank_scorer if name in _RANK else _sum_scorer)(name, y, p, blocks)


def _checked(name: MetricName, actual: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y, p = checked_actual(name, actual), _numbers(name, "predicted", predicted)
    if y.shape != p.shape:
        raise DataRejected(f"{name} needs one prediction per row, got {y.size} actual and {p.size} predicted values")
    if problem_of(name) == "binary" and (p.min() < 0 or p.max() > 1):
        raise DataRejected(f"{name} needs probabilities in [0, 1], and some predicted values are outside")
    # average_precision would answer 0 or 1 on one class; both rank metrics say nothing there.
    if name in _RANK and y.min() == y.max():
        raise DataRejected(f"{name} is undefined: all {y.size} rows are of one class; take a window that holds both")
    return y, p


def checked_actual(name: MetricName, actual: ArrayLike) -> np.ndarray:
    """The actual values as floats of shape (rows,); raises DataRejected unless each one suits the metric."""
    y = _numbers(name, "actual", actual)
    if problem_of(name) == "binary" and not np.isin(y, (0.0, 1.0)).all():
        raise DataRejected(f"{name} needs actual values 0 and 1 (1 = the positive class); encode the label first")
    if name == "mape" and not y.all():
        raise DataRejected("mape is undefined where an actual value is 0; use mae, or filter those rows")
    return y


def _numbers(name: MetricName, label: str, given: ArrayLike) -> np.ndarray:
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        # The original message quotes the value.
        raise DataRejected(f"{name} needs numbers, and {label} holds something else; encode it first") from None
    if values.ndim != 1 or not values.size:
        raise DataRejected(f"{name} needs one {label} value per row and at least one row, got shape {values.shape}")
    if wrong := int((~np.isfinite(values)).sum()):
        raise DataRejected(f"{name}: {wrong} of {values.size} {label} values are NaN or infinite; all must be finite")
    return values


def _rank_scorer(name: MetricName, y: np.ndarray, p: np.ndarray, blocks: np.ndarray) -> Scorer:
    """ROC AUC as the Mann-Whitney statistic with ties at one half (Hanley & McNeil 1982); AP as step-wise sum.

    The rows are sorted once, best score first; a resample only changes their integer weights.
    """
    order = np.argsort(-p, kind="stable")
    keys, drawn_from = -p[order], blocks[order]
    hits = np.flatnonzero(y[order])
    own = keys[hits]
    # Where the tie that a positive row belongs to begins and ends, counted in all rows and in positive rows.
    begin, end = np.searchsorted(keys, own, "left"), np.searchsorted(keys, own, "right")
    first, last = np.searchsorted(own, own, "left"), np.searchsorted(own, own, "right")

    def run(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, drawn_from[hits]]
        rows, positives = _running(weights[:, drawn_from]), _running(drawn)
        total = positives[:, -1]
        others = rows[:, -1] - total
        with np.errstate(invalid="ignore", divide="ignore"):
            if name == "roc_auc":
                above = rows[:, begin] + rows[:, end] - positives[:, first] - positives[:, last]
                value = (drawn * (others[:, None] - above / 2)).sum(axis=1) / (total * others)
            else:
                value = (drawn * positives[:, last] / np.maximum(rows[:, end], 1)).sum(axis=1) / total
        # Without negatives every ranking is perfect, which says nothing about the ranking.
        return np.where(others > 0, value, np.nan)

    return run


def _running(values: np.ndarray) -> np.ndarray:
    """Running sums along each row, with a leading 0."""
    return np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)


def _sum_scorer(name: MetricName, y: np.ndarray, p: np.ndarray, blocks: np.ndarray) -> Scorer:
    """Metrics that are functions of sums over rows: sum once per block, then weigh the blocks."""
    with np.errstate(over="ignore", invalid="ignore"):
        columns = [*_terms(name, y, p), np.ones_like(y)]
        sums = np.column_stack([np.bincount(blocks, weights=column) for column in columns])

    def run(weights: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return _from_sums(name, (weights @ sums).T)

    return run


def _terms(name: MetricName, y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    """Per-row terms whose sums give the metric."""
    if name == "log_loss":
        # Clipped at the machine epsilon, as scikit-learn does, so that one certain miss is not infinite.
        edge = np.finfo(float).eps
        q = np.clip(p, edge, 1 - edge)
        return [-(y * np.log(q) + (1 - y) * np.log1p(-q))]
    if name in {"accuracy", "f1"}:
        hit = p >= _CUT
        return [(hit == (y > _CUT)).astype(float)] if name == "accuracy" else [hit * y, hit * (1 - y), ~hit * y]
    if name in {"mae", "mape"}:
        return [np.abs(y - p) / (np.abs(y) if name == "mape" else 1.0)]
    if name == "r2":
        # Centred first: the variance from raw sums loses all digits when the mean is large.
        centred = y - y.mean()
        return [(y - p) ** 2, centred, centred**2]
    return [(y - p) ** 2]


def _from_sums(name: MetricName, sums: np.ndarray) -> np.ndarray:
    """Weighted sums of the terms (last row: the number of rows) to metric values."""
    if name == "f1":
        hits, false_alarms, misses, _ = sums
        return np.where(hits + misses > 0, 2 * hits / (2 * hits + false_alarms + misses), np.nan)
    if name == "r2":
        squares, centred, variation, rows = sums
        spread = variation - centred**2 / rows
        # What remains of a constant after subtraction is rounding noise, not spread.
        return np.where(spread > 1e-12 * variation, 1 - squares / spread, np.nan)
    mean: np.ndarray = sums[0] / sums[-1]
    return np.sqrt(mean) if name == "rmse" else mean
