"""The distances between two samples of a column, and what those distances are by chance alone.

The formulas equal Evidently's (a test holds them together). No thresholds here (see noise) and no verdicts (see drift).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core.blocks import Blocks
from tasks.core.pairs import NORM_FLOOR, Pair, coded

Method = Literal["wasserstein", "jensenshannon", "psi"]
_BINNED_FROM = 20  # Evidently bins numbers with more distinct values than this
_PSI_FLOOR = 0.0001  # Evidently's share of an empty bin
_MAX_POPULATION = 5_000  # values of the reference that stand for all of them when chance is simulated
_MAX_SIMULATED_VALUES = 200_000  # over all simulated samples, unless that leaves fewer draws than asked for
_GRID = 192  # points that stand for a reference with more values when blocks of it are drawn
_MAX_SIMULATED = 500  # rows per simulated sample; larger samples follow by the square root of their size


def distance(pair: Pair, method: Method) -> float:
    """The distance of the two samples, as Evidently defines it; both sides need at least one value.

    wasserstein: first Wasserstein distance over the reference's standard deviation (numbers only). jensenshannon: the
    square root of the divergence in nats. psi: population stability index. Numbers are binned by Sturges' rule over
    both samples when the reference has more than 20 values.
    """
    if method == "wasserstein":
        from scipy.stats import wasserstein_distance

        norm = max(float(np.std(pair.reference)), NORM_FLOOR)
        return float(wasserstein_distance(pair.reference, pair.current)) / norm
    left, right = _frequencies(pair)
    return float(_compare(left[None], right[None], method)[0])


def _frequencies(pair: Pair) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if pair.numerical and len(np.unique(pair.reference)) > _BINNED_FROM:
        bins = np.histogram_bin_edges(np.concatenate([pair.reference, pair.current]), bins="sturges")
        return np.histogram(pair.reference, bins)[0], np.histogram(pair.current, bins)[0]
    names, *sides = coded(pair.reference, pair.current)
    left, right = (np.bincount(codes, minlength=len(names)) for codes in sides)
    return left, right


def _compare(left: NDArray[np.int64], right: NDArray[np.int64], method: Method) -> NDArray[np.float64]:
    """Distances of counts, row by row: shapes (draws, bins) each to (draws,)."""
    p, q = (side / side.sum(axis=1, keepdims=True) for side in (left, right))
    if method == "psi":
        p, q = _without_zeros(p), _without_zeros(q)
        return np.asarray(((p - q) * np.log(p / q)).sum(axis=1))
    from scipy.special import rel_entr

    middle = (p + q) / 2
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=1) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0)))


def _without_zeros(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    smallest = np.where(shares > 0, shares, np.inf).min(axis=1, keepdims=True)
    filler: NDArray[np.float64] = np.where(smallest <= _PSI_FLOOR, smallest / 10**6, _PSI_FLOOR)
    return np.asarray(np.where(shares > 0, shares, filler))


def chance_distances(pair: Pair, method: Method, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Simulate the distance of two samples of these sizes from one population, the reference. Shape (at least draws,).

    Wasserstein: samples of the effective size 1 / (1/m + 1/n) against the population, because the difference of two
    empirical distributions has that variance. Values beyond the reference's are not drawn (see ranks). The others:
    both samples are drawn anew; half a row is added to each bin, so that rare values that the reference happens to lack
    are possible.
    """
    m, n = len(pair.reference), len(pair.current)
    if method == "wasserstein":
        return _chance_wasserstein(pair.reference, max(1, int(m * n / (m + n))), draws, rng)
    counts = _frequencies(pair)[0]
    shares = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    rows = max(draws, 2_000)
    return _compare(rng.multinomial(m, shares, rows), rng.multinomial(n, shares, rows), method)


def _chance_wasserstein(
    reference: NDArray[np.float64], n: int, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The closed form W1 = sum over the order statistics x(i) of the integral of |x(i) - Q(u)| on ((i-1)/n, i/n)."""
    population = np.sort(reference)
    if len(population) > _MAX_POPULATION:
        population = np.sort(rng.choice(reference, _MAX_POPULATION, replace=False))
    size, simulated = len(population), min(n, _MAX_SIMULATED)
    area = np.concatenate([[0.0], np.cumsum(population) / size])
    edges = np.arange(simulated + 1) / simulated
    area_at_edges = np.interp(edges, np.arange(size + 1) / size, area)
    low, high, area_low, area_high = edges[:-1], edges[1:], area_at_edges[:-1], area_at_edges[1:]
    rows = max(draws, min(_MAX_SIMULATED_VALUES // simulated, 2_000))
    ranks = np.sort(rng.integers(0, size, (rows, simulated), dtype=np.int32), axis=1)
    values, level = population[ranks], (ranks + 1) / size
    middle = np.clip(level, low, high)
    area_middle = np.where(level <= low, area_low, np.where(level >= high, area_high, area[ranks + 1]))
    below = values * (middle - low) - (area_middle - area_low)
    above = (area_high - area_middle) - values * (high - middle)
    norm = max(float(np.std(reference)), NORM_FLOOR) * float(np.sqrt(n / simulated))
    return np.asarray((below + above).sum(axis=1)) / norm


def block_distances(
    pair: Pair, method: Method, blocks: Blocks, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Simulate the distance of a window and a reference that are both made of the reference's blocks of time.

    A block bootstrap (Kuensch, 1989): the window gets `blocks.per_window` blocks and the number of values it has, the
    reference as many blocks as it has. Blocks that are not independent yet widen all distances. Shape (draws,).
    """
    places, size, widths = _places(pair, method)
    cells = np.bincount(blocks.codes * size + places, minlength=blocks.count * size).reshape(blocks.count, size)
    even = np.full(blocks.count, 1 / blocks.count)
    reference, window = (_drawn(k, even, cells, draws, rng) for k in (blocks.count, blocks.per_window))
    window = _thinned(window, len(pair.current), rng)
    root = np.sqrt(blocks.inflation) if method != "psi" else blocks.inflation
    if method != "wasserstein":
        return _compare(reference, window, method) * root
    p, q = (side / side.sum(axis=1, keepdims=True) for side in (reference, window))
    points = np.concatenate([[0.0], np.cumsum(widths)])
    norm = np.maximum(np.sqrt(np.maximum(p @ points**2 - (p @ points) ** 2, 0)), NORM_FLOOR)
    return np.asarray(np.abs(np.cumsum(p - q, axis=1)[:, :-1]) @ widths / norm * root)


def _drawn(
    k: int, even: NDArray[np.float64], cells: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Counts of k blocks drawn with replacement; multiplied as floats, which keeps them exact and is far faster."""
    drawn = rng.multinomial(k, even, draws).astype(np.float64) @ cells.astype(np.float64)
    return np.asarray(drawn.astype(np.int64))


def _places(pair: Pair, method: Method) -> tuple[NDArray[np.int64], int, NDArray[np.float64]]:
    """The cell of each reference value, how many cells there are, and for wasserstein how far apart they lie."""
    values = pair.reference
    if method == "wasserstein":
        grid = np.unique(values)
        if len(grid) > _GRID:
            quantiles = np.quantile(values, np.linspace(0, 1, _GRID // 2))
            grid = np.unique(np.concatenate([quantiles, np.linspace(grid[0], grid[-1], _GRID // 2)]))
        places = np.searchsorted((grid[1:] + grid[:-1]) / 2, values)
        return places, len(grid), np.diff(grid)
    if pair.numerical and len(np.unique(values)) > _BINNED_FROM:
        bins = np.histogram_bin_edges(np.concatenate([values, pair.current]), bins="sturges")
        return np.clip(np.searchsorted(bins, values, "right") - 1, 0, len(bins) - 2), len(bins) - 1, np.empty(0)
    names, left, _ = coded(values, pair.current)
    return left, len(names), np.empty(0)


def _thinned(counts: NDArray[np.int64], rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw so many of the counted values that their noise is that of `rows` values; fewer values are left as they are.

    The variances 1/total of having drawn blocks and 1/drawn of thinning add up to 1/rows.
    """
    total = counts.sum(axis=1, keepdims=True)
    drawn = np.where(total > rows, total * rows // np.maximum(total - rows, 1), 0)
    thin = rng.multinomial(drawn[:, 0], counts / total)
    return np.where(drawn > 0, thin, counts)
