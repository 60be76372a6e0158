"""A table of a real PostgreSQL server through ingestion: somebody writes, transactions overlap, the server goes down.

Nothing here waits for time to pass: each step follows from what was seen of the one before.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from config.settings import PROJECT
from tests.e2e.conftest import Demo
from tests.e2e.postgres import Postgres, postgres

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900, func_only=True)]

LAG = timedelta(hours=1)
TOGETHER = 50
PIPELINE = """
pipeline: {name}
problem: regression
metric: mae
source: {{kind: sql, url: "{url}", table: readings, watermark: written, rows: 3000, lag: 1h}}
columns:
  - {{name: id, role: id, type: integer}}
  - {{name: written, role: time, type: datetime}}
  - {{name: size, role: feature, type: number}}
  - {{name: colour, role: feature, type: category}}
  - {{name: price, role: target, type: number}}
split: {{history: [60d], tuning: 10d, evaluation: 10d}}
candidates: [{{kind: linear}}]
"""
# One moment per line comes in; what became of the ingestion as of it goes out.
SCRIPT = """
import json, sys
from datetime import datetime
from config.settings import apply_environment, load_settings
apply_environment(load_settings())
from config.opening import open_pipeline
from flows.ingestion import ingestion_flow
from tasks.core.errors import SourceUnavailable
store = open_pipeline(sys.argv[1], None, "test")[1].store
for line in sys.stdin:
    try:
        told = ingestion_flow(sys.argv[1], datetime.fromisoformat(line.strip()))
    except SourceUnavailable as error:
        told = str(error)
    batches = store.read("batches", ["delivered", "accepted", "quarantined"]).sum()
    ids = store.read("events", ["id"])["id"]
    print(json.dumps({"told": told, "ids": sorted(map(int, ids)), "refused": store.rows("quarantine"),
                      "counted": [int(number) for number in batches]}), flush=True)
"""


@dataclass
class Pipeline:
    """The pipeline in a process of its own, which ingests when it is asked to."""

    process: "subprocess.Popen[str]"
    log: Path

    def ingest(self, as_of: datetime) -> dict[str, Any]:
        """Ingest as of a moment: what was `told`, and the `ids` of all accepted rows by then."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(as_of.isoformat() + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, self.log.read_text()[-6000:]
        found: dict[str, Any] = json.loads(answer)
        return found


@contextmanager
def ingesting(name: str, demo: Demo, folder: Path, url: str) -> Iterator[Pipeline]:
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / f"{name}.yaml").write_text(PIPELINE.format(name=name, url=url))
    script = folder / "ingest.py"
    script.write_text(SCRIPT)
    variables = {"KEEPFIT_PIPELINES_DIR": str(folder / "pipelines"), "PYTHONPATH": str(PROJECT)}
    with (folder / "log").open("w") as log, subprocess.Popen(
        [sys.executable, script, name], env=demo.environment | variables, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=log,
    ) as process:  # fmt: skip
        try:
            yield Pipeline(process, folder / "log")
        finally:
            process.kill()


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as found:
        with psycopg.connect(found.address) as connection:
            connection.execute(
                "CREATE TABLE readings (id bigint PRIMARY KEY, written timestamptz NOT NULL, size double precision, "
                "colour text, price numeric)"
            )
        yield found


def insert(connection: "psycopg.Connection[Any]", first: int, count: int = TOGETHER) -> None:
    connection.execute(
        "INSERT INTO readings SELECT n, clock_timestamp(), n * 0.5, 'red', n "
        "FROM generate_series(%s::bigint, %s::bigint) AS n ON CONFLICT DO NOTHING",
        (first, first + count - 1),
    )


def write(server: Postgres, first: int, is_up: Event, enough: Event) -> tuple[int, int]:
    """Commit rows from `first` on until it is enough, a few at a time, about a thousand in a second.

    What a dying server may or may not have committed is written again. Gives the next id and how often it was cut off.
    """
    cut_off = 0
    while not enough.is_set():
        assert is_up.wait(300)
        try:
            with psycopg.connect(server.address, connect_timeout=5) as connection:
                while not enough.wait(TOGETHER / 1000):
                    insert(connection, first)
                    connection.commit()
                    first += TOGETHER
        except psycopg.OperationalError:
            cut_off += 1
    return first, cut_off


def now() -> datetime:
    """The moment as of which everything that is committed by now is old enough."""
    return datetime.now(UTC) + LAG


def test_every_row_comes_once_while_somebody_writes_and_the_server_goes_down(
    demo: Demo, tmp_path: Path, server: Postgres
) -> None:
    is_up, enough = Event(), Event()
    is_up.set()
    with ingesting("crashes", demo, tmp_path, server.url) as pipeline, ThreadPoolExecutor(1) as pool:
        with psycopg.connect(server.address) as connection:
            insert(connection, 0, 10_000)
        first = pipeline.ingest(now())
        assert (first["ids"], len(first["told"])) == (list(range(10_000)), 4), "about 3 000 rows in a delivery"

        writing = pool.submit(write, server, 10_000, is_up, enough)
        try:
            among = pipeline.ingest(now())["ids"]
            assert among == list(range(len(among))), "of what is committed in order nothing is left out"
            server.restart()
            among = pipeline.ingest(now())["ids"]
            assert len(among) > 10_000, "rows came in while somebody wrote"
            assert among == list(range(len(among)))

            is_up.clear()
            server.control("-m", "immediate", "stop")
            down = pipeline.ingest(now())
            assert "did not answer" in down["told"]
            assert down["ids"] == among, "a database that is down is not an empty one"
            server.control("start")
            is_up.set()
            pipeline.ingest(now())
        finally:
            is_up.set()
            enough.set()
        rows, cut_off = writing.result(300)
        assert cut_off >= 2, "the writer was connected when the server went down"
        last = pipeline.ingest(now())
        assert last["ids"] == list(range(rows))
        assert (last["counted"], last["refused"]) == ([rows, rows, 0], 0)
        assert pipeline.ingest(now())["told"] == []


def test_a_transaction_that_began_before_others_and_ends_after_them_is_waited_for(
    demo: Demo, tmp_path: Path, server: Postgres
) -> None:
    with (
        ingesting("overlaps", demo, tmp_path, server.url) as pipeline,
        psycopg.connect(server.address) as slow,
        psycopg.connect(server.address) as quick,
    ):
        insert(quick, 0, 50)
        quick.commit()
        before = now()
        insert(slow, 50, 50)
        insert(quick, 100, 50)
        quick.commit()
        assert pipeline.ingest(before)["ids"] == list(range(50)), "later rows would leave those of the slow one behind"
        slow.commit()
        assert pipeline.ingest(now())["ids"] == list(range(150))
