"""Two models' probable scores on the same rows while labels are missing, and the difference with its interval.

The methods are those of one model (`confidence`, `loss_model`); here both share the rows, and the draws of days.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.duel import MIN_BLOCKS, bounds, shortage
from tasks.core.errors import DataRejected
from tasks.core.estimation.confidence import calibrate, expected, weighted
from tasks.core.estimation.loss_model import ask, fit, losses_of
from tasks.core.estimation.rows import Rows, draw, places_by_block, worth
from tasks.core.features import Features
from tasks.core.metrics import MetricName, gain, problem_of

_RESAMPLES, _MODELS, _MOST_ROWS = 100, 20, 10_000


@dataclass(frozen=True)
class Side:
    """One model: what it said of the rows that it learns from (labels known, not trained on) and of the window's."""

    reference: Rows
    window: Rows
    features: Features


@dataclass(frozen=True)
class Difference:
    """The gain of the first over the second, in metric units (positive: better), with its interval and both scores."""

    value: float
    low: float
    high: float
    ours: float
    theirs: float


def shortage_of(metric: MetricName, side: Side, min_rows: int) -> str:
    """Why these rows cannot carry an estimate, or ""; both sides have the same rows."""
    reference, window = side.reference, side.window
    if reference.actual is None or len(reference.actual) == 0:
        return "there are no labelled rows that both predicted and neither was trained on"
    if why := shortage(metric, reference.actual, reference.blocks, min_rows=min_rows):
        return f"of the labelled rows that both predicted, {why}"
    if len(window.predicted) < min_rows:
        return f"the window has {len(window.predicted)} rows that both predicted, at least {min_rows} are needed"
    if round(worth(window.blocks)) < MIN_BLOCKS:
        return f"the window's rows weigh as much as {worth(window.blocks):.1f} days, {MIN_BLOCKS} are needed"
    return ""


def estimate_difference(metric: MetricName, ours: Side, theirs: Side, *, tail: float, seed: int) -> Difference:
    """Estimate both on the same rows; `tail` is left on each side of the interval. Raises DataRejected."""
    rng = np.random.default_rng(seed)
    sides = [_bounded(side, np.random.default_rng(seed)) for side in (ours, theirs)]
    for side in sides:
        if not (np.isfinite(side.reference.predicted).all() and np.isfinite(side.window.predicted).all()):
            raise DataRejected("predictions are NaN or infinite; all must be finite")
    method = _by_confidence if problem_of(metric) == "binary" else _by_loss
    return method(metric, sides, tail=tail, rng=rng)


def _bounded(side: Side, rng: np.random.Generator) -> Side:
    """At most so many rows of either part, the same of both sides: their generators begin alike."""

    def some(rows: Rows) -> Rows:
        count = len(rows.predicted)
        return rows if count <= _MOST_ROWS else rows.take(np.sort(rng.choice(count, _MOST_ROWS, replace=False)))

    return Side(some(side.reference), some(side.window), side.features)


def _by_confidence(metric: MetricName, sides: Sequence[Side], *, tail: float, rng: np.random.Generator) -> Difference:
    """Each is calibrated on the same rows; in a resample both are scored under the same days and the same luck."""
    actual = np.asarray(sides[0].reference.actual, dtype=float)
    values = [
        expected(metric, one.window.predicted, calibrate(one.reference.predicted, actual, one.window.predicted))
        for one in sides
    ]
    days = [places_by_block(part.blocks) for part in (sides[0].reference, sides[0].window)]
    samples = np.full(_RESAMPLES, np.nan)
    for number in range(_RESAMPLES):
        known, drawn = (draw(part, rng) for part in days)
        luck = rng.random(len(drawn))
        if np.unique(actual[known]).size < 2:  # noqa: PLR2004 - two classes are what binary means
            continue
        told = []
        for one in sides:
            said = one.window.predicted[drawn]
            labels = (luck < calibrate(one.reference.predicted[known], actual[known], said)).astype(float)
            if labels.min() < labels.max():
                told.append(weighted(metric, labels, said, np.ones(len(drawn))))
        if len(told) == len(sides):
            samples[number] = gain(metric, told[0], told[1])
    value = gain(metric, values[0], values[1])
    interval = bounds(samples, value, min(worth(side.blocks) for side in (sides[0].reference, sides[0].window)),
                      tail=tail)  # fmt: skip
    if interval is None:
        raise DataRejected(f"{metric} is undefined in too many resamples (one class only)")
    return Difference(value, *interval, *values)


def _by_loss(metric: MetricName, sides: Sequence[Side], *, tail: float, rng: np.random.Generator) -> Difference:
    """Bagging over the same days for both; the interval: how far models differ, and how days lay off unseen."""
    from scipy.special import stdtrit

    reference, window = sides[0].reference, sides[0].window
    actual, parts = np.asarray(reference.actual, dtype=float), places_by_block(reference.blocks)
    losses = [losses_of(metric, actual, side.reference.predicted) for side in sides]
    means, apart = np.zeros((_MODELS, len(sides))), []
    for number in range(_MODELS):
        seen = draw(parts, rng)
        misses = []
        for place, side in enumerate(sides):
            model = fit(side.reference.take(seen), losses[place][seen], side.features, int(rng.integers(2**31)))
            means[number, place] = ask(model, side.window).mean()
            misses.append(losses[place] - ask(model, side.reference))
        unseen = [part for part in parts if not np.isin(part[0], seen)]
        apart += [[miss[part].mean() for miss in misses] for part in unseen]
    mean = means.mean(axis=0)
    values = np.sqrt(mean) if metric == "rmse" else mean
    # A small change of a mean square moves its root by the change over twice the root.
    scale = 1 / (2 * np.maximum(values, 1e-12)) if metric == "rmse" else np.ones(len(sides))
    turned = np.array([-1.0, 1.0]) * scale
    variance = (means @ turned).var(ddof=1) + np.mean(np.square(np.array(apart) @ turned)) / worth(window.blocks)
    half = -float(stdtrit(min(worth(reference.blocks), worth(window.blocks)) - 1, tail)) * float(np.sqrt(variance))
    value = gain(metric, float(values[0]), float(values[1]))
    return Difference(value, value - half, value + half, float(values[0]), float(values[1]))
