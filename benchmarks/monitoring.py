"""Keepfit's monitoring check on a table on disk, against Evidently's DataDriftPreset on all rows, in one run.

    python -m benchmarks.monitoring [--rows 1000000 --rows 5000000] [--peer-5m]

Every contestant runs in a process of its own. "check" excludes imports on both sides; Keepfit's includes reading and
sampling the table in a stream, the preset's starts from frames that are already in memory. "process" is everything.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

NUMBERS, CATEGORIES = [f"number_{i:02d}" for i in range(15)], [f"category_{i}" for i in range(5)]
SHIFTS = dict(zip(NUMBERS, np.geomspace(0.02, 0.5, len(NUMBERS)), strict=True))
TILTS = dict(zip(CATEGORIES, (0.0, 0.1, 0.25, 0.6, 1.0), strict=True))
CHUNK, SEED, SECONDS_GOAL, BYTES_GOAL, RATIO_GOAL, UNDECIDED = 250_000, 7, 15.0, 2e9, 15.0, 0.15
PEER_LIMIT = 1_000_000


def chunks(rows: int, drifted: bool) -> Iterator[pa.Table]:
    for start in range(0, rows, CHUNK):
        size, rng = min(CHUNK, rows - start), np.random.default_rng([SEED, drifted, start])
        names = np.array(["red", "green", "blue", "amber", "violet", "white"])
        columns: dict[str, Any] = {"_row_id": [f"{'cur' if drifted else 'ref'}-{start + i:012x}" for i in range(size)]}
        for place, (name, shift) in enumerate(SHIFTS.items()):
            base = rng.lognormal(0, 0.8, size) if place % 3 == 2 else rng.normal(size=size)
            columns[name] = base + (shift * base.std() if drifted else 0)
        for name, tilt in TILTS.items():
            weights = np.linspace(1.0, 2.0, len(names)) ** (tilt * 4 if drifted else 0)
            columns[name] = pa.array(names[rng.choice(len(names), size, p=weights / weights.sum())])
        yield pa.table(columns)


def generate(folder: Path, rows: int) -> None:
    for name, drifted in (("reference", False), ("current", True)):
        writer = None
        for table in chunks(rows, drifted):
            writer = writer or pq.ParquetWriter(folder / f"{name}.parquet", table.schema)
            writer.write_table(table, row_group_size=CHUNK)
        if writer is not None:
            writer.close()


def ours(folder: Path) -> tuple[float, dict[str, Any]]:
    import evidently  # noqa: F401 - imports are counted apart, on both sides
    import scipy.stats  # noqa: F401
    import sklearn.ensemble  # noqa: F401

    from tasks.adapters.drift_metrics import measure_drift
    from tasks.core.data_signals import data_signals
    from tasks.core.drift import Drift, judge_drift
    from tasks.core.multivariate import judge_multivariate
    from tasks.core.sampling import bounded_sample_batches

    started, busy, config = time.perf_counter(), time.process_time(), Drift()
    frames = []
    for name in ("reference", "current"):
        data = pyarrow.dataset.dataset(folder / f"{name}.parquet")
        batches = data.to_batches(batch_size=65_536, batch_readahead=2, fragment_readahead=1)
        frames.append(bounded_sample_batches(batches, config.max_rows, SEED))
    read = time.perf_counter() - started
    measured = measure_drift(*frames, numerical=NUMBERS, categorical=CATEGORIES, config=config, seed=SEED)
    _, columns = judge_drift(measured.pairs, measured.distances, measured.noise, config)
    signals = data_signals(*frames, numerical=NUMBERS, categorical=CATEGORIES, config=config)
    judge_multivariate(*frames, numerical=NUMBERS, categorical=CATEGORIES, config=config, seed=SEED)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    verdicts = {check.name: str(check.verdict) == "fail" for check in columns}
    return seconds, {
        "verdicts": verdicts,
        "read": read,
        "cpu": cpu,
        "signals": [str(check.verdict) for check in signals],
    }


def peer(folder: Path) -> tuple[float, dict[str, Any]]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES)
    sides = [
        Dataset.from_pandas(pd.read_parquet(folder / f"{name}.parquet").drop(columns="_row_id"), definition)
        for name in ("current", "reference")
    ]
    started, busy = time.perf_counter(), time.process_time()
    snapshot = Report([DataDriftPreset(num_method="wasserstein", cat_method="jensenshannon")]).run(*sides)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    distances = {
        item.metric_value_location.metric.params["column"]: float(item.value)
        for item in snapshot.metric_results.values()
        if "ValueDrift" in item.metric_value_location.metric.params["type"]
    }
    return seconds, {"distances": distances, "cpu": cpu}


def contest(who: str, folder: Path) -> dict[str, Any]:
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.monitoring", "--child", who, "--folder", str(folder)]
    quiet = {**os.environ, "DO_NOT_TRACK": "true"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=quiet)
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return {**answer, "process": time.perf_counter() - started}


def child(who: str, folder: Path) -> None:
    seconds, answer = (ours if who == "keepfit" else peer)(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({**answer, "check": seconds, "bytes": peak}) + "\n")


def show(rows: int, mine: dict[str, Any], other: dict[str, Any] | None) -> bool:
    row = "{:>10,} {:<16} {:>9.1f} {:>9.1f} {:>10.1f} {:>9.2f}"
    print(
        row.format(rows, "keepfit", mine["check"], mine["cpu"], mine["process"], mine["bytes"] / 1e9),
        f"  (read {mine['read']:.1f} s)",
    )
    if other is None:
        good: bool = mine["check"] <= SECONDS_GOAL and mine["bytes"] <= BYTES_GOAL
        print(f"{'':>10} goal: at most {SECONDS_GOAL:g} s and {BYTES_GOAL / 1e9:g} GB: {'met' if good else 'MISSED'}")
        return good
    print(row.format(rows, "DataDriftPreset", other["check"], other["cpu"], other["process"], other["bytes"] / 1e9))
    clear = {name: value for name, value in other["distances"].items() if abs(value / 0.1 - 1) > UNDECIDED}
    same = sum(mine["verdicts"][name] == (value >= 0.1) for name, value in clear.items())
    ratio = other["check"] / mine["check"]
    good = ratio >= RATIO_GOAL and same == len(clear)
    print(
        f"{'':>10} {ratio:.1f} times faster (whole process {other['process'] / mine['process']:.1f}); same verdict on "
        f"{same} of {len(clear)} columns more than {UNDECIDED:.0%} from the threshold (of {len(other['distances'])}); "
        f"goal {RATIO_GOAL:g} times and all: {'met' if good else 'MISSED'}"
    )
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.monitoring")
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--peer-5m", action="store_true", help="run the preset above 1 M rows too (minutes, 7 GB)")
    parser.add_argument("--child", choices=["keepfit", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.folder)
        return 0
    header = f"{'rows':>10} {'':<16} {'check s':>9} {'its cpu':>9} {'process s':>10} {'peak GB':>9}"
    print(f"{header}   ({len(NUMBERS + CATEGORIES)} columns)", flush=True)
    good = True
    for rows in options.rows or [1_000_000, 5_000_000]:
        with tempfile.TemporaryDirectory() as name:
            generate(Path(name), rows)
            mine = contest("keepfit", Path(name))
            versus = contest("peer", Path(name)) if rows <= PEER_LIMIT or options.peer_5m else None
        good &= show(rows, mine, versus)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
