"""Do the ranks of two samples differ beyond chance? That holds for every distribution, however heavy its tail.

Belongs here: rank scores and their p-value, row by row and in blocks of time. Distances: distances; verdicts: drift.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.core.blocks import added_variance, time_blocks
from tasks.core.pairs import Pair

_POLYNOMIALS = 4  # Legendre polynomials of the rank: place, spread, skewness, weight of both ends


def rank_p_value(pair: Pair) -> float:
    """How probable are ranks that differ so much, or more, though nothing has changed? Numbers of both sides only.

    Linear rank statistics with the first Legendre polynomials as scores (the components of a smooth test: Neyman, 1937;
    Eubank, LaRiccia and Rosenstein, Test statistics derived as components of Pearson's phi-squared, 1987), the best of
    them by Bonferroni's inequality. Each is held against its permutation variance, which needs nothing of the
    distribution; Student's t stands for the normal law because a window may be small. A few rows that moved to an end
    are not told from chance: in data that hang together in time extremes come in bursts, and no test knows how large.

    Where times are known, what blocks of the reference's time add to the variance counts too.
    """
    from scipy.stats import t

    m, n = len(pair.reference), len(pair.current)
    scores = _scores(np.concatenate([pair.reference, pair.current]).astype(np.float64))
    difference, alone = scores[m:].mean(axis=0) - scores[:m].mean(axis=0), scores.var(axis=0, ddof=1)
    variance, freedom = alone * (1 / m + 1 / n), min(m, n) - 1
    if pair.reference_times is not None and pair.current_times is not None:
        blocks = time_blocks(pair.reference_times, pair.current_times, scores[:m], pair.cycle)
        if blocks is not None:
            variance, freedom = variance + added_variance(scores[:m], blocks), min(freedom, blocks.count - 1)
    if freedom < 1:
        return 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        p_values = 2 * t.sf(np.nan_to_num(np.abs(difference) / np.sqrt(variance)), freedom)
    return min(1.0, len(p_values) * float(p_values.min()))


def _scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The polynomials of the values' ranks among all, shape (values, 4); equal values share their middle rank."""
    from numpy.polynomial.legendre import legvander
    from scipy.stats import rankdata

    return np.asarray(legvander(2 * (rankdata(values) - 0.5) / len(values) - 1, _POLYNOMIALS)[:, 1:])
