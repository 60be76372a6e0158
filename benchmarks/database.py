"""A table of a real PostgreSQL server through ingestion, while somebody writes and the server is restarted twice.

What counts is that every row is there once, and how the peak memory of the ingesting process grows with the rows.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import Row, load

SIZES = (100_000, 1_000_000)
RATIO_GOAL = 1.3
_LAG = timedelta(hours=1)
_TOGETHER = 10_000  # rows that the writer commits at once
_PIPELINE = {
    "pipeline": "readings", "problem": "regression", "metric": "mae",
    "columns": [
        {"name": "id", "role": "id", "type": "integer"}, {"name": "written", "role": "time", "type": "datetime"},
        {"name": "size", "role": "feature", "type": "number"}, {"name": "price", "role": "target", "type": "number"},
        {"name": "colour", "role": "feature", "type": "category"},
    ],
    "split": {"history": ["60d"], "tuning": "10d", "evaluation": "10d"},
}  # fmt: skip


def measure(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """A row for each size, and one for how much more memory the largest takes than the smallest."""
    peaks = []
    for size in sizes:
        begun = time.perf_counter()
        found = ingest_while_written(size)
        peaks.append(found["peak"])
        told = f"{found['distinct']:,} ids in {found['rows']:,} rows, {found['peak'] / 1e6:.0f} MB at most"
        met = found["rows"] == found["distinct"] == size and found["outages"] >= 1
        seconds = f"{time.perf_counter() - begun:.0f} s, {found['outages']} runs met no server"
        yield Row(f"PostgreSQL, {size:,} rows, 2 restarts", told, seconds, "", "every row once", met, load())
    if len(peaks) > 1:
        ratio = peaks[-1] / peaks[0]
        measured = f"peak memory, {sizes[-1]:,} rows to {sizes[0]:,}"
        yield Row(measured, "", "", f"{ratio:.2f}", f"<= {RATIO_GOAL:g}", ratio <= RATIO_GOAL, load())


def ingest_while_written(size: int) -> dict[str, Any]:
    """Half of the rows stand there, the others are written meanwhile; the server goes down and comes back twice."""
    import psycopg

    from tests.e2e.postgres import postgres

    with postgres() as server, tempfile.TemporaryDirectory(prefix="keepfit-database-") as home:
        with psycopg.connect(server.address) as connection:
            connection.execute(
                "CREATE TABLE readings (id bigint PRIMARY KEY, written timestamptz NOT NULL, size double precision, "
                "colour text, price numeric)"
            )
            _insert(connection, 0, size // 2)
        command = [sys.executable, "-m", "benchmarks.database", server.url, home]
        with ThreadPoolExecutor(1) as pool, subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:  # fmt: skip
            writing = pool.submit(_write, server, size // 2, size)
            outages = 0
            for _ in range(2):  # while rows are fetched, and while somebody writes
                with ThreadPoolExecutor(1) as fate:
                    down = fate.submit(_go_down, server)
                    outages += "did not answer" in _ask(child)["told"]
                    down.result()
            writing.result()
            while (told := _ask(child))["told"]:
                outages += "did not answer" in told["told"]
            child.stdin.close()  # type: ignore[union-attr]
    return told | {"outages": outages}


def _go_down(server: Any) -> None:
    server.control("-m", "immediate", "stop")
    time.sleep(2)
    server.control("start")


def _ask(child: "subprocess.Popen[str]") -> dict[str, Any]:
    child.stdin.write((datetime.now(UTC) + _LAG).isoformat() + "\n")  # type: ignore[union-attr]
    child.stdin.flush()  # type: ignore[union-attr]
    found: dict[str, Any] = json.loads(child.stdout.readline())  # type: ignore[union-attr]
    return found


def _insert(connection: Any, first: int, end: int) -> None:
    connection.execute(
        "INSERT INTO readings SELECT n, clock_timestamp(), n %% 997 * 0.5, (ARRAY['red', 'green'])[n %% 2 + 1], n "
        "FROM generate_series(%s::bigint, %s::bigint) AS n ON CONFLICT DO NOTHING",
        (first, end - 1),
    )


def _write(server: Any, first: int, end: int) -> None:
    """Commit rows a few at a time; what a dying server may or may not have committed is written again."""
    import psycopg

    while first < end:
        try:
            with psycopg.connect(server.address, connect_timeout=5) as connection:
                while first < end:
                    _insert(connection, first, min(first + _TOGETHER, end))
                    connection.commit()
                    first += _TOGETHER
        except psycopg.OperationalError:
            time.sleep(0.2)


def _ingest(url: str, home: Path) -> None:
    """One moment per line comes in; what became of the ingestion as of it goes out. The flow's code without Prefect."""
    from dataclasses import replace

    from config.schema import PipelineConfig
    from flows import ingestion as flow
    from tasks import ingestion, releasing, watching
    from tasks.adapters.store import Store
    from tasks.core.errors import SourceUnavailable
    from tasks.session import Session

    source = {"kind": "sql", "url": url, "table": "readings", "watermark": "written", "lag": "1h"}
    config = PipelineConfig.model_validate(_PIPELINE | {"source": source})
    for room, names in (
        (ingestion, ("list_deliveries", "keep_raw", "judge_events", "publish_batch", "record_batch")),
        (releasing, ("find_replaced",)), (watching, ("watch_delivery",)),
    ):  # fmt: skip
        for name in names:
            setattr(room, name, getattr(room, name).fn)
    setattr(ingestion, "get_run_logger", lambda: logging.getLogger("benchmark"))  # noqa: B010 - as mypy reads it
    take_in, run = flow._ingest_events, flow._Run  # noqa: SLF001 - the flow's own step, without Prefect around it
    session = Session(Store(str(home / "store"), "readings"), f"sqlite:///{home}/control.db", datetime.now(UTC), "run")
    for line in sys.stdin:
        mine, told = replace(session, as_of=datetime.fromisoformat(line.strip())), []
        try:
            with mine.leases.hold("ingestion/readings", "run") as lease:
                ready = ingestion.list_deliveries(config.source, mine).ready
                told = list(map(str, take_in(run(config, mine, lease), ready)))
        except SourceUnavailable as error:
            told = [str(error)]
        peak = _peak()  # before the counting, which holds every id
        ids = [batch.column("id").to_numpy(zero_copy_only=False) for batch in mine.store.scan("events", ["id"])]
        counts = {"rows": sum(map(len, ids)), "distinct": len(np.unique(np.concatenate(ids))) if ids else 0}
        print(json.dumps({"told": " ".join(told)[:2000], "peak": peak, **counts}), flush=True)


def _peak() -> int:
    """Bytes of memory that this process held at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    _ingest(sys.argv[1], Path(sys.argv[2]))
