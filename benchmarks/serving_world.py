"""A prepared home whose champion is served by a real process, from a real MLflow server that can be stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.ground import PIPELINE, Ground
from config.settings import HARDENING, PROJECT

TOKEN = "a token for tests 1234567890".replace(" ", "-")
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment_of(ground: Ground, **more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "KEEPFIT_", "MLFLOW_"))}
    ours = {"KEEPFIT_HOME": str(ground.home), "KEEPFIT_PIPELINES_DIR": str(ground.home), "PYTHONPATH": str(PROJECT),
            "KEEPFIT_SERVING_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}  # fmt: skip
    return clean | dict(HARDENING) | ours | more


@contextmanager
def process(command: list[str], environment: dict[str, str], folder: Path, log: Path) -> Iterator[Any]:
    """One process, ended by its own id."""
    with log.open("ab") as output:
        # A group of its own: MLflow's server is a family of processes.
        began = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield began
        finally:
            if began.poll() is None:
                os.killpg(began.pid, signal.SIGCONT)
                os.killpg(began.pid, signal.SIGTERM)
                try:
                    began.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(began.pid, signal.SIGKILL)
                    began.wait(10)


@contextmanager
def mlflow(ground: Ground) -> Iterator[tuple[str, Any]]:
    """MLflow's own server on the ground's database, on a free port."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{ground.home}/mlflow.db",
               "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]  # fmt: skip
    with process(command, environment_of(ground), ground.home, ground.folder / "mlflow.log") as began:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/health"), 90)
        yield url, began


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False, headers=HEADERS).status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(holds: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"it did not come true within {seconds:g} s")
        time.sleep(0.1)


@dataclass(frozen=True)
class Served:
    """A running server: its address, its process, and a client with the token."""

    url: str
    process: Any
    client: httpx.Client

    def ready(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/ready").json()["pipelines"][PIPELINE]
        return found

    def one(self, **row: Any) -> httpx.Response:
        return self.client.post(f"/{PIPELINE}/predict", json={"id": "a", "x": 0.1, "z": 0.2} | row)


@contextmanager
def server(ground: Ground, mlflow_url: str, port: int | None = None, *, without_log: bool = False) -> Iterator[Served]:
    """`keepfit serve` in a process of its own; `without_log` answers without writing down, to tell what that costs."""
    port = port or free_port()
    program = ["-m", "benchmarks.serving_world"] if without_log else ["-m", "deployments.cli"]
    command = [sys.executable, *program, "serve", PIPELINE, "--port", str(port)]
    environment, url = environment_of(ground, MLFLOW_TRACKING_URI=mlflow_url), f"http://127.0.0.1:{port}"
    client = httpx.Client(base_url=url, headers=HEADERS, timeout=30, trust_env=False)
    with process(command, environment, ground.home, ground.folder / "serve.log") as began, client:
        wait_until(lambda: answers(f"{url}/ready"), 60)
        yield Served(url, began, client)


def _serve_without_log() -> None:
    from deployments.cli import main
    from tasks.adapters.answers import AnswerLog

    setattr(AnswerLog, "write", lambda _self, _payload, **_: None)  # noqa: B010 - mypy knows methods as fixed
    main()


if __name__ == "__main__":
    _serve_without_log()
