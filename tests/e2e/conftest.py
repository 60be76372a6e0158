"""One stack with the replayed sample for all end-to-end tests that only look: started once, ended at the end.

The sample is replayed while other tests run; what is left running when the session ends early is ended here, too.
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
        """As a process of this stack reads them; nothing of the developer's own. What is empty lies in the home."""
        return Settings(
            home=self.home,
            store="",
            control_url="",
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


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what takes longest; tests of the core keep one processor busy meanwhile."""
    from tests.e2e import bikes, chicago

    if session.config.option.collectonly:
        return
    folder = TemporaryDirectory(prefix="keepfit-e2e-")
    session.config.add_cleanup(folder.cleanup)
    stack = session.stash[_STACK] = DemoStack(Path(folder.name) / "demo")
    home = Path(folder.name)
    plays = (lambda: chicago.live(home / "chicago"), lambda: bikes.live(home / "bikes"), stack.play)
    early.begin(session, dict(zip(early.SCENARIOS, plays, strict=True)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A session that was cut short has not come to the end of the fixture below."""
    if early.is_begun(session, "demo"):
        keepfit(session.stash[_STACK].environment, "down")


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
