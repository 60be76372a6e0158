"""Every kind of source through the real ingestion flow: what came is taken in once, and what comes afterwards, too."""

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from deltalake import write_deltalake

from benchmarks.ground import PIPELINE
from config.opening import open_pipeline
from tasks import verification
from tests.flows import joined_home
from tests.tasks.adapters.web import Asked, Reply, serving

pytestmark = [pytest.mark.timeout(120)]
BEGIN, RUN = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
CONFIG = """
pipeline: p
problem: regression
columns:
  - {name: id, role: id, type: string}
  - {name: at, role: time, type: datetime}
  - {name: size, role: feature, type: number}
  - {name: price, role: target, type: number}
split: {history: [45d], tuning: 7d, evaluation: 10d}
metric: mae
"""


def rows(first: int, count: int) -> list[dict[str, Any]]:
    """Rows that no other call gives."""
    return [
        {"id": f"r{n}", "at": (BEGIN + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%SZ"), "size": n + 0.5,
         "price": 2.0 * n}
        for n in range(first, first + count)
    ]  # fmt: skip


@dataclass
class Place:
    """What a source reads, how the pipeline's file names it, and how more comes."""

    source: dict[str, Any]
    add: Callable[[list[dict[str, Any]]], None]
    held: list[dict[str, Any]] = field(default_factory=list)


def _text(told: list[dict[str, Any]]) -> bytes:
    return pd.DataFrame(told).to_csv(index=False).encode()


@contextmanager
def sql(folder: Path) -> Iterator[Place]:
    path = folder / "shop.db"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE sold (number INTEGER PRIMARY KEY, id TEXT, at TEXT, size REAL, price REAL)")

    def add(told: list[dict[str, Any]]) -> None:
        with sqlite3.connect(path) as base:
            base.executemany("INSERT INTO sold (id, at, size, price) VALUES (:id, :at, :size, :price)", told)

    yield Place({"kind": "sql", "url": f"sqlite:///{path}", "table": "sold", "watermark": "number"}, add)


@contextmanager
def delta(folder: Path) -> Iterator[Place]:
    address = str(folder / "lake")
    yield Place({"kind": "delta", "url": address},
                lambda told: write_deltalake(address, pa.Table.from_pylist(told), mode="append"))  # fmt: skip


@contextmanager
def http(folder: Path) -> Iterator[Place]:
    content = [b""]
    held: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Reply:
        tag = f'"{len(held)}"'
        if asked.headers.get("if-none-match") == tag:
            return Reply(status=304, headers={"ETag": tag}, length=0)
        return Reply(content[0], headers={"ETag": tag})

    def add(told: list[dict[str, Any]]) -> None:
        held.extend(told)
        content[0] = _text(told)  # an export of the day, which replaces that of the day before

    with serving(answer) as served:
        yield Place({"kind": "http", "url": f"{served.address}/export.csv"}, add)


@contextmanager
def api(folder: Path) -> Iterator[Place]:
    held: list[dict[str, Any]] = []
    with serving(lambda _: Reply(json.dumps({"items": held}).encode())) as served:
        source = {"kind": "api", "url": f"{served.address}/sold", "records": "items", "id": "id", "watermark": "at"}
        yield Place(source | {"pages": {"kind": "one"}}, held.extend)


@contextmanager
def memory(folder: Path) -> Iterator[Place]:
    address = f"memory://{uuid.uuid4()}/in"
    system, root = fsspec.core.url_to_fs(address)
    system.makedirs(root)
    yield Place({"kind": "folder", "path": address, "settle": "0s"},
                lambda told: system.pipe_file(f"{root}/{told[0]['id']}.csv", _text(told)))  # fmt: skip


@contextmanager
def local_address(folder: Path) -> Iterator[Place]:
    (folder / "in").mkdir()
    yield Place({"kind": "folder", "path": f"file://{folder}/in", "settle": "0s", "pattern": "*.jsonl"},
                lambda told: (folder / "in" / f"{told[0]['id']}.jsonl").write_text(
                    "".join(json.dumps(row) + "\n" for row in told)) and None)  # fmt: skip


def ingest(home: Path, run: int) -> list[str]:
    return joined_home.ingest(home, RUN + timedelta(days=run), run)


def events(home: Path) -> pd.DataFrame:
    with joined_home.running(home):
        session = open_pipeline(PIPELINE, RUN, "reading")[1]
        assert verification._check_batches(session) == []
        assert session.store.staged() == []
        labels = session.store.read("labels", ["_row_id", "label"])
        return session.store.read("events").merge(labels, on="_row_id", validate="one_to_one").sort_values("at")


def taken(home: Path) -> list[tuple[Any, ...]]:
    """Each accepted row as it came."""
    found = events(home)
    at = found["_event_time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [*zip(found["id"], at, found["size"], found["label"], strict=True)]


@pytest.mark.parametrize("kind", [sql, delta, http, api, memory, local_address], ids=lambda kind: kind.__name__)
def test_what_came_is_taken_in_once_and_what_comes_afterwards_too(kind, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with kind(tmp_path) as place:
        (home / "p.yaml").write_text(CONFIG + yaml.safe_dump({"source": place.source}), "utf-8")
        first, second = rows(0, 40), rows(40, 25)
        place.add(first)
        assert [one.endswith(": accepted") for one in ingest(home, 0)] == [True]
        assert taken(home) == [tuple(row.values()) for row in first]
        assert ingest(home, 1) == []
        assert len(taken(home)) == len(first)
        place.add(second)
        assert [one.endswith(": accepted") for one in ingest(home, 2)] == [True]
        assert ingest(home, 3) == []
        assert taken(home) == [tuple(row.values()) for row in first + second]


def test_a_data_set_by_name_is_taken_in_once(tmp_path):
    from sklearn.datasets import load_diabetes

    home = tmp_path / "home"
    home.mkdir()
    source = {"kind": "dataset", "name": "diabetes", "start": "2024-01-01T00:00:00Z", "step": "1m"}
    columns = [{"name": "at", "role": "time", "type": "datetime"}]
    columns += [{"name": "target", "role": "target", "type": "number"}]
    columns += [{"name": name, "role": "feature", "type": "number"} for name in load_diabetes().feature_names]
    said = yaml.safe_load(CONFIG) | {"source": source, "columns": columns}
    (home / "p.yaml").write_text(yaml.safe_dump(said), "utf-8")
    assert [one.endswith(": accepted") for one in ingest(home, 0)] == [True]
    assert ingest(home, 1) == []
    truth = load_diabetes(as_frame=True).frame
    assert events(home)["label"].tolist() == truth["target"].tolist()
    assert events(home)["bmi"].tolist() == truth["bmi"].tolist()
