"""Probations while labels are missing, with known truth: is a good champion ever taken back by estimates alone, and how
much earlier than by labels is one that decays?

    python -m benchmarks.probation_estimates [--seeds 200] [--only WORLD]

Labels come DELAY days after a window's end. Each trial's track record is drawn from past estimates of the same world.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import pandas as pd

from benchmarks.results import Row, load, show
from tasks.core.estimation import Estimation, estimate_performance
from tasks.core.estimation.paired import Side
from tasks.core.estimation.rows import Rows
from tasks.core.estimation.track_record import PastEstimate, judge_record, weight_of
from tasks.core.features import Features
from tasks.core.metrics import MetricName, problem_of, score
from tasks.core.performance import Performance, limit_of
from tasks.core.probation import Probation, judge_look
from tasks.core.probation_estimates import WEIGHT, judge_estimate
from tasks.core.results import Check, Verdict, Window

CONFIG, ESTIMATION, PERFORMANCE = Probation(windows=3, estimated=True), Estimation(), Performance(max_loss=0.2)
DAYS, DELAY, PAST, POOL = 30, 45, 6, 60
ROWS: dict[MetricName, int] = {"roc_auc": 2000, "mae": 600}
FEATURES = Features(("hard_for_ours", "hard_for_theirs"), ())
_USUAL = 0.2
_NOWHERE = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))


@dataclass(frozen=True)
class World:
    """`hard`: on which share of each window's rows the champion knows little (the former one: on a fifth, always).

    `belief` 1: the rows that the estimator learns from are like the window's; below 1 they hang less on what the
    champion knows, so that it is believed to be worse than it is.
    """

    name: str
    metric: MetricName
    hard: tuple[float, float, float]
    belief: float = 1.0
    good: bool = True


_KINDS = (
    ("equally good, calibrated estimator", (_USUAL,) * 3, 1.0, True),
    ("equally good, estimator a little off", (_USUAL,) * 3, 0.85, True),
    ("equally good, biased estimator", (_USUAL,) * 3, 0.3, True),
    ("decays in the second window", (_USUAL, 0.8, 0.95), 1.0, False),
)
WORLDS = tuple(
    World(f"{name}, {metric}", metric, hard, belief, good)
    for metric in ("roc_auc", "mae")
    for name, hard, belief, good in _KINDS
)


def _rows(world: World, hard: float, belief: float, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """What champion and former champion say of the same rows, with the labels: how hard a day is differs."""
    rows = ROWS[world.metric]
    day = np.arange(rows) * DAYS // rows
    blind = np.column_stack([
        rng.random(rows) < np.clip(share + 0.1 * rng.normal(size=DAYS), 0, 1)[day] for share in (hard, _USUAL)
    ])  # fmt: skip
    matrix = pd.DataFrame(blind + 0.1 * rng.normal(size=blind.shape), columns=list(FEATURES.numerical))
    known = 1.5 * rng.normal(size=(rows, 2))
    if problem_of(world.metric) == "regression":
        errors = known * np.where(blind, 1.5, 0.4)
        actual = known.sum(axis=1)
        said = actual[:, None] + errors / np.array([belief, 1.0])
    else:
        chance = 1 / (1 + np.exp(-(known @ np.array([belief, 2 - belief]))))
        actual = (rng.random(rows) < chance).astype(float)
        said = 1 / (1 + np.exp(-(np.where(blind, 0.0, known) + 0.05 * rng.normal(size=known.shape))))
    ours, theirs = (Rows(said[:, place], day, actual, matrix) for place in (0, 1))
    return ours, theirs


@lru_cache(maxsize=2)
def past(world: World, pool: int) -> tuple[tuple[PastEstimate, float], ...]:
    """Earlier estimates of champions of the world, each with the truth that came later."""
    found = []
    for number in range(pool):
        rng = np.random.default_rng([number, 23])
        known, _ = _rows(world, _USUAL, world.belief, rng)
        asked, _ = _rows(world, _USUAL, 1.0, rng)
        promised = score(world.metric, np.asarray(known.actual), known.predicted)
        limit = limit_of(PERFORMANCE, world.metric, promised)
        told = estimate_performance(
            ESTIMATION, metric=world.metric, reference=known, window=replace(asked, actual=None), features=FEATURES,
            promised=promised, limit=limit, seed=number,
        ).numbers  # fmt: skip
        value, low, high = (float(told[name] or 0.0) for name in ("score", "low", "high"))
        estimate = PastEstimate(1, _NOWHERE, value, low, high, abs(limit - promised))
        found.append((estimate, score(world.metric, np.asarray(asked.actual), asked.predicted)))
    return tuple(found)


def record_of(world: World, rng: np.random.Generator, pool: int = POOL) -> Check:
    """The track record of a trial."""
    held = [past(world, pool)[place] for place in rng.choice(pool, PAST, replace=False)]
    record = judge_record(held, min_past=ESTIMATION.min_past, max_error=ESTIMATION.max_error)
    return replace(record, numbers={**record.numbers, WEIGHT: weight_of(held, ESTIMATION.confidence)})


def trial(world: World, seed: int, pool: int = POOL) -> tuple[int | None, int | None]:
    """On which day the champion is taken back with estimates, and by labels alone; None: never."""
    rng = np.random.default_rng([seed, 29])
    record, alone = record_of(world, rng, pool), replace_looks(CONFIG)
    by_estimate: list[int] = []
    by_label: list[int] = []
    labels_alone: list[int] = []
    for number, hard in enumerate(world.hard, start=1):
        reference, window = _rows(world, _USUAL, world.belief, rng), _rows(world, hard, 1.0, rng)
        ours, theirs = (
            Side(known, replace(asked, actual=None), FEATURES) for known, asked in zip(reference, window, strict=True)
        )
        found = judge_estimate(
            CONFIG, ESTIMATION, record, metric=world.metric, champion=ours, previous=theirs, seed=seed
        )
        if found.verdict is Verdict.FAIL:
            by_estimate.append(DAYS * number)
        for config, days in ((CONFIG, by_label), (alone, labels_alone)):
            look = judge_look(
                config, metric=world.metric, actual=np.asarray(window[0].actual), champion=window[0].predicted,
                previous=window[1].predicted, blocks=window[0].blocks, label_share=1.0, seed=seed,
            )  # fmt: skip
            if look.verdict is Verdict.FAIL:
                days.append(DAYS * number + DELAY)
        if not world.good and labels_alone and (by_estimate or by_label):
            break
    return min(by_estimate + by_label, default=None), min(labels_alone, default=None)


def replace_looks(config: Probation) -> Probation:
    """The same probation by labels alone."""
    return config.model_copy(update={"estimated": False})


def measure(seeds: int, only: str = "") -> Iterator[Row]:
    """One row per world."""
    for world in WORLDS:
        if only not in world.name:
            continue
        days = [trial(world, seed) for seed in range(seeds)]
        back = [both for both, _ in days if both is not None]
        alone = [by_labels for _, by_labels in days if by_labels is not None]
        early = sum(both is not None and (by_labels is None or both < by_labels) for both, by_labels in days)
        told = f"rolled back {len(back)} of {seeds}, {early} by estimates{_on_day(back)}"
        usual = f"rolled back {len(alone)}{_on_day(alone)}"
        kept, gone = len(back) <= 0.01 * seeds and not early, len(back) >= 0.95 * seeds and early >= 0.5 * seeds
        met = kept if world.good else gone
        goal = "<= 1%, 0 by estimates" if world.good else ">= 95%, half of them by estimates"
        yield Row(f"probation with estimates: {world.name}", told, usual, "", goal, met, load())


def _on_day(days: list[int]) -> str:
    return f", on day {np.mean(days):.0f}" if days else ""


def main() -> int:
    """Show the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.probation_estimates")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    show(list(measure(given.seeds, given.only)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
