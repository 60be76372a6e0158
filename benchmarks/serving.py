"""Online scoring under load while everything around it goes wrong, and against `mlflow models serve`.

    python -m benchmarks.serving [--minutes 10] [--rounds 5] [--seconds 20] [--quick]

Prints counts; a goal that is missed is shown. About 10 minutes of trouble, then rounds x seconds x 5 of contest.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.ground import DAY, PIPELINE, SECOND, Ground, _register, prepare
from benchmarks.results import Row, load, show
from benchmarks.serving_load import Load, Outcome, quantile
from benchmarks.serving_world import HEADERS, answers, environment_of, free_port, mlflow, process, server, wait_until

MOVES = 20
_FOLLOWED = 10.0  # seconds in which a server has to notice


@dataclass
class Trouble:
    """What happened beside the load, and what the server said of it."""

    moves: int = 0
    corrupt_told: str = ""
    banned_told: str = ""
    stopped: float = 0.0
    killed: bool = False
    allowed: list[tuple[float, int]] = field(default_factory=list)


def trouble(ground: Ground, seconds: float, connections: int = 4, moves: int = MOVES) -> tuple[Outcome, Trouble, int]:
    """Load for so long; meanwhile the champion changes, one version is corrupt, one banned, MLflow and the server stop.

    Gives what was answered, what happened, and how many rows were taken up into the tables.
    """
    port, over, told = free_port(), threading.Event(), Trouble()
    rng = np.random.default_rng(5)
    values = rng.normal(size=(10_000, 2)).round(6)
    body = lambda n: {"id": f"online{n}", "x": float(values[n % 10_000, 0]), "z": float(values[n % 10_000, 1])}  # noqa: E731
    outcomes: list[Outcome] = []
    load_ = Load(f"http://127.0.0.1:{port}/{PIPELINE}/predict", HEADERS, body, connections, pause=0.01, keep=True,
                 down=lambda: told.killed)  # fmt: skip
    with mlflow(ground) as (url, tracking):
        corrupt = _corrupt_version(ground)
        client = threading.Thread(target=lambda: outcomes.append(asyncio.run(load_.run(over.is_set))))
        with server(ground, url, port) as first:
            told.allowed.append((time.perf_counter(), first.ready()["version"]))
            client.start()
            step = seconds / (moves + 6)
            for _ in range(moves // 2):
                _move(ground, told, step)
            _stop(ground, tracking, told, max(seconds / 5, 8), first)
            told.corrupt_told = _crown_corrupt(ground, corrupt, first)
            _move(ground, told, step)
            told.killed = True
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait(10)
        with server(ground, url, port) as second:
            told.killed = False
            for _ in range(moves - moves // 2 - 1):
                _move(ground, told, step)
            told.banned_told = _crown_banned(ground, told, second)
            time.sleep(step)
            over.set()
            client.join()
    taken = _take_up(ground)
    return outcomes[0], told, taken


def _move(ground: Ground, told: Trouble, step: float) -> None:
    from flows.rollback import rollback_flow
    from tasks.core.championship import reign

    began = time.perf_counter()
    now = reign(ground.session(SECOND).journal.entries())
    target = 2 if now is None or now.champion == 1 else 1
    told.allowed.append((time.perf_counter(), target))
    with ground.run():
        rollback_flow.fn(PIPELINE, target, "benchmark", "a move")
    told.moves += 1
    _take_up(ground)
    time.sleep(max(0.0, step - (time.perf_counter() - began)))


def _stop(ground: Ground, tracking: Any, told: Trouble, seconds: float, served: Any) -> None:
    began = time.perf_counter()
    os.killpg(tracking.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: not served.ready()["mlflow_answers"], 30)
        _move(ground, told, 0)
        time.sleep(max(0.0, seconds - (time.perf_counter() - began)))
    finally:
        os.killpg(tracking.pid, signal.SIGCONT)
    told.stopped = time.perf_counter() - began
    wait_until(lambda: served.ready()["mlflow_answers"], 30)


def _corrupt_version(ground: Ground) -> Any:
    """A third version, one byte of whose file is flipped after its registration."""
    from config.load import load_pipeline
    from config.settings import load_settings
    from tasks.adapters import tracking

    with ground.run():
        version = _register(
            ground, load_pipeline(PIPELINE, load_settings()), SECOND - 3 * DAY
        )  # version 2 stands for SECOND
    source = str(tracking.client().get_model_version(PIPELINE, str(version.number)).source).rpartition("/")[2]
    (path,) = (path for path in ground.home.rglob("model.skops") if source in path.parts)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return version


def _crown(ground: Ground, version: Any, key: str, replaces: int) -> None:
    from tasks.adapters import registry
    from tasks.core.championship import PROMOTED
    from tasks.core.results import Decision, Verdict

    session = ground.session(SECOND)
    evidence = {"version": version.number, "sha256": version.sha256, "replaces": replaces}
    session.record(Decision(
        key=key, pipeline=PIPELINE, kind="promotion", verdict=Verdict.PASS, outcome=PROMOTED, reason="by the benchmark",
        as_of=SECOND, run_id="benchmark", evidence=evidence,
    ))  # fmt: skip
    registry.move_alias(PIPELINE, registry.CHAMPION, version.number)


def _crown_corrupt(ground: Ground, version: Any, served: Any) -> str:
    _crown(ground, version, "corrupt", served.ready()["version"])
    wait_until(lambda: "refused" in served.ready()["why"], 30)
    return str(served.ready()["why"])


def _crown_banned(ground: Ground, told: Trouble, served: Any) -> str:
    """Version 2 is banned, then made champion nevertheless."""
    from flows.rollback import rollback_flow
    from tasks.adapters import registry
    from tasks.core.championship import reign

    now = reign(ground.session(SECOND).journal.entries())
    if now is None or now.champion != 2:
        _move(ground, told, 0)
    told.allowed.append((time.perf_counter(), 1))
    with ground.run():
        rollback_flow.fn(PIPELINE, 1, "benchmark", "taken back for good", ban=True)
    wait_until(lambda: served.ready()["version"] == 1, 30)
    second = registry.version_of(PIPELINE, 2)
    _crown(ground, second, "crown the banned", 1)
    wait_until(lambda: "banned" in served.ready()["why"], 30)
    return str(served.ready()["why"])


def _take_up(ground: Ground) -> int:
    from config.load import load_pipeline
    from config.settings import load_settings
    from tasks import online

    config = load_pipeline(PIPELINE, load_settings())
    online.take_up_answers.fn(ground.session(SECOND), config.columns, config.suite.protection, ground.home)
    found = ground.session(SECOND).store.read("predictions")
    return int(found["_answer_id"].notna().sum()) if "_answer_id" in found else 0


def judge(ground: Ground, outcome: Outcome, told: Trouble) -> dict[str, int]:
    """Counts of what must not be: failed requests, wrong versions, wrong scores, answers that are not there once."""
    from tasks.adapters import cleanroom, registry
    from tasks.core.estimators import predict

    stored = ground.session(SECOND).store.read("predictions")
    stored = stored[stored["_answer_id"].notna()].set_index("_answer_id")
    answered = pd.DataFrame([answer | {"x": row["x"], "z": row["z"]} for row, answer, _, _ in outcome.kept])
    wrong = 0
    for number in (1, 2):
        rows = answered[answered["model_version"] == number]
        with tempfile.TemporaryDirectory() as folder:
            path = registry.fetch(PIPELINE, registry.version_of(PIPELINE, number), Path(folder))
            expected = predict(cleanroom.load_model(path), rows[["x", "z"]], "binary") if len(rows) else rows["score"]
        wrong += int((abs(expected - rows["score"].to_numpy()) > 1e-9).sum())
    late = sum(not _may(told.allowed, answer["model_version"], began, ended)
               for _, answer, began, ended in outcome.kept)  # fmt: skip
    once = stored.index.value_counts().reindex(answered["answer_id"]).fillna(0)
    kept = stored[~stored.index.duplicated()].reindex(answered["answer_id"])
    return {
        "answered": len(answered),
        "failed": sum(outcome.failed.values()),
        "cut by the kill": outcome.cut,
        "wrong score": wrong,
        "wrong version": late,
        "not in the table once": int((once != 1).sum()),
        "other in the table": int((abs(kept["prediction"].to_numpy() - answered["score"].to_numpy()) > 1e-12).sum()),
        "given ids": int(answered["answer_id"].nunique()),
        "written and not given": len(stored) - len(answered),
    }


def _may(allowed: list[tuple[float, int]], version: int, began: float, ended: float) -> bool:
    """Whether the version was champion at some moment between `_FOLLOWED` before the request and its end."""
    ends = [moment for moment, _ in allowed[1:]] + [float("inf")]
    return any(number == version and start <= ended and until >= began - _FOLLOWED
               for (start, number), until in zip(allowed, ends, strict=True))  # fmt: skip


@contextmanager
def _peer(ground: Ground, url: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{PIPELINE}/1", "--env-manager",
               "local", "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    # MLflow's scoring server loads no skops file without this; here it is one that this very run has trained.
    environment = environment_of(ground, MLFLOW_TRACKING_URI=url, MLFLOW_ALLOW_PICKLE_DESERIALIZATION="true")
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    with process(command, environment, ground.home, ground.folder / "peer.log"):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), 120)
        yield f"http://127.0.0.1:{port}/invocations"


def _run(url: str, body: Callable[[int], dict[str, Any]], connections: int, seconds: float) -> Outcome:
    end = time.monotonic() + seconds
    return asyncio.run(Load(url, HEADERS, body, connections).run(lambda: time.monotonic() > end))


def contest(ground: Ground, rounds: int, seconds: float, connections: int) -> Iterator[Row]:
    """Alternating runs of single rows on the same model: Keepfit, MLflow's server, and Keepfit without its log."""
    mine = lambda n: {"id": f"c{n}", "x": 0.1 + n % 7, "z": 0.2}  # noqa: E731
    theirs = lambda n: {"dataframe_split": {"columns": ["x", "z"], "data": [[0.1 + n % 7, 0.2]]}}  # noqa: E731
    found: dict[str, list[Outcome]] = {"keepfit": [], "mlflow": [], "no log": []}
    with mlflow(ground) as (url, _):
        for number in range(rounds):
            for name in sorted(found, reverse=bool(number % 2)):
                if name == "mlflow":
                    with _peer(ground, url) as address:
                        found[name].append(_warm(address, theirs, connections, seconds))
                    continue
                with server(ground, url, without_log=name == "no log") as served:
                    found[name].append(_warm(f"{served.url}/{PIPELINE}/predict", mine, connections, seconds))
    yield from _rows(found, connections, rounds)


def _warm(url: str, body: Callable[[int], dict[str, Any]], connections: int, seconds: float) -> Outcome:
    _run(url, body, connections, min(2.0, seconds))
    return _run(url, body, connections, seconds)


def _rows(found: dict[str, list[Outcome]], connections: int, rounds: int) -> Iterator[Row]:
    rate = {name: float(np.median([len(one.seconds) / one.elapsed for one in ran])) for name, ran in found.items()}
    slow = {name: float(np.median([quantile(one.seconds, 0.99) for one in ran])) * 1000 for name, ran in found.items()}
    failed = {name: sum(sum(one.failed.values()) for one in ran) for name, ran in found.items()}
    ratio, cost = rate["keepfit"] / rate["mlflow"], 1 - rate["keepfit"] / rate["no log"]
    title = f"single rows, {connections} connections, median of {rounds} runs"
    told = {name: f"{rate[name]:.0f}/s, p99 {slow[name]:.1f} ms, {failed[name]} failed" for name in found}
    met = ratio >= 5 and slow["keepfit"] <= slow["mlflow"]
    peer = f"{told['mlflow']} mlflow models serve"
    yield Row(title, told["keepfit"], peer, f"{ratio:.1f}", ">= 5 times, p99 no worse", met, load())
    yield Row(f"cost of the log, {connections} connections", f"{cost:.1%} of the rate", told["no log"],
              goal="<= 10 %", met=cost <= 0.1, load=load())  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving")
    parser.add_argument("--minutes", type=float, default=10.0, help="of trouble; 0: none")
    parser.add_argument("--rounds", type=int, default=5, help="runs on each side; 0: no contest")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")
    parser.add_argument("--quick", action="store_true", help="shows that it works, not what it takes")
    options = parser.parse_args()
    if options.quick:
        options.minutes, options.rounds, options.seconds = 0.5, 1, 3.0
    with tempfile.TemporaryDirectory(prefix="keepfit-serving-") as name:
        print(f"load {load()} before anything is started", flush=True)
        ground = prepare(Path(name))
        rows: list[Row] = []
        with ground.inside():
            ground.restore("whole")
            _promote(ground)
            if options.rounds:
                for connections in (1, 16):
                    rows += contest(ground, options.rounds, options.seconds, connections)
            if options.minutes:
                outcome, told, taken = trouble(ground, options.minutes * 60)
                counts = judge(ground, outcome, told)
                happened = replace(told, allowed=[])
                shown = {"counts": counts, "failed how": outcome.failed, "happened": vars(happened), "taken": taken}
                print(json.dumps(shown, indent=2))
        show(rows)
    return 0


def _promote(ground: Ground) -> None:
    from flows.promotion import promotion_flow

    with ground.run():
        promotion_flow.fn(PIPELINE, 2, SECOND)


if __name__ == "__main__":
    sys.exit(main())
