"""The distance that chance alone gives: thresholds that samples of an unchanged source cross at a stated rate.

Rows are drawn singly, and where times are known also in blocks of time; the larger threshold holds. Verdicts: drift.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tasks.core.blocks import Blocks, time_blocks, traits_of
from tasks.core.distances import Method, block_distances, chance_distances
from tasks.core.drift import Drift
from tasks.core.pairs import Pair

_BLOCK_DRAWS = 500
_BULK = 0.99  # the share of simulated distances that the gamma distribution is fitted to; the rest is the tail's


def noise_thresholds(pairs: Mapping[str, Pair], config: Drift, seed: int) -> dict[str, float | None]:
    """The `noise_threshold` of columns judged together; None where a side is empty or the reference constant."""
    level = config.level(len(pairs))
    return {
        name: None
        if not len(pair.current) or not len(pair.reference) or pair.constant_reference
        else noise_threshold(pair, config, level, seed + place)
        for place, (name, pair) in enumerate(sorted(pairs.items()))
    }


def thresholds_apart(
    pairs: Mapping[str, Pair], config: Drift, seed: int, prediction: str | None
) -> dict[str, float | None]:
    """The thresholds of the features, which are judged together, and of the prediction, which is judged alone."""
    features = {name: pair for name, pair in pairs.items() if name != prediction}
    alone = {name: pair for name, pair in pairs.items() if name == prediction}
    return noise_thresholds(features, config, seed) | noise_thresholds(alone, config, seed)


def noise_threshold(pair: Pair, config: Drift, level: float, seed: int) -> float:
    """The distance that samples of these sizes exceed with probability `level` though nothing has changed.

    Simulated from the reference, row by row (`chance_distances`) and in blocks of time (`block_distances`). The unit of
    the Wasserstein distance, the reference's deviation, is an estimate too: two of its standard errors are added.
    """
    method, rng = config.method(pair), np.random.default_rng(seed)
    margin = 1 + 2 * _scale_error(pair.reference) if method == "wasserstein" else 1.0
    alone = _tail(chance_distances(pair, method, config.resamples, rng), method, level) * margin
    blocks = _blocks_of(pair)
    if blocks is None:
        return alone
    draws = max(config.resamples, _BLOCK_DRAWS)
    together = _tail(block_distances(pair, method, blocks, draws, rng), method, level)
    return max(alone, together * _caution(blocks.count, level))


def _tail(simulated: NDArray[np.float64], method: Method, level: float) -> float:
    """The value that a distance exceeds with probability `level`: of a fitted gamma, never below the simulated one.

    It is fitted to the squared distance, which is chi-square-like for both jensenshannon and wasserstein, or to the PSI
    itself. Its spread is taken two standard errors wide.
    """
    from scipy.stats import gamma

    power = 1 if method == "psi" else 2
    values = np.minimum(simulated, np.quantile(simulated, _BULK)) ** power
    mean, variance = float(values.mean()), _cautious_variance(values)
    if variance <= 0:
        return float(mean ** (1 / power))
    fitted = float(gamma.isf(level, mean**2 / variance, scale=variance / mean))
    return max(float(fitted ** (1 / power)), float(np.quantile(simulated, 1 - level)))


def _cautious_variance(values: NDArray[np.float64]) -> float:
    variance = float(values.var(ddof=1))
    fourth = float(((values - values.mean()) ** 4).mean())
    error = max(fourth - variance**2, 0.0) ** 0.5 / len(values) ** 0.5
    return float(variance + 2 * error)


def _scale_error(reference: NDArray[np.float64]) -> float:
    """The relative standard error of a sample's standard deviation, from its kurtosis; 0 for a constant."""
    centred = reference - reference.mean()
    variance = float((centred**2).mean())
    kurtosis = float((centred**4).mean()) / variance**2 if variance > 0 else 1.0
    return float(0.5 * np.sqrt(max(kurtosis - 1, 0.0) / len(reference)))


def _blocks_of(pair: Pair) -> Blocks | None:
    if pair.reference_times is None or pair.current_times is None:
        return None
    traits = traits_of(pair.reference, pair.numerical)
    return time_blocks(pair.reference_times, pair.current_times, traits, pair.cycle)


def _caution(count: int, level: float) -> float:
    """How much wider the tail is when the spread is known from so many blocks only: Student's t over the normal's."""
    from scipy.stats import norm, t

    known = count - 1
    return float(t.isf(level / 2, known) / norm.isf(level / 2) * np.sqrt(count / known)) if known else np.inf
