"""Probations with known truth: how often is a good champion taken back, and how often one that decays on purpose?

    python -m benchmarks.probations [--seeds 200]

The usual way beside it: roll back as soon as the champion's score of a window is worse than the former one's.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.results import Row, load, show
from tasks.core.metrics import MetricName, gain, problem_of, score
from tasks.core.probation import Probation, judge_look
from tasks.core.results import Verdict

CONFIG = Probation(windows=3)
ROWS, DAYS = 600, 30


@dataclass(frozen=True)
class World:
    """`noise`: the champion's error in each window, where the former champion's is 1; goals are shares of trials."""

    name: str
    metric: MetricName
    noise: tuple[float, float, float]
    goal_at_most: float | None = None
    goal_at_least: float | None = None


WORLDS = tuple(
    World(f"{name}, {metric}", metric, noise, **goal)
    for metric in ("mae", "roc_auc")
    for name, noise, goal in (
        ("better by a tenth", (0.9, 0.9, 0.9), {"goal_at_most": 0.01}),
        ("equally good", (1.0, 1.0, 1.0), {"goal_at_most": 0.01}),
        ("decays in the second window", (0.9, 1.7, 2.5), {"goal_at_least": 0.95}),
    )
)


def _window(world: World, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Actual values, and what champion and former champion predict: half of an error is common to a day."""
    day = np.arange(ROWS) * DAYS // ROWS
    truth = rng.normal(size=ROWS)
    ours, theirs = (
        truth + size * np.sqrt(0.5) * (rng.normal(size=ROWS) + rng.normal(size=DAYS)[day]) for size in (noise, 1.0)
    )
    if problem_of(world.metric) == "regression":
        return truth, ours, theirs, day
    happens = (truth + 0.5 * rng.normal(size=ROWS) > 0.5).astype(int)
    return happens, 1 / (1 + np.exp(-ours)), 1 / (1 + np.exp(-theirs)), day


def trial(world: World, seed: int, *, usual: bool = False) -> int | None:
    """In which window the champion is taken back; None: never."""
    rng = np.random.default_rng([seed, 17])
    for number, noise in enumerate(world.noise, start=1):
        actual, ours, theirs, day = _window(world, noise, rng)
        if usual:
            back = gain(world.metric, *(score(world.metric, actual, each) for each in (ours, theirs))) < 0
        else:
            check = judge_look(
                CONFIG, metric=world.metric, actual=actual, champion=ours, previous=theirs, blocks=day,
                label_share=1.0, seed=seed,
            )  # fmt: skip
            back = check.verdict is Verdict.FAIL
        if back:
            return number
    return None


def measure(seeds: int) -> Iterator[Row]:
    """One row per world."""
    for world in WORLDS:
        ours, theirs = (
            sum(trial(world, seed, usual=usual) is not None for seed in range(seeds)) for usual in (False, True)
        )
        least, most = world.goal_at_least, world.goal_at_most
        met = ours >= (least or 0) * seeds and ours <= (1.0 if most is None else most) * seeds
        yield Row(
            f"probation, {CONFIG.windows} windows of {ROWS} rows: {world.name}",
            f"rolled back {ours} of {seeds} ({ours / seeds:.1%})", f"rolled back {theirs} ({theirs / seeds:.1%})", "",
            f"<= {most:.0%}" if most is not None else f">= {least:.0%}", met, load(),
        )  # fmt: skip


def main() -> int:
    """Show the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.probations")
    parser.add_argument("--seeds", type=int, default=200)
    show(list(measure(parser.parse_args().seeds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
