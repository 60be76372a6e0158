"""Ending exactly what is ours: marked processes wherever they went, recorded ones unless their number was reused."""

import os
import subprocess
import sys

import psutil
import pytest

from deployments.stack.processes import MARK, PART, end, family, find, identify
from deployments.stack.state import ProcessId

SLEEP = "import time; time.sleep(60)"
# A child in a session of its own whose parent leaves at once: nothing but its environment tells where it came from.
ORPHAN = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"


@pytest.fixture
def launch():
    started = []

    def start(code, **variables):
        process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | variables)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_recycled_number_is_not_the_recorded_process():
    own = identify(os.getpid())
    assert find(own).pid == os.getpid()
    assert find(ProcessId(pid=own.pid, created=own.created - 100)) is None
    assert find(None) is None


def test_marked_orphans_are_found_and_ended_and_strangers_are_not(tmp_path, launch):
    stranger, other = launch(SLEEP), launch(SLEEP, **{MARK: str(tmp_path / "other")})
    launch(ORPHAN, **{MARK: str(tmp_path), PART: "worker"}).wait()
    found = family(tmp_path)
    assert len(found) == 1
    assert found == family(tmp_path, part="worker")
    assert family(tmp_path, part="mlflow") == []
    assert end(lambda: family(tmp_path), grace=2) == 1
    assert family(tmp_path) == []
    assert stranger.poll() is None
    assert other.poll() is None


def test_what_ignores_a_request_is_ended_by_force(tmp_path, launch):
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", deaf], env=os.environ | {MARK: str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "deaf\n"
    # Before anything is ended: a fault in the search must turn red here, not end other people's processes.
    assert [found.pid for found in family(tmp_path)] == [process.pid]
    assert end(lambda: family(tmp_path), grace=0.2) == 1
    assert process.wait() == -9
    process.stdout.close()


def test_recorded_processes_bring_their_children(tmp_path, launch):
    parent = launch(f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); p.wait()")
    children = []
    while not children:
        children = psutil.Process(parent.pid).children()
    assert {p.pid for p in family(tmp_path, [identify(parent.pid)])} == {parent.pid, children[0].pid}
    end(lambda: family(tmp_path, [identify(parent.pid)]) if parent.poll() is None else [], grace=2)
    assert not psutil.pid_exists(children[0].pid) or psutil.Process(children[0].pid).status() == psutil.STATUS_ZOMBIE


def test_the_caller_is_spared(tmp_path, monkeypatch):
    code = (
        "import os, pathlib; from deployments.stack.processes import family;"
        f"print([p.pid for p in family(pathlib.Path({str(tmp_path)!r}))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {MARK: str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
