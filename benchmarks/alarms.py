"""False alarms on unchanged data and the power to see changes: Keepfit's whole check beside Evidently's preset.

    python -m benchmarks.alarms [--checks 25] [--trials 200] [--size 30 ...] [--columns 10 ...] [--world normal ...]

Distances come from tasks.core.distances, which a test holds equal to Evidently's (tests/tasks/adapters); so the preset
of more than 1 000 reference rows costs nothing here: columns from 0.1 on drift, and half of them are a data drift.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks import alarm_worlds as worlds
from benchmarks.alarm_worlds import Sides
from benchmarks.results import Row, load, show
from tasks.core.features import EVENT_TIME
from tasks.core.observations import PREDICTION

SEED, GOAL, POWER_GOAL = 20_260_101, 0.01, 0.95
SIZES, COLUMNS, WINDOW_ROWS = (30, 100, 500, 5_000, 200_000), (10, 50), 200
PRESET_COLUMN, PRESET_SHARE = 0.1, 0.5  # Evidently's defaults
PARTS = ("data_drift", "prediction_drift", "data", "multivariate_drift")


@dataclass
class Tally:
    """How many checks alarmed: Keepfit's and which part of them, the preset's, and the share of columns it flags."""

    checks: int = 0
    alarms: int = 0
    unknown: int = 0
    preset: int = 0
    flagged: float = 0.0
    parts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))

    def __iadd__(self, other: "Tally") -> "Tally":
        for name in ("checks", "alarms", "unknown", "preset", "flagged"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.parts = {name: self.parts[name] + other.parts[name] for name in PARTS}
        return self


def check(sides: Sides, seed: int, **settings: object) -> Tally:
    """One whole check, combined as the monitoring flow combines it; and the preset on the same rows."""
    from tasks import monitoring
    from tasks.adapters.drift_metrics import DriftMeasurement
    from tasks.core.distances import distance
    from tasks.core.drift import Drift
    from tasks.core.noise import thresholds_apart
    from tasks.core.pairs import prepare
    from tasks.core.results import Check, Verdict
    from tasks.core.season import in_season, predictions_in_season

    config, features = Drift(**settings), sides.features
    numbers = [*features.numerical, PREDICTION]
    alike = sides.reference
    if config.season != "none":
        end = sides.current[EVENT_TIME].iloc[0].floor("D") + config.window
        rows = in_season(sides.reference, end, config, "UTC")
        predicted = sides.reference[[EVENT_TIME, PREDICTION]]
        alike = predictions_in_season(rows, predicted, end, config, "UTC", seed)
    pairs = prepare(alike, sides.current, numbers, features.categorical, config.cycle)
    distances = {name: distance(pair, config.method(pair)) for name, pair in pairs.items() if len(pair.current)}
    noise = thresholds_apart(pairs, config, seed, PREDICTION)
    measured = DriftMeasurement(pairs, distances, noise, prediction=PREDICTION)
    performance = Check("performance", Verdict.PASS, "not measured here")
    seen = monitoring.judge_window.fn(sides.reference, sides.current, features, config, measured, performance)
    seen = monitoring.judge_together.fn(seen, sides.reference, sides.current, features, config, seed)
    verdicts = {name: found.verdict for name, found in seen.checks().items() if name in PARTS}
    flagged = float(np.mean([distances.get(name, 0.0) >= PRESET_COLUMN for name in features.names]))
    failed = {name: int(verdicts.get(name) is Verdict.FAIL) for name in PARTS}
    unknown = int(Verdict.UNKNOWN in verdicts.values())
    return Tally(1, int(any(failed.values())), unknown, int(flagged >= PRESET_SHARE), flagged, failed)


def unchanged(
    sizes: Sequence[int], columns: Sequence[int], names: Sequence[str], checks: int
) -> Iterator[tuple[tuple[str, int, int], Tally]]:
    """Every world at every size and width, each check on a reference and a window of its own."""
    for place, world in enumerate(names if checks else ()):
        for n in (n for n in sizes if world != "hourly" or n < worlds.HOURLY_LIMIT):
            for width in columns:
                tally = Tally()
                for number in range(checks):
                    rng = np.random.default_rng([SEED, place, n, width, number])
                    tally += check(worlds.unchanged(world, n, width, rng), number, **STRICTEST)
                yield (world, n, width), tally


# The configured thresholds are out of the way and one column suffices: the stated rate rests on the noise alone.
STRICTEST = {
    "numerical_threshold": 1e-9, "categorical_threshold": 1e-9, "share": 0.0, "multivariate_threshold": 0.5,
}  # fmt: skip


def changed(trials: int, n: int = WINDOW_ROWS) -> Iterator[tuple[str, Tally]]:
    """Every change in ten columns at n rows; one drifted column is enough, everything else as by default."""
    for change in worlds.CHANGES:
        tally = Tally()
        for number in range(trials):
            rng = np.random.default_rng([SEED, number])
            tally += check(worlds.mixed(n, rng, change), number, share=0.0)
        yield change, tally


def weekly(trials: int) -> Iterator[tuple[str, Tally]]:
    """A Saturday after 26 weeks, like all others or like a Monday: held against Saturdays, and against all days."""
    for season in ("week", "none"):
        for change in (False, True):
            tally = Tally()
            for number in range(trials):
                sides = worlds.daily(change, np.random.default_rng([SEED, number]))
                tally += check(sides, number, season=season, window="1d", min_rows=20, **STRICTEST)
            yield f"{'a Saturday like a Monday' if change else 'a Saturday'}, season: {season}", tally


def interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Clopper and Pearson, 1934)."""
    from scipy.stats import beta

    low = float(beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    return low, float(beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0


def told(count: int, of: int) -> str:
    low, high = interval(count, of)
    return f"{count} of {of} ({100 * low:.1f}-{100 * high:.1f} %)"


def measure(sizes: Sequence[int], columns: Sequence[int], names: Sequence[str], checks: int, trials: int) -> list[Row]:
    rows, total = [], Tally()
    for (world, n, width), tally in unchanged(sizes, columns, names, checks):
        print(f"  {world}, n = {n:,}, {width} columns: {tally}", flush=True)
        rows.append(_row(f"false alarms, {world}, n = {n:,}, {width} columns", tally))
        total += tally
    if total.checks:
        rows.append(_row(f"false alarms, all {total.checks} checks", total, GOAL))
    for change, tally in changed(trials) if trials else ():
        print(f"  {change}: {tally}", flush=True)
        least = POWER_GOAL if "shift" in change else 1.0
        seen = tally.alarms / tally.checks
        goal, met = (f">= {least:.0%}", seen >= least) if change != "nothing" else ("<= 1 %", seen <= GOAL)
        title = f"seen, {change}, n = {WINDOW_ROWS}, 10 columns"
        preset = f"{told(tally.preset, tally.checks)} preset"
        rows.append(Row(title, told(tally.alarms, tally.checks), preset, goal=goal, met=met, load=load()))
    return rows


def measure_weekly(trials: int) -> list[Row]:
    rows = []
    for title, tally in weekly(trials) if trials else ():
        print(f"  {title}: {tally}", flush=True)
        by_season, changed = title.endswith("week"), "Monday" in title
        met = (tally.alarms >= POWER_GOAL * trials if changed else tally.alarms <= GOAL * trials) if by_season else None
        goal = "" if not by_season else f">= {POWER_GOAL:.0%}" if changed else f"<= {GOAL:.0%}"
        preset = f"{told(tally.preset, tally.checks)} preset"
        rows.append(Row(title, told(tally.alarms, tally.checks), preset, goal=goal, met=met, load=load()))
    return rows


def _row(title: str, tally: Tally, goal: float | None = None) -> Row:
    preset = f"{told(tally.preset, tally.checks)} preset; {tally.flagged / tally.checks:.0%} of columns"
    met = None if goal is None else tally.alarms <= goal * tally.checks
    stated = "" if goal is None else f"<= {goal:.0%}"
    return Row(title, told(tally.alarms, tally.checks), preset, goal=stated, met=met, load=load())


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.alarms")
    parser.add_argument("--checks", type=int, default=25, help="checks per world, size and number of columns")
    parser.add_argument("--trials", type=int, default=200, help="trials per kind of change; 0: none")
    parser.add_argument("--weekly", type=int, default=200, help="trials of a Saturday, by season and without; 0: none")
    parser.add_argument("--size", type=int, action="append", help="rows of the window")
    parser.add_argument("--columns", type=int, action="append")
    parser.add_argument("--world", choices=worlds.WORLDS, action="append")
    options = parser.parse_args()
    names = options.world or worlds.WORLDS
    rows = measure(options.size or SIZES, options.columns or COLUMNS, names, options.checks, options.trials)
    show([*rows, *measure_weekly(options.weekly)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
