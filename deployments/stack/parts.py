"""The parts of the local stack: which command, environment, address and health question each one has.

Values only: starting is the supervisor's, hardening common to all processes is in `config/settings.py`.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.settings import LOOPBACK, PROJECT, Settings, environment
from deployments.stack.processes import MARK, PART

POOL = "keepfit"
SERVERS = ("prefect", "mlflow", "evidently")
_TITLES = {"prefect": "Prefect", "mlflow": "MLflow", "evidently": "Evidently", "worker": "Worker", "serving": "Serving"}
# Left in a shell for other servers, these would lead ours astray.
_FOREIGN = ("PREFECT_PROFILE", "PREFECT_API_KEY", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_UI_API_URL")
_SOCKET_PATH_ROOM = 60  # sockets below TMPDIR have about 100 characters for their path


@dataclass(frozen=True)
class Part:
    """One process of the stack. `address` is for people, `health` is asked by the supervisor."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    address: str
    health: str


def needed(settings: Settings) -> list[str]:
    """Names of the parts to start: the worker always, a server unless its address was given, serving when asked for."""
    return [*(name for name in SERVERS if not settings.given(name)), "worker", *(["serving"] if settings.serve else [])]


def served(settings: Settings, ports: Mapping[str, int]) -> dict[str, str]:
    """Addresses for clients of the servers that we start: Prefect's with /api."""
    urls = {name: f"http://{LOOPBACK}:{ports[name]}" for name in needed(settings) if name in SERVERS}
    return urls | ({"prefect": urls["prefect"] + "/api"} if "prefect" in urls else {})


def build_parts(settings: Settings, ports: Mapping[str, int]) -> list[Part]:
    """The parts to start, given a port for each (the worker's is that of its health page)."""
    base = _base_environment(settings, served(settings, ports))
    own = {"prefect": _prefect, "mlflow": _mlflow, "evidently": _evidently, "worker": _worker, "serving": _serving}
    parts = []
    for name in needed(settings):
        command, extra, health = own[name](settings, ports[name])
        url = f"http://{LOOPBACK}:{ports[name]}"
        parts.append(
            Part(
                name=name,
                title=_TITLES[name],
                command=command,
                environment=base | extra | {PART: name},
                address=_pool_page(base["PREFECT_API_URL"]) if name == "worker" else url,
                health=url + health,
            )
        )
    return parts


def _base_environment(settings: Settings, addresses: Mapping[str, str]) -> dict[str, str]:
    result = {name: value for name, value in os.environ.items() if "prefect" not in addresses or name not in _FOREIGN}
    result |= environment(settings, addresses)
    result.pop("KEEPFIT_SERVING_TOKEN", None)  # only the part that it belongs to gets it
    result[MARK] = str(settings.home)
    result["PYTHONUNBUFFERED"] = "1"
    result["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    result["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    if len(str(settings.home)) <= _SOCKET_PATH_ROOM:
        result["TMPDIR"] = str(settings.home / "tmp")
    return result


def _pool_page(api_url: str) -> str:
    return f"{api_url.removesuffix('/api')}/work-pools/work-pool/{POOL}"


def _prefect(settings: Settings, port: int) -> tuple[tuple[str, ...], dict[str, str], str]:
    database = settings.home / "prefect" / "prefect.db"
    extra = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{port},http://localhost:{port}",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    start = ("-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port), "--analytics-off")
    return (sys.executable, *start), extra, "/api/health"


def _mlflow(settings: Settings, port: int) -> tuple[tuple[str, ...], dict[str, str], str]:
    hosts = [f"{LOOPBACK}:{port}", f"localhost:{port}"]
    arguments = {
        "--backend-store-uri": f"sqlite:///{settings.home / 'mlflow' / 'mlflow.db'}",
        "--artifacts-destination": str(settings.home / "mlflow" / "artifacts"),
        "--host": LOOPBACK,
        "--port": str(port),
        "--workers": "1",  # SQLite has one writer; more processes only start more slowly
        "--allowed-hosts": ",".join(hosts),
        "--cors-allowed-origins": ",".join(f"http://{host}" for host in hosts),
        "--x-frame-options": "DENY",
    }
    flat = [word for pair in arguments.items() for word in pair]
    return (sys.executable, "-m", "deployments.stack.mlflow_server", *flat), {}, "/health"


def _evidently(settings: Settings, port: int) -> tuple[tuple[str, ...], dict[str, str], str]:
    workspace = str(settings.home / "evidently")
    arguments = ("--workspace", workspace, "--host", LOOPBACK, "--port", str(port))
    command = ("-m", "deployments.stack.evidently_server", *arguments)
    return (sys.executable, *command), {}, "/api/version"


def _worker(settings: Settings, port: int) -> tuple[tuple[str, ...], dict[str, str], str]:
    extra = {"PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK, "PREFECT_WORKER_WEBSERVER_PORT": str(port)}
    command = ("-m", "deployments.stack.worker", "--pool", POOL, "--limit", str(settings.worker_limit))
    return (sys.executable, *command), extra, "/health"


def _serving(settings: Settings, port: int) -> tuple[tuple[str, ...], dict[str, str], str]:
    token = {"KEEPFIT_SERVING_TOKEN": settings.serving_token.get_secret_value()} if settings.serving_token else {}
    command = ("-m", "deployments.cli", "serve", "--host", LOOPBACK, "--port", str(port))
    return (sys.executable, *command), token, "/health"
