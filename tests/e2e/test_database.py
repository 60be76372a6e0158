"""A table of a real PostgreSQL server through ingestion, while somebody writes into it and it goes down twice."""

import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from config.settings import PROJECT
from tests.e2e.conftest import Demo
from tests.e2e.postgres import Postgres, postgres

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROWS, TOGETHER = 40_000, 400
PIPELINE = """
pipeline: readings
problem: regression
metric: mae
source: {{kind: sql, url: "{url}", table: readings, watermark: written, rows: 9000, lag: 1s}}
columns:
  - {{name: id, role: id, type: integer}}
  - {{name: written, role: time, type: datetime}}
  - {{name: size, role: feature, type: number}}
  - {{name: colour, role: feature, type: category}}
  - {{name: price, role: target, type: number}}
split: {{history: [60d], tuning: 10d, evaluation: 10d}}
candidates: [{{kind: linear}}]
"""
SCRIPT = """
import sys, time
from config.settings import apply_environment, load_settings
apply_environment(load_settings())
from config.opening import open_pipeline
from flows.ingestion import ingestion_flow
from tasks.core.errors import SourceUnavailable
wanted, failed = int(sys.argv[1]), 0
store = open_pipeline("readings", None, "test")[1].store
while store.rows("events") < wanted:
    try:
        print(ingestion_flow("readings"), flush=True)
    except SourceUnavailable as error:
        failed += 1
        assert failed < 5, error
    time.sleep(0.5)
batches = store.read("batches", ["delivered", "accepted", "quarantined"]).sum()
events = store.read("events", ["_row_id"])["_row_id"]
print("END", len(events), events.nunique(), *batches.astype(int), store.rows("quarantine"))
"""


def write(server: Postgres) -> None:
    """Commit all rows, some at a time; what a dying server may or may not have committed is written again."""
    done = 0
    while done < ROWS:
        try:
            with psycopg.connect(server.address, connect_timeout=5) as connection:
                while done < ROWS:
                    connection.execute(
                        "INSERT INTO readings SELECT n, clock_timestamp(), n * 0.5, 'red', n FROM "
                        "generate_series(%s::bigint, %s::bigint) AS n ON CONFLICT DO NOTHING",
                        (done, done + TOGETHER - 1),
                    )
                    connection.commit()
                    done += TOGETHER
                    time.sleep(0.1)
        except psycopg.OperationalError:
            time.sleep(0.2)


def restart(server: Postgres) -> None:
    for _ in range(2):
        time.sleep(4)
        server.restart()


def test_every_row_comes_once_while_somebody_writes_and_the_server_goes_down_twice(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    with postgres() as server:
        with psycopg.connect(server.address) as connection:
            connection.execute(
                "CREATE TABLE readings (id bigint PRIMARY KEY, written timestamptz NOT NULL, size double precision, "
                "colour text, price numeric)"
            )
        (tmp_path / "pipelines" / "readings.yaml").write_text(PIPELINE.format(url=server.url))
        script = tmp_path / "ingest.py"
        script.write_text(SCRIPT)
        others = [Thread(target=work, args=(server,), daemon=True) for work in (write, restart)]
        for other in others:
            other.start()
        environment = demo.environment | {
            "KEEPFIT_PIPELINES_DIR": str(tmp_path / "pipelines"), "PYTHONPATH": str(PROJECT),
        }  # fmt: skip
        ran = subprocess.run(
            [sys.executable, str(script), str(ROWS)], env=environment, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip
        for other in others:
            other.join(120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    runs = [line for line in ran.stdout.splitlines() if line.startswith("[")]
    assert len(runs) > 1, "rows came in while somebody wrote"
    told = ran.stdout.splitlines()[-1].split()
    assert told == ["END", str(ROWS), str(ROWS), str(ROWS), str(ROWS), "0", "0"], ran.stdout
