"""Keepfit against named peers and its own goals, in one run: `make bench`, or with options `python -m benchmarks`.

    python -m benchmarks [--quick] [--only PART, several times: see PARTS]

A goal that is missed is shown and is no failure; the exit status tells only whether everything could be measured.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.results import Row, load, show

LOOP = ("cycle", "starts", "breaches", "monitoring", "validation")
DECISIONS = ("alarms", "duels", "holdout", "probations", "storm", "failures", "simulations", "remedies")
DELIVERIES = ("database",)
PARTS = (*LOOP, *DECISIONS, *DELIVERIES)


def main() -> int:
    options = _options()
    parts: Sequence[str] = options.only or (DECISIONS if options.decisions else LOOP)
    print(f"{len(os.sched_getaffinity(0))} cores, load {load()} before anything is started", flush=True)
    rows = list(_on_a_stack(options, parts))
    if "monitoring" in parts:
        rows += _monitoring(options.sizes)  # without the stack, which it does not need and which would disturb it
    if "validation" in parts:
        rows += _validation(options.quick)
    rows += _decisions(options, parts)
    rows += _deliveries(options, parts)
    show(rows)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure these parts only")
    parser.add_argument("--decisions", action="store_true", help="measure the decisions instead of the loop; longer")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works, not what it takes")
    parser.add_argument("--rows", type=int, help="rows of the delivery that a cycle takes in (100 000)")
    parser.add_argument("--repetitions", type=int, help="cycles on each side (3)")
    parser.add_argument("--starts", type=int, help="starts of each deployment (5)")
    parser.add_argument("--breaches", type=int, help="breaches (100)")
    parser.add_argument("--checks", type=int, help="checks per kind of unchanged data, size and width (25)")
    parser.add_argument("--trials", type=int, help="trials per kind of change (200)")
    parser.add_argument("--seeds", type=int, help="duels of each case (500)")
    parser.add_argument("--probations", type=int, help="probations of each case (200)")
    parser.add_argument("--holdouts", type=int, help="holdouts that are attacked (200)")
    parser.add_argument("--candidates", type=int, help="candidates of one attack (1 000)")
    parser.add_argument("--storm", type=int, help="breaches of a storm (1 000)")
    parser.add_argument("--calls", type=int, help="every how many-th call of a vendor fails (1: each)")
    parser.add_argument("--worlds", type=int, help="samples whose every month is decided about (20)")
    options = parser.parse_args()
    usual = {"rows": 100_000, "repetitions": 3, "starts": 5, "breaches": 100}
    small = {"rows": 5_000, "repetitions": 1, "starts": 2, "breaches": 6}
    usual |= {
        "checks": 25,
        "trials": 200,
        "seeds": 500,
        "probations": 200,
        "holdouts": 200,
        "candidates": 1_000,
        "storm": 1_000,
        "calls": 1,
        "worlds": 20,
    }
    small |= {
        "checks": 2,
        "trials": 2,
        "seeds": 10,
        "probations": 10,
        "holdouts": 10,
        "candidates": 30,
        "storm": 20,
        "calls": 12,
        "worlds": 1,
    }
    for name, value in (small if options.quick else usual).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.sizes = [50_000] if options.quick else [1_000_000, 5_000_000]
    return options


def _on_a_stack(options: argparse.Namespace, parts: Sequence[str]) -> Iterator[Row]:
    if not {"cycle", "starts", "breaches"} & set(parts):
        return
    from benchmarks import cycle, latency, world

    with world.world() as ground:
        if {"cycle", "starts"} & set(parts):
            _say("preparing: a delivery, a champion, its first cycle")
            world.prepare(ground, options.rows, history=max(3_000, 3 * options.rows // 10))
        if "cycle" in parts:
            _say(f"{options.repetitions} cycles on each side")
            yield from cycle.measure(ground, options.rows, options.repetitions)
        if "starts" in parts:
            _say(f"{options.starts} starts of two deployments")
            yield from latency.measure_starts(ground, options.starts)
        if "breaches" in parts:
            _say(f"{options.breaches} breaches")
            yield from latency.measure_breaches(ground, options.breaches)


def _monitoring(sizes: list[int]) -> Iterator[Row]:
    from benchmarks import monitoring

    for size in sizes:
        _say(f"the monitoring check at {size:,} rows")
        with tempfile.TemporaryDirectory() as name:
            monitoring.generate(Path(name), size)
            mine = monitoring.contest("keepfit", Path(name))
            other = monitoring.contest("peer", Path(name)) if size <= monitoring.PEER_LIMIT else None
        met = monitoring.show(size, mine, other)
        told = f"{mine['check']:.1f} s, {mine['bytes'] / 1e9:.1f} GB"
        measure = f"monitoring check, {size:,} rows x {len(monitoring.NUMBERS + monitoring.CATEGORIES)} columns"
        if other is None:
            goal = f"<= {monitoring.SECONDS_GOAL:g} s and {monitoring.BYTES_GOAL / 1e9:g} GB"
            yield Row(measure, told, goal=goal, met=met, load=load())
        else:
            peer, ratio = f"{other['check']:.1f} s DataDriftPreset", other["check"] / mine["check"]
            goal = f">= {monitoring.RATIO_GOAL:g} times faster, same verdicts"
            yield Row(measure, told, peer, f"{ratio:.1f}", goal, met, load())


def _validation(quick: bool) -> Iterator[Row]:
    from benchmarks import validation

    sizes = validation.QUICK if quick else validation.SIZES
    _say(f"Parquet deliveries of {', '.join(f'{size:,}' for size in sizes)} rows, each contestant in turn")
    yield from validation.measure(sizes, 1 if quick else validation.REPETITIONS)


def _decisions(options: argparse.Namespace, parts: Sequence[str]) -> Iterator[Row]:
    from benchmarks import alarm_worlds, alarms, duels, failures, holdout, probations, remedies, simulations, storm

    sizes, columns = ((30, 500), (10,)) if options.quick else (alarms.SIZES, alarms.COLUMNS)
    worlds, count = alarm_worlds.WORLDS, options.candidates
    begin: dict[str, tuple[str, Callable[[], Iterable[Row]]]] = {
        "alarms": (
            f"{options.checks} checks of each kind of unchanged data, {options.trials} trials of each change",
            lambda: alarms.measure(sizes, columns, worlds, options.checks, options.trials),
        ),
        "duels": (f"{options.seeds} duels of each case", lambda: duels.measure(options.seeds)),
        "holdout": (
            f"{options.holdouts} holdouts, {count:,} candidates against each",
            lambda: holdout.measure(count, options.holdouts),
        ),
        "probations": (
            f"{options.probations} probations of each case",
            lambda: probations.measure(options.probations),
        ),
        "storm": (f"two storms of {options.storm:,} breaches", lambda: storm.measure(options.storm)),
        "failures": (
            "every vendor fails at each of its calls in turn, in every stage; half an hour",
            lambda: failures.measure(options.calls),
        ),
        "simulations": ("two public histories under every policy", lambda: simulations.measure(options.quick)),
        "remedies": (f"{options.worlds} samples with declared truth", lambda: remedies.measure(options.worlds)),
    }
    for name in (name for name in DECISIONS if name in parts):
        told, measure = begin[name]
        _say(told)
        yield from measure()


def _deliveries(options: argparse.Namespace, parts: Sequence[str]) -> Iterator[Row]:
    from benchmarks import database

    if "database" in parts:
        sizes = (5_000, 20_000) if options.quick else database.SIZES
        _say(f"PostgreSQL tables of {', '.join(f'{size:,}' for size in sizes)} rows, which grow meanwhile")
        yield from database.measure(sizes)


def _say(what: str) -> None:
    print(f"{what} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
