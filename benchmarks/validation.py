"""A Parquet delivery through Keepfit's own ingestion, against the bare minimum, Great Expectations alone and stock GX.

    python -m benchmarks.validation [--quick]

Each contestant runs in a fresh process, in turn, and first takes a small delivery: imports and first calls are no part
of what is measured. "bare" reads the file, makes the same checks by hand in Arrow, and writes the Delta table.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import validation_rules as rules
from benchmarks.results import Row, load, show

SIZES = (250_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
QUICK = (2_000, 5_000, 10_000, 20_000, 40_000)
RATIO_GOAL, BYTES_GOAL, GROWTH_GOAL = 1.5, 3e9, 1.1
REPETITIONS, EARLIER, CHUNK = 3, 2_000, 250_000
NOW = datetime(2025, 6, 1, tzinfo=UTC)


def generate(path: Path, rows: int, seed: int) -> None:
    """A delivery of sound rows, of which some break a rule of single rows."""
    with pq.ParquetWriter(path, rules.SCHEMA) as writer:
        for start in range(0, rows, CHUNK):
            size = min(CHUNK, rows - start)
            rng = np.random.default_rng([seed, start])
            writer.write_table(_chunk(rng, start, size, "hist"[seed]), row_group_size=CHUNK)


def _chunk(rng: np.random.Generator, start: int, size: int, letter: str) -> pa.Table:
    columns: dict[str, Any] = {
        "id": [f"{letter}-{number:012d}" for number in range(start, start + size)],
        "at": (rng.uniform(0, 30 * 86_400e6, size).astype("int64") + int((NOW.timestamp() - 40 * 86_400) * 1e6)),
    }
    for place, name in enumerate(rules.NUMBERS):
        values = rng.normal(size=size).clip(rules.LOWEST, rules.HIGHEST)
        values[rng.random(size) < rules.BAD_SHARE / 10] = 99.0
        gone = rng.random(size) < (0.02 if place >= 8 else 0)
        columns[name] = pa.array(values, mask=gone)
    first = rng.integers(0, 1_000, size)
    columns |= {rules.COUNTS[0]: first, rules.COUNTS[1]: first + rng.integers(0, 500, size)}
    for name in rules.CATEGORIES:
        columns[name] = np.array(rules.COLOURS)[rng.integers(0, len(rules.COLOURS), size)]
    columns |= {"flag": rng.random(size) < 0.5, "label": np.array(["no", "yes"])[rng.integers(0, 2, size)]}
    arrays = [pa.array(columns[field.name], field.type) for field in rules.SCHEMA]
    return pa.table(arrays, schema=rules.SCHEMA)


def keepfit(earlier: Path, delivery: Path, home: Path) -> dict[str, Any]:
    """The flow's own step, without Prefect around it."""
    from config.schema import PipelineConfig
    from flows import ingestion as flow
    from tasks import ingestion, releasing, watching
    from tasks.adapters.store import Store
    from tasks.session import Session

    config = PipelineConfig.model_validate(rules.PIPELINE)
    for room, names in (
        (ingestion, ("keep_raw", "judge_events", "publish_batch", "record_batch")),
        (releasing, ("find_replaced",)), (watching, ("watch_delivery",)),
    ):  # fmt: skip
        for name in names:
            setattr(room, name, getattr(room, name).fn)
    setattr(ingestion, "get_run_logger", lambda: logging.getLogger("benchmark"))  # noqa: B010 - as mypy reads it
    session = Session(Store(str(home / "store"), "bench"), f"sqlite:///{home}/control.db", NOW, "run", lambda: NOW)

    def take_in(path: Path) -> Any:
        with session.leases.hold("ingestion/bench", "run") as lease:
            run = flow._Run(config, session, lease)  # noqa: SLF001 - the flow's own step
            return next(flow._ingest_events(run, [path]))  # noqa: SLF001 - likewise

    decision, told = _timed(take_in, earlier, delivery)
    return told | {"accepted": decision.evidence["accepted"], "quarantined": decision.evidence["quarantined"]}


def bare(earlier: Path, delivery: Path, home: Path) -> dict[str, Any]:
    """Read, check by hand, write: what anybody's own script has to do at least."""
    import pyarrow.compute as pc
    from deltalake import write_deltalake

    def take_in(path: Path) -> Any:
        table = pq.read_table(path)
        sound, failed = rules.check_by_hand(table)
        write_deltalake(str(home / "events"), table.filter(sound), mode="append")
        return pc.sum(sound).as_py(), failed

    (accepted, failed), told = _timed(take_in, earlier, delivery)
    return told | {"accepted": accepted, "quarantined": pq.read_metadata(delivery).num_rows - accepted, "why": failed}


def gx(earlier: Path, delivery: Path, _home: Path) -> dict[str, Any]:
    """Great Expectations alone, asked as Keepfit asks it: the evaluation of the suite and nothing else."""
    return _evaluated(earlier, delivery, None, None)


def spark(earlier: Path, delivery: Path, home: Path) -> dict[str, Any]:
    """The same by Great Expectations' engine for Spark, on the cores of this machine; started before."""
    from tasks.adapters.engines import SparkEngine

    return _evaluated(earlier, delivery, SparkEngine(kind="spark", settings={"spark.driver.memory": "2g"}), home)


def _evaluated(earlier: Path, delivery: Path, engine: Any, home: Path | None) -> dict[str, Any]:
    from config.schema import PipelineConfig
    from tasks.adapters import expectations, patterns
    from tasks.core.columns import convert

    config = PipelineConfig.model_validate(rules.PIPELINE)
    suite = [*expectations.always(config.columns), *config.suite.expectations]
    setattr(patterns, "answers_in_time", lambda *_: True)  # noqa: B010 - Keepfit's own guard, not GX's

    def typed(path: Path) -> Any:
        return convert(config.source.read(path), config.columns).frame

    def take_in(frame: Any) -> list[str]:
        return [check.verdict.value for check in expectations.validate(frame, suite, (), engine, home).checks]

    verdicts, told = _timed(take_in, typed(earlier), typed(delivery))
    return told | {"verdicts": verdicts}


def stock(earlier: Path, delivery: Path, home: Path) -> dict[str, Any]:
    """The same suite as the documentation of Great Expectations has it: the whole frame, default settings."""
    import great_expectations
    import pandas as pd
    from deltalake import write_deltalake

    from config.schema import PipelineConfig
    from tasks.adapters.expectations import always

    config = PipelineConfig.model_validate(rules.PIPELINE)
    context = great_expectations.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("batch").add_dataframe_asset("rows")
    whole = asset.add_batch_definition_whole_dataframe("all")
    built = [
        getattr(great_expectations.expectations, one.expect)(**one.arguments)
        for one in (*always(config.columns), *config.suite.expectations)
    ]
    suite = great_expectations.ExpectationSuite(name="suite", expectations=built)

    def take_in(path: Path) -> Any:
        frame = pd.read_parquet(path)
        result = whole.get_batch(batch_parameters={"dataframe": frame}).validate(suite)
        write_deltalake(str(home / "events"), frame, mode="append")
        return result.statistics

    statistics, told = _timed(take_in, earlier, delivery)
    return told | {"evaluated": statistics["evaluated_expectations"]}


def _timed(take_in: Callable[[Any], Any], earlier: Any, delivery: Any) -> tuple[Any, dict[str, Any]]:
    take_in(earlier)
    began, busy = time.perf_counter(), time.process_time()
    answer = take_in(delivery)
    return answer, {"seconds": time.perf_counter() - began, "cpu": time.process_time() - busy, "peak": _peak()}


def _peak() -> int:
    """Bytes of memory that this process held at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


CONTESTANTS = {"keepfit": keepfit, "bare": bare, "gx": gx, "stock": stock}
OPTIONAL = {"spark": spark} if shutil.which("java") and find_spec("pyspark") else {}


def contest(who: str, folder: Path) -> dict[str, Any]:
    """What one contestant takes, in a fresh process and an empty home."""
    with tempfile.TemporaryDirectory(prefix="home-", dir=folder) as home:
        command = [sys.executable, "-m", "benchmarks.validation", "--child", who, "--folder", str(folder)]
        quiet = {**os.environ, "DO_NOT_TRACK": "true"}
        done = subprocess.run([*command, "--home", home], capture_output=True, text=True, env=quiet, check=False)
    if done.returncode:
        raise RuntimeError(f"{who} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def measure(sizes: Sequence[int] = SIZES, repetitions: int = REPETITIONS) -> Iterator[Row]:
    """The contest at the third size, and what Keepfit takes at all of them: seconds, and memory at the last."""
    seconds: dict[int, float] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="keepfit-validation-") as name:
            folder = Path(name)
            generate(folder / "earlier.parquet", EARLIER, 0)
            generate(folder / "delivery.parquet", size, 1)
            names = tuple(CONTESTANTS) if size == sizes[2] else ("keepfit",)
            times = 1 if size == sizes[-1] else repetitions
            rounds = [{who: contest(who, folder) for who in names} for _ in range(times)]
            by_spark = [contest(who, folder) for who in OPTIONAL if size == sizes[2]]
        mine = [one["keepfit"] for one in rounds]
        seconds[size], peak = median(one["seconds"] for one in mine), max(one["peak"] for one in mine)
        if size == sizes[2]:
            yield from _compared(size, rounds)
            yield from _by_spark(size, by_spark, rounds)
        told = f"{seconds[size]:.1f} s, {1e6 * seconds[size] / size:.1f} s a million rows, {peak / 1e9:.2f} GB at most"
        last = size == sizes[-1]
        goal, met = (f"<= {BYTES_GOAL / 1e9:g} GB", peak <= BYTES_GOAL) if last else ("", None)
        yield Row(f"ingestion and validation, {size:,} rows", told, goal=goal, met=met, load=load())
    yield _growth(seconds)


def _growth(seconds: dict[int, float]) -> Row:
    """How the seconds grow with the rows: the slope of the line through their logarithms, 1 where they are in step."""
    sizes, spent = np.log(list(seconds)), np.log(list(seconds.values()))
    slope = float(np.polyfit(sizes, spent, 1)[0])
    told = f"slope {slope:.2f} of seconds over rows, both as logarithms, {min(seconds):,} to {max(seconds):,} rows"
    return Row("growth of its cost", told, goal=f"<= {GROWTH_GOAL:g}: linear", met=slope <= GROWTH_GOAL, load=load())


def _compared(size: int, rounds: list[dict[str, dict[str, Any]]]) -> Iterator[Row]:
    spent = {who: median(one[who]["seconds"] for one in rounds) for who in CONTESTANTS}
    counts = {(one[who]["accepted"], one[who]["quarantined"]) for one in rounds for who in ("keepfit", "bare")}
    if len(counts) != 1:
        raise RuntimeError(f"Keepfit and the checks by hand do not agree on accepted and quarantined rows: {counts}")
    ((accepted, quarantined),) = counts
    told = f"{spent['keepfit']:.1f} s ({accepted:,} rows accepted, {quarantined:,} quarantined, the same by hand)"
    least, asked = spent["bare"] + spent["gx"], rules.asked()
    ratio, what = spent["keepfit"] / least, f"ingestion of {size:,} rows x {len(rules.SCHEMA)} columns, {asked}"
    peer = f"{spent['bare']:.1f} s bare + {spent['gx']:.1f} s GX itself"
    yield Row(what, told, peer, f"{ratio:.2f}", f"<= {RATIO_GOAL:g}", ratio <= RATIO_GOAL, load())
    busy = {who: median(one[who]["cpu"] for one in rounds) for who in ("keepfit", "bare", "gx")}
    cpu, peer = (
        busy["keepfit"] / (busy["bare"] + busy["gx"]),
        f"{busy['bare']:.1f} s bare + {busy['gx']:.1f} s GX itself",
    )
    yield Row("the same in seconds of the processor", f"{busy['keepfit']:.1f} s", peer, f"{cpu:.2f}", load=load())
    memory = [max(one[who]["peak"] for one in rounds) / 1e9 for who in ("keepfit", "stock")]
    peer = f"{spent['stock']:.1f} s, {memory[1]:.1f} GB: pandas, GX's default settings, Delta"
    ratio = spent["stock"] / spent["keepfit"]
    yield Row(what, f"{spent['keepfit']:.1f} s, {memory[0]:.1f} GB", peer, f"{ratio:.1f} times faster", load=load())


def _by_spark(size: int, by_spark: list[dict[str, Any]], rounds: list[dict[str, dict[str, Any]]]) -> Iterator[Row]:
    for one in by_spark:
        if one["verdicts"] != rounds[0]["gx"]["verdicts"]:
            raise RuntimeError("Spark and pandas do not answer the rules alike")
        pandas, peak = median(each["gx"]["seconds"] for each in rounds), rounds[0]["gx"]["peak"]
        told = f"{one['seconds']:.1f} s, {one['peak'] / 1e9:.2f} GB in the run's own process"
        peer = f"{pandas:.1f} s, {peak / 1e9:.2f} GB: the engine pandas"
        yield Row(
            f"the rules on {size:,} rows by the engine spark", told, peer, f"{one['seconds'] / pandas:.1f}", load=load()
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.validation")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works, not what it takes")
    parser.add_argument("--child", choices=[*CONTESTANTS, *OPTIONAL], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        files = options.folder / "earlier.parquet", options.folder / "delivery.parquet"
        print(json.dumps((CONTESTANTS | OPTIONAL)[options.child](*files, options.home)))
        return 0
    show(list(measure(QUICK, 1) if options.quick else measure()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
