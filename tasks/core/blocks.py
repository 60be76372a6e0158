"""Blocks of time: how rows that lie near each other in time hang together, and what that does to the sum of a window.

Belongs here: choosing blocks from times and values; their variance. Distances: distances; p-values: ranks, two_samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]  # microseconds
DAY = 86_400_000_000
MIN_BLOCKS = 10  # with fewer the spread between blocks is hardly known
_INDEPENDENT = 1.5  # blocks that hang together no more than this are not made longer; `inflation` makes up for it


@dataclass(frozen=True)
class Blocks:
    """The reference cut into `count` stretches of time, of which a window is about `per_window` long.

    `codes`: the block of each reference value, 0..count-1, in time's order. `inflation` (>= 1): the variance of a
    window's mean over what it would be if its blocks were independent.
    """

    codes: NDArray[np.int64]
    count: int
    per_window: int
    inflation: float


def time_blocks(
    reference: Times, current: Times, traits: NDArray[np.float64], cycle: int | None = None
) -> Blocks | None:
    """Cut the reference's times into blocks, the shortest that are nearly independent in `traits` (shape (m, traits)).

    Whole days where the window spans two at least, so that the hour of the day is no noise; doubled until the block
    sums hang together no more (`integrated_time`), but no longer than the window, and so that MIN_BLOCKS are left.
    None where time tells nothing: a side without rows, or a reference or window of one moment.

    `cycle`: the reference holds stretches of that length, one behind the other, each as long as the window but weeks or
    years apart (see season); then each of them is a block, because nothing else tells how much they differ.
    """
    if not len(reference) or not len(current):
        return None
    if cycle is not None:
        stretches, codes = np.unique(reference // cycle, return_inverse=True)
        return Blocks(codes.astype(np.int64), len(stretches), 1, 1.0)
    span, reach = int(current.max() - current.min()), int(reference.max() - reference.min())
    if not span or not reach:
        return None
    longest = max(1, min(span, reach // MIN_BLOCKS))
    length = min(DAY if span >= 2 * DAY else span, longest)
    while True:
        codes, count = _cut(reference, length)
        sums = block_sums(traits, codes, count)
        if integrated_time(sums) <= _INDEPENDENT or length == longest:
            break
        length = min(2 * length, longest)
    occupied = len(np.unique((current - current.min()) // length))
    per_window = max(1, min(span // length, occupied))
    # The trait that hangs together most: an average over all hides a level that wanders behind shapes that do not.
    inflation = max(integrated_time(trait[:, None]) for trait in sums.T)
    return Blocks(codes, count, per_window, float(np.clip(inflation, 1.0, per_window)))


def _cut(times: Times, length: int) -> tuple[NDArray[np.int64], int]:
    place = (times - times.min()) // length
    whole = max(1, int(times.max() - times.min()) // length)  # the stub at the end belongs to the block before it
    names, codes = np.unique(np.minimum(place, whole - 1), return_inverse=True)
    return codes.astype(np.int64), len(names)


def block_sums(traits: NDArray[np.float64], codes: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Sums of the traits' deviations from their means, per block: shapes (m, traits) to (count, traits)."""
    centred = traits - traits.mean(axis=0)
    return np.stack([np.bincount(codes, column, minlength=count) for column in centred.T], axis=1)


def added_variance(reference: NDArray[np.float64], blocks: Blocks) -> NDArray[np.float64]:
    """What time adds to the variance of the difference between a window's means and the reference's, per column.

    The spread between the blocks of the reference (shape (m, columns)), beyond what their single rows explain (the
    design effect of cluster samples: Kish, Survey sampling, 1965), for its blocks and for those of the window.
    """
    rows = len(reference) / blocks.count
    spread = blocks.inflation * block_sums(reference, blocks.codes, blocks.count).var(axis=0, ddof=1) / rows**2
    beyond = np.maximum(spread - reference.var(axis=0, ddof=1) / rows, 0.0)
    return np.asarray(beyond * (1 / blocks.count + 1 / blocks.per_window))


def integrated_time(sums: NDArray[np.float64]) -> float:
    """By what factor neighbours add to the variance of a total: 1 + 2 * the sum of autocorrelations, over all traits.

    The initial sequence of pairs of lags (Geyer, Practical Markov chain Monte Carlo, 1992), while a pair is above its
    standard error without dependence: sums of mere noise would go on too long.
    """
    total = float((sums**2).sum())
    if total <= 0:
        return 1.0
    found, lag = -1.0, 0
    while lag + 1 < len(sums) // 2:
        pair = sum(float((sums[: len(sums) - j] * sums[j:]).sum()) / total for j in (lag, lag + 1))
        if lag and pair <= np.sqrt(2 / len(sums)):
            break
        found, lag = found + 2 * pair, lag + 2
    return max(1.0, found)


def traits_of(values: NDArray[np.generic], numerical: bool) -> NDArray[np.float64]:
    """What of a column may come and go with time: rank and distance from the middle rank; or each category's presence.

    Shape (n, 2), or (n, categories).
    """
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if not numerical:
        return np.eye(len(names))[codes]
    middle = (np.cumsum(counts) - counts / 2) / len(values) - 0.5
    rank = middle[codes]
    return np.stack([rank, np.abs(rank) - np.abs(rank).mean()], axis=1)
