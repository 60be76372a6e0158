"""The local stack on real servers: it comes up hardened, is watched, and ends without leaving anything behind."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from config.settings import HARDENING, PROJECT, Settings
from deployments.stack import Stack, running_stack
from deployments.stack.processes import family, find

pytestmark = pytest.mark.e2e
CANARY = "planted-secret-5f1c"


def variables(home, **extra):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KEEPFIT_", "PREFECT_", "MLFLOW_", "CI"))}
    planted = {"PREFECT_SERVER_ENCRYPTION_KEY": "", "KEEPFIT_NOTIFY_TOKEN": CANARY, "DB_PASSWORD": CANARY}
    return clean | planted | {"KEEPFIT_HOME": str(home), "KEEPFIT_HUNG_SECONDS": "10", "COLUMNS": "200"} | extra


def launch(home, *arguments, **extra):
    with (Path(home) / "console.txt").open("ab") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", *arguments],
            cwd=PROJECT,
            env=variables(home, **extra),
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def keepfit(home, *arguments, **extra):
    process = launch(home, *arguments, **extra)
    return process.wait(timeout=120), (Path(home) / "console.txt").read_text()


def until(condition, seconds=90):
    """Wait for something to become true in another process; fails loudly when it does not."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


class Upped:
    """A stack in the foreground of a process of its own, as a person has it."""

    def __init__(self, home, **extra):
        self.home = home
        self.stack = Stack(Settings(home=home))
        self.process = launch(home, "up", **extra)
        until(lambda: self.stack.state().phase == "ready" or self.process.poll() is not None, 180)
        assert self.process.poll() is None, self.console()

    def console(self):
        return (self.home / "console.txt").read_text()

    def part(self, name):
        return self.stack.state().parts[name]

    def restarted(self, name, before):
        def fresh():
            part = self.part(name)
            return part if part.health == "healthy" and part.process not in (None, before) else None

        return until(fresh)

    def address(self, name):
        return self.stack.state().addresses[name].removeprefix("http://").removesuffix("/api")


@pytest.fixture(scope="module")
def upped(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    upped = Upped(home)
    yield upped
    upped.stack.stop()
    upped.process.wait(timeout=30)


def ask(address, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_all_parts_are_healthy_and_said(upped):
    state = upped.stack.state()
    assert set(state.parts) == {"prefect", "mlflow", "evidently", "worker"}
    assert {part.health for part in state.parts.values()} == {"healthy"}
    for part in state.parts.values():
        until(lambda address=part.address: address in upped.console(), 10)
    status, shown = keepfit(upped.home, "status")
    assert status == 0
    assert "Evidently" in shown


def test_everything_listens_on_loopback_only(upped):
    listening = {
        connection.laddr.ip
        for process in family(upped.home)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_every_process_is_hardened(upped):
    processes = family(upped.home)
    assert len(processes) >= 4
    for process in processes:
        environ = process.environ()
        assert {name: environ.get(name) for name in HARDENING} == dict(HARDENING), process.cmdline()
        assert environ["PREFECT_API_URL"] == upped.stack.state().addresses["prefect"]
    worker = find(upped.part("worker").process).environ()
    assert worker["MLFLOW_TRACKING_URI"] == upped.stack.state().addresses["mlflow"]
    assert worker["KEEPFIT_HOME"] == str(upped.home)
    assert worker["PYTHONPATH"].split(os.pathsep)[0] == str(PROJECT)


def test_mlflow_refuses_strange_hosts_and_origins_and_framing(upped):
    mlflow = upped.address("mlflow")
    search = "/api/2.0/mlflow/experiments/search?max_results=1"
    assert ask(mlflow, search).status == 200
    assert ask(mlflow, search, Host="evil.example").status == 403
    create = ask(mlflow, "/api/2.0/mlflow/experiments/create", "POST", '{"name": "x"}', Origin="http://evil.example")
    assert create.status == 403
    assert ask(mlflow, "/").getheader("X-Frame-Options") == "DENY"


def test_prefect_lets_only_its_own_page_read_it(upped):
    prefect = upped.address("prefect")
    assert ask(prefect, "/api/health", Origin="http://evil.example").getheader("Access-Control-Allow-Origin") is None
    own = f"http://{prefect}"
    assert ask(prefect, "/api/health", Origin=own).getheader("Access-Control-Allow-Origin") == own


def test_secrets_of_the_shell_are_written_nowhere(upped):
    for path in [upped.home / "stack.json", upped.home / "console.txt", *(upped.home / "logs").glob("*")]:
        assert CANARY not in path.read_text(errors="replace"), path


def test_what_is_written_is_for_the_owner_only(upped):
    for path in [*upped.home.glob("*/*"), upped.home / "stack.json"]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_second_up_says_where_it_runs_and_starts_nothing(upped):
    before = {process.pid for process in family(upped.home)}
    status, said = keepfit(upped.home, "up")
    assert status == 0
    assert "already running" in said
    assert {process.pid for process in family(upped.home)} == before


def test_a_killed_part_is_restarted_on_its_port_and_said(upped):
    before = upped.part("mlflow")
    old = {process.pid for process in family(upped.home, part="mlflow")}
    find(before.process).kill()
    after = upped.restarted("mlflow", before.process)
    assert after.restarts == before.restarts + 1
    assert after.address == before.address
    assert ask(upped.address("mlflow"), "/version").status == 200
    assert not old & {process.pid for process in family(upped.home, part="mlflow")}
    until(lambda: "MLflow ended by itself (signal 9); restarting" in upped.console(), 5)


def test_a_part_that_falls_silent_is_restarted_and_said(upped):
    before = upped.part("worker").process
    find(before).suspend()
    upped.restarted("worker", before)
    assert "Worker did not answer for" in upped.stack.log_path.read_text()
    assert find(before) is None


def test_given_servers_win_and_ctrl_c_ends_the_worker(upped, tmp_path):
    served = upped.stack.state().addresses
    given = {"PREFECT_API_URL": served["prefect"], "KEEPFIT_EVIDENTLY_URL": served["evidently"]}
    given["MLFLOW_TRACKING_URI"] = served["mlflow"].replace("://", f"://ana:{CANARY}@")
    other = Upped(tmp_path, **given)
    assert set(other.stack.state().parts) == {"worker"}
    assert find(other.part("worker").process).environ()["PREFECT_API_URL"] == served["prefect"]
    assert CANARY not in (tmp_path / "stack.json").read_text()
    other.process.send_signal(signal.SIGINT)
    assert other.process.wait(timeout=60) == 0
    assert family(tmp_path) == []
    assert "nothing is left running" in other.console()
    assert upped.stack.state().phase == "ready"


def test_the_stack_ends_with_the_process_that_started_it(upped, tmp_path):
    served = upped.stack.state().addresses
    other = Upped(
        tmp_path, PREFECT_API_URL=served["prefect"], MLFLOW_TRACKING_URI="x", KEEPFIT_EVIDENTLY_URL="http://x"
    )
    other.process.kill()
    other.process.wait()
    until(lambda: not family(tmp_path) and other.stack.state().phase == "stopped", 30)


def test_a_taken_port_is_named_and_nothing_is_left(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, said = keepfit(tmp_path, "up", "--port-mlflow", str(port))
    assert status == 1
    assert f"error: port {port}, asked for mlflow, is already in use" in said
    assert "Traceback" not in said
    assert family(tmp_path) == []


def test_the_context_manager_uses_a_stack_that_runs_and_leaves_it_running(upped):
    with running_stack(upped.stack.settings) as info:
        assert not info.ours
        assert info.prefect_api_url == upped.stack.state().addresses["prefect"]
        assert info.pids["worker"] == upped.part("worker").process.pid
    assert upped.stack.state().phase == "ready"


def test_down_ends_what_a_killed_supervisor_left_behind(upped):
    supervisor = find(upped.stack.state().supervisor)
    supervisor.kill()
    upped.process.kill()
    upped.process.wait()
    assert len(family(upped.home)) >= 4
    status, said = keepfit(upped.home, "down")
    assert status == 0
    assert "nothing is left running" in said
    assert family(upped.home) == []
    assert not upped.stack.stop()
