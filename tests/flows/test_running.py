"""A flow's run begins in one way: a process that is ready for its vendors, the pipeline, and a session of this run."""

import gc
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest

from config.runners import Dask
from config.settings import PROJECT
from flows import running
from tasks.adapters.processes import GARBAGE
from tasks.adapters.store import Store
from tasks.session import Session
from tests.architecture.test_imports import FLOWS
from tests.tasks.core.histories import START


@pytest.fixture
def python_as_it_comes():
    ours = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*ours)


def test_a_run_looks_for_garbage_rarely_from_its_beginning(monkeypatch, python_as_it_comes):
    opened = []
    found = (SimpleNamespace(alerts=None), Session(Store("x", "p"), "sqlite://", START, "me"))
    monkeypatch.setattr(running, "open_pipeline", lambda *given: opened.append((*given, gc.get_threshold())) or found)
    monkeypatch.setattr(running, "run_id", lambda: "me")
    running.begin_run("p", START)
    _, session = running.begin_run("p")
    assert session.at_end is not found[1].at_end, "people are told where a run ends"
    assert opened == [("p", START, "me", GARBAGE), ("p", None, "me", GARBAGE)]


def test_importing_flows_changes_nothing_of_a_process():
    lines = "".join(f"import flows.{name}\n" for name in FLOWS)
    program = f"import gc\nbefore = gc.get_threshold()\n{lines}assert gc.get_threshold() == before"
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, timeout=300)


def test_every_flow_begins_like_that():
    texts = {name: (PROJECT / "flows" / f"{name}.py").read_text(encoding="utf-8") for name in FLOWS}
    assert {name for name, text in texts.items() if "open_pipeline" in text} == {"running"}
    assert {name for name, text in texts.items() if "\n@flow" in text and "= begin_run(pipeline" not in text} == set()


def test_a_cluster_of_our_own_writes_no_rows_to_the_disk_when_memory_is_short():
    from distributed.worker_memory import parse_memory_limit

    limit = running.task_runner(Dask()).cluster_kwargs["memory_limit"]
    assert parse_memory_limit(limit, 1, 1, logger=logging.getLogger("dask")) is None
