"""The whole cycle flow against a bare script of the same libraries (bare_cycle): fresh processes, alternating.

Every repetition begins with the same tables and takes in one new delivery; predictions are held against each other.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import world
from benchmarks.results import Row, load
from benchmarks.world import PIPELINE, Cost, World

WALL_GOAL = 1.3


def measure(ground: World, rows: int, repetitions: int) -> list[Row]:
    """Medians of wall and processor seconds on both sides, and the wall seconds of the same cycle on the worker."""
    job = _job(ground)
    costs: dict[str, list[Cost]] = {"keepfit": [], "bare": []}
    contestants: dict[str, Callable[[], Cost]] = {
        "keepfit": lambda: _keepfit(ground),
        "bare": lambda: _bare(ground, job),
    }
    for number in range(repetitions):
        for name in sorted(contestants, reverse=number % 2 == 0):
            costs[name].append(contestants[name]())
        _hold_together(ground)
    return [*_rows(costs, rows), _on_worker(ground, rows)]


def _rows(costs: dict[str, list[Cost]], rows: int) -> list[Row]:
    found = []
    for what, goal in (("wall", WALL_GOAL), ("cpu", None)):
        ours, theirs = (float(np.median([getattr(cost, what) for cost in costs[name]])) for name in ("keepfit", "bare"))
        ratio = ours / theirs
        found.append(
            Row(
                f"whole cycle, {rows:,} rows, {what} seconds", f"{ours:.1f} s", f"{theirs:.1f} s bare script",
                f"{ratio:.2f}", "" if goal is None else f"ratio <= {goal}", None if goal is None else ratio <= goal,
                load(),
            )
        )  # fmt: skip
    return found


def _keepfit(ground: World) -> Cost:
    world.restore(ground)
    return ground.keepfit("run", "cycle", PIPELINE, "--as-of", world.MEASURED_AT.isoformat())


def _bare(ground: World, job: dict[str, Any]) -> Cost:
    shutil.rmtree(ground.folder / "bare", ignore_errors=True)
    shutil.copytree(ground.folder / "prepared", job["store"])
    (ground.folder / "job.json").write_text(json.dumps(job))
    return ground.run("-m", "benchmarks.bare_cycle", str(ground.folder / "job.json"))


def _on_worker(ground: World, rows: int) -> Row:
    from prefect.deployments import run_deployment

    world.restore(ground)
    began = time.perf_counter()
    given = {"pipeline": PIPELINE, "as_of": world.MEASURED_AT.isoformat()}
    run: Any = run_deployment(f"cycle/{PIPELINE}", parameters=given, timeout=900, poll_interval=0.5, as_subflow=False)
    seconds = time.perf_counter() - began
    if not run.state.is_completed():
        raise RuntimeError(f"the cycle on the worker ended as {run.state.name}: {run.state.message}")
    return Row(f"the same as a deployment on the worker, {rows:,} rows", f"{seconds:.1f} s", "", "", "", None, load())


def _job(ground: World) -> dict[str, Any]:
    """What the bare script is told; its reference is the sample that Keepfit keeps for its champion."""
    from config.opening import open_pipeline
    from tasks.adapters.registry import champion_of
    from tasks.monitoring import sample_reference

    config, session = open_pipeline(PIPELINE, world.TRAINED_AT, "bench")
    champion = champion_of(PIPELINE)
    if champion is None:
        raise RuntimeError("the prepared pipeline has no champion: its gates refused the first one")
    reference = ground.folder / "reference.parquet"
    sample_reference.fn(session, champion, config.drift, config.search.seed).to_parquet(reference)
    return {
        "source": str(ground.source()), "store": str(ground.folder / "bare" / "store"), "model": PIPELINE,
        "workspace": str(ground.folder / "bare" / "workspace"), "reference": str(reference),
        "as_of": world.MEASURED_AT.isoformat(), "numbers": world.NUMBERS, "categories": world.CATEGORIES,
        "low": world.LOWEST, "high": world.HIGHEST, "label_delay": f"{world.LABEL_DELAY.total_seconds()}s",
        "window": f"{config.drift.window.total_seconds()}s", "max_rows": config.drift.max_rows,
    }  # fmt: skip


def _hold_together(ground: World) -> None:
    """The peer is honest only while it predicts the same for the same rows."""
    ours, theirs = (_predictions(folder) for folder in (ground.store, ground.folder / "bare" / "store"))
    if not ours.index.equals(theirs.index) or not np.allclose(ours, theirs, rtol=0, atol=1e-12):
        raise RuntimeError(f"the bare script and the flow predict differently ({len(ours)} and {len(theirs)} rows)")
    new = len(ours.index.difference(_predictions(ground.folder / "prepared").index))
    if not new:
        raise RuntimeError("neither side predicted anything: there is nothing to compare")
    print(f"the same predictions for {new:,} rows on both sides", flush=True)


def _predictions(store: Path) -> "pd.Series[float]":
    from deltalake import DeltaTable

    table = DeltaTable(str(store / "predictions")).to_pyarrow_table(columns=["_row_id", "prediction"])
    found: pd.Series[float] = table.to_pandas().set_index("_row_id")["prediction"].sort_index()
    return found
