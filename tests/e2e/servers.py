"""A real Prefect server and a real process worker as subprocesses, on a free port, ended by pid."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil

from config.settings import HARDENING, PROJECT, Settings
from deployments.stack.parts import build_parts

_NO_PROXY = build_opener(ProxyHandler({}))


def prefect_environment(home: Path, url: str) -> dict[str, str]:
    # A PREFECT_API_URL or a stack of the developer's own must not reach the tests.
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "KEEPFIT_", "MLFLOW_"))}
    return (
        clean
        | dict(HARDENING)
        | {
            "KEEPFIT_HOME": str(home),
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_API_URL": url,
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
    )


@contextmanager
def prefect_server(home: Path, *, scheduler: bool = True, **variables: str) -> Iterator[str]:
    """Yield the API address of a fresh server with its data in `home`; without `scheduler` it plans no run."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    command += [] if scheduler else ["--no-services"]
    with _process(command, home, url, "server.log", variables) as process:
        _until_healthy(f"{url}/health", process, home / "server.log")
        yield url


@contextmanager
def process_worker(home: Path, url: str, pool: str) -> Iterator[None]:
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with _process(command, home, url, "worker.log"):
        yield


@contextmanager
def evidently_server(home: Path, **variables: str) -> Iterator[str]:
    """Yield the address of Evidently's server as the stack starts it, on the workspace of this home."""
    ports = dict.fromkeys(("prefect", "mlflow", "evidently", "worker"), _free_port())
    (part,) = (one for one in build_parts(Settings(home=home), ports) if one.name == "evidently")
    with _process(list(part.command), home, "", "evidently.log", dict(part.environment) | variables) as process:
        _until_healthy(part.health, process, home / "evidently.log")
        yield part.address


@contextmanager
def hung(home: Path, url: str, word: str) -> Iterator[None]:
    """Our processes with this word in their command hang, and what they started: there, with open ports, and still."""
    mine = [one for one in psutil.process_iter() if _is_ours(one, home, url) and word in one.cmdline()]
    assert mine, f"there is no {word}"
    family = {member for one in mine for member in (one, *one.children(recursive=True))}
    for member in family:
        member.suspend()
    try:
        yield
    finally:
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.resume()


def _is_ours(process: psutil.Process, home: Path, url: str) -> bool:
    try:
        found = process.environ()
    except psutil.Error:
        return False
    return (found.get("KEEPFIT_HOME"), found.get("PREFECT_API_URL")) == (str(home), url) and process.pid != os.getpid()


@contextmanager
def _process(
    command: list[str], home: Path, url: str, log: str, variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator["subprocess.Popen[bytes]"]:
    environment = prefect_environment(home, url) | dict(variables)
    with (home / log).open("wb") as output:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process and what it started: the worker puts each flow run into a process group of its own."""
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(family, timeout=20)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait(10)


def _until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with _NO_PROXY.open(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, TimeoutError, ConnectionError):
            time.sleep(0.25)
    raise RuntimeError(f"the server did not become healthy: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
