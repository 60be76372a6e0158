"""What blocks of time add to a variance, and the rate that rests on it, in series whose dependence is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from tasks.core.blocks import DAY, Blocks, added_variance, block_sums, integrated_time, time_blocks
from tasks.core.pairs import Pair
from tasks.core.ranks import rank_p_value

HOUR = DAY // 24


def autoregressive(rng, keep, count):
    """A stationary AR(1) series of variance 1."""
    steps = rng.normal(size=count) * np.sqrt(1 - keep**2)
    steps[0] = rng.normal()
    return lfilter([1.0], [1.0, -keep], steps)


@pytest.mark.parametrize(("shared", "noise"), [(0.0, 2.0), (0.9, 0.0)])
def test_what_blocks_add_is_what_the_mean_of_a_window_varies_by(shared, noise):
    # Rows of a day share a level; of that of the day before, days next to each other share a part.
    reference, window, rows = 150, 30, 4
    level, together = 1 + shared**2, 1 + 2 * shared / (1 + shared**2)
    truth = sum((level * together + noise**2 / rows) / days for days in (reference, window))
    blocks = Blocks(np.repeat(np.arange(reference), rows), reference, window, together)
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        steps = rng.normal(size=reference + 1)
        values = np.repeat(steps[1:] + shared * steps[:-1], rows) + noise * rng.normal(size=reference * rows)
        alone = values.var(ddof=1) / rows * (1 / reference + 1 / window)
        found.append(alone + added_variance(values[:, None], blocks)[0])
    assert np.mean(found) == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("keep", [0.8, 0.95, 0.98])
def test_blocks_grow_until_they_hang_together_no_more_or_are_as_long_as_the_window(keep):
    times = np.arange(2_500) * HOUR
    shorter = 0
    for seed in range(60):
        values = autoregressive(np.random.default_rng(seed), keep, 2_000)[:, None]
        blocks = time_blocks(times[:2_000], times[2_000:], values)
        if 2_000 // blocks.count < 200:  # a tenth of the reference, here the longest
            shorter += 1
            assert integrated_time(block_sums(values, blocks.codes, blocks.count)) <= 1.5
    assert shorter > 10


@pytest.mark.parametrize(("keep", "reference"), [(0.95, 3_000), (0.995, 3_000), (0.995, 5_000)])
def test_ranks_of_rows_that_hang_together_differ_no_more_often_than_stated(keep, reference):
    times, found = np.arange(reference + 500) * HOUR, []
    for seed in range(1_000):
        values = autoregressive(np.random.default_rng(seed), keep, reference + 500)
        found.append(rank_p_value(Pair(True, *np.split(values, [reference]), *np.split(times, [reference]))))
    for level in (0.01, 0.001):
        stated = len(found) * level
        assert np.sum(np.array(found) <= level) <= stated + 3 * stated**0.5
