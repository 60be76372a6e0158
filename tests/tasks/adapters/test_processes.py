"""Names of processes: what was named is found again, and nothing else is ever taken for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tasks.adapters import processes

SAY = "from tasks.adapters import processes; import sys; print(processes.own(), flush=True); sys.stdin.read()"


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def name_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_who_runs_is_seen_running():
    assert processes.fate(processes.own()) == "running"


def test_a_killed_process_is_dead_buried_or_not(child):
    name = name_of(child)
    assert processes.fate(name) == "running"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.fate(name) == "dead", "a zombie publishes nothing"
    child.wait()
    assert processes.fate(name) == "dead"


def test_a_stopped_process_may_come_back(child):
    name = name_of(child)
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
    assert processes.fate(name) == "unknown"
    child.send_signal(signal.SIGCONT)
    os.waitid(os.P_PID, child.pid, os.WCONTINUED | os.WNOWAIT)
    assert processes.fate(name) == "running"


def test_a_number_that_another_process_got_is_not_the_named_one():
    machine, number, began = processes.own().split()
    assert processes.fate(f"{machine} {number} {began}0") == "dead"


@pytest.mark.parametrize("name", ["", "x", "another-machine 1 1", "another-machine"])
def test_nothing_is_said_about_processes_elsewhere(name):
    assert processes.fate(name) == "unknown"


def test_nothing_is_said_about_nonsense():
    machine = processes.own().split()[0]
    assert {processes.fate(f"{machine}{rest}") for rest in ("", " ", " x", " -1 1")} == {"unknown"}


def test_a_meter_counts_the_work_of_this_process_and_of_its_ended_children_and_no_waiting():
    burn = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    meter = processes.Meter.start()
    exec(burn)  # noqa: S102 - the same work on both sides
    here = meter.read()
    subprocess.run([sys.executable, "-c", burn], check=True)
    both = meter.read()
    subprocess.run(["sleep", "0.5"], check=True)
    after = meter.read()
    assert here["cpu_seconds"] >= 0.25
    assert both["cpu_seconds"] - here["cpu_seconds"] >= 0.25
    assert after["cpu_seconds"] - both["cpu_seconds"] < 0.25
    assert after["seconds"] - both["seconds"] >= 0.5
