"""One stack with the replayed sample for all end-to-end tests that only look: started once, ended at the end.

It is replayed, and other scenarios are played, while other tests run; what still runs at the end is ended here, too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from config.opening import open_pipeline
from config.settings import PROJECT, Settings, stack_addresses
from tests.e2e import canaries, early

KEEPFIT = [sys.executable, "-m", "deployments.cli"]


@dataclass(frozen=True)
class Demo:
    """The stack after `keepfit demo --exit`: its home, its addresses, and what the demo printed."""

    home: Path
    prefect: str
    mlflow: str
    evidently: str
    output: str
    status: int
    environment: dict[str, str]

    def keepfit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return keepfit(self.environment, *arguments)

    def journal(self) -> list[dict[str, Any]]:
        """Every decision of the sample's pipeline, in order, as JSON has it."""
        _, session = open_pipeline("subscriptions", None, "test", self._settings())
        decisions = (entry.decision for entry in session.journal.entries())
        told = [
            {"kind": one.kind, "outcome": one.outcome, "as_of": one.as_of.isoformat(), "run": one.run_id,
             "evidence": dict(one.evidence)}
            for one in decisions
        ]  # fmt: skip
        found: list[dict[str, Any]] = json.loads(json.dumps(told, default=str))
        return found

    def _settings(self) -> Settings:
        """As a process of this stack reads them; nothing of the developer's own."""
        return Settings(
            home=self.home,
            store=str(self.home / "store"),
            control_url=f"sqlite:///{self.home / 'control.db'}",
            pipelines_dir=Path(self.environment["KEEPFIT_PIPELINES_DIR"]),
            privacy_keys=SecretStr(self.environment["KEEPFIT_PRIVACY_KEYS"]),
        )


def clean_environment(home: Path) -> dict[str, str]:
    """The shell of somebody who has never heard of Keepfit; CI unset, because it hides telemetry."""
    ours = ("CI", "OMP_NUM_THREADS")
    foreign = ("KEEPFIT_", "PREFECT_", "MLFLOW_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign) and key not in ours}
    return kept | {"KEEPFIT_HOME": str(home), "COLUMNS": "160"}


def keepfit(environment: dict[str, str], *arguments: str, patience: int = 900) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own; `patience`: after how many seconds it hangs."""
    return subprocess.run(
        [*KEEPFIT, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=patience,
        check=False,
    )  # fmt: skip


class DemoStack:
    """The stack of the demo in a folder of its own, from `up` to `down`."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.pipelines = folder / "pipelines"
        self.environment = clean_environment(self.home) | {
            "KEEPFIT_PIPELINES_DIR": str(self.pipelines),
            "KEEPFIT_DEPLOYMENTS_FILE": str(folder / "prefect.yaml"),
            "KEEPFIT_PRIVACY_KEYS": "test:" + "k" * 32,
        }

    def play(self) -> Demo:
        canaries.plant(self.home, self.pipelines)
        up = keepfit(self.environment, "up", "--detach")
        assert up.returncode == 0, up.stdout + up.stderr
        ran = keepfit(self.environment, "demo", "--exit", patience=early.PATIENCE)
        found = stack_addresses(self.home)
        prefect, output = found["prefect"].removesuffix("/api"), ran.stdout + ran.stderr
        return Demo(self.home, prefect, found["mlflow"], found["evidently"], output, ran.returncode, self.environment)

    def end(self) -> None:
        down = keepfit(self.environment, "down")
        assert down.returncode == 0, down.stdout + down.stderr
        left = [process.pid for process in psutil.process_iter() if _belongs_to(process, self.home)]
        assert not left, f"processes left behind: {left}"


_STACK = pytest.StashKey[DemoStack]()
_KILLS = pytest.StashKey[Any]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what takes longest; other tests run meanwhile."""
    from tests.e2e import bikes, chicago
    from tests.e2e.kills.matrix import Matrix

    if session.config.option.collectonly:
        return
    folder = TemporaryDirectory(prefix="keepfit-e2e-")
    session.config.add_cleanup(folder.cleanup)
    home = Path(folder.name)
    stack = session.stash[_STACK] = DemoStack(home / "demo")
    matrix = session.stash[_KILLS] = Matrix(home / "kills", _cases(session))
    plays = {
        "demo": stack.play, "kills": matrix.play, "bikes": lambda: bikes.live(home / "bikes"),
        "chicago": lambda: chicago.live(home / "chicago"),
    }  # fmt: skip
    early.begin(session, plays)


def _cases(session: pytest.Session) -> list[str]:
    """The cases of the kill matrix that tests of this session ask for."""
    mine = [item for item in session.items if isinstance(item, pytest.Function) and "kills" in item.fixturenames]
    return list(dict.fromkeys(str(item.callspec.params["case"]) for item in mine))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A session that was cut short has not come to the end of the fixture below."""
    early.end(session, wait=False)
    if early.is_begun(session, "kills"):
        session.stash[_KILLS].cut_short()
    if early.is_begun(session, "demo"):
        keepfit(session.stash[_STACK].environment, "down")
    early.end(session, wait=True)


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest) -> Iterator[Demo]:
    try:
        yield early.outcome(request.session, "demo")
    finally:
        request.session.stash[_STACK].end()


def _belongs_to(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get("KEEPFIT_HOME") == str(home) and process.pid != os.getpid()
    except psutil.Error:
        return False
