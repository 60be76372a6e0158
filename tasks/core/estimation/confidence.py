"""Confidence-based performance estimation (CBPE): calibrated scores say how probable each missing label is.

After NannyML's "how it works: CBPE" and Bialek et al. 2024, arXiv:2401.08348; the interval is ours.
"""

import numpy as np

from tasks.core.duel import bounds
from tasks.core.errors import DataRejected
from tasks.core.estimation.rows import Rows, draw, places_by_block, worth
from tasks.core.metrics import MetricName, scorer

_RESAMPLES = 100


def by_confidence(
    metric: MetricName, reference: Rows, window: Rows, *, tail: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """CBPE: calibrated, a score says how probable each label is, and so what the metric is expected to be.

    The interval holds what a realised score would scatter by: days of the reference (the calibration), days of the
    window, and the labels' own chance.
    """
    actual = np.asarray(reference.actual, dtype=float)
    value = expected(metric, window.predicted, calibrate(reference.predicted, actual, window.predicted))
    days = places_by_block(reference.blocks), places_by_block(window.blocks)
    samples = np.full(_RESAMPLES, np.nan)
    for number in range(_RESAMPLES):
        known, drawn = draw(days[0], rng), draw(days[1], rng)
        if np.unique(actual[known]).size > 1:
            chance = calibrate(reference.predicted[known], actual[known], window.predicted[drawn])
            labels = (rng.random(len(drawn)) < chance).astype(float)
            if labels.min() < labels.max():
                samples[number] = weighted(metric, labels, window.predicted[drawn], np.ones(len(drawn)))
    interval = bounds(samples, value, min(worth(reference.blocks), worth(window.blocks)), tail=tail)
    if interval is None:
        raise DataRejected(f"{metric} is undefined in too many resamples (one class only)")
    return value, *interval


def calibrate(scores: np.ndarray, actual: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Probabilities for the scores `asked`, learnt where scores (rows,) and labels (rows,) are known.

    Beta calibration (Kull, Silva Filho & Flach 2017): a logistic regression on ln p and -ln(1 - p). Three numbers: it
    neither overfits few rows nor is certain (0 or 1) beyond the scores that it saw, as isotonic regression is.
    """
    from sklearn.linear_model import LogisticRegression

    curve = LogisticRegression(C=1e3, solver="newton-cholesky").fit(_logs(scores), actual)
    return np.asarray(curve.predict_proba(_logs(asked))[:, 1], dtype=float)


def _logs(scores: np.ndarray) -> np.ndarray:
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.column_stack([np.log(inside), -np.log1p(-inside)])


def expected(metric: MetricName, predicted: np.ndarray, chance: np.ndarray) -> float:
    """The metric with every row counted as a positive by its probability and as a negative by the rest."""
    labels = np.repeat([1.0, 0.0], len(predicted))
    return weighted(metric, labels, np.tile(predicted, 2), np.concatenate([chance, 1 - chance]))


def weighted(metric: MetricName, labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> float:
    """The metric with a weight for each row; all of shape (rows,)."""
    return float(scorer(metric, labels, predicted, np.arange(len(labels)))(weights[None, :])[0])
