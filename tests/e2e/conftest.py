"""One stack with the replayed sample for all end-to-end tests that only look: started once, ended at the end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from config.settings import PROJECT, stack_addresses

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


def clean_environment(home: Path) -> dict[str, str]:
    """The shell of somebody who has never heard of Keepfit; CI unset, because it hides telemetry."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KEEPFIT_", "PREFECT_", "MLFLOW_"))}
    kept.pop("CI", None)
    return kept | {"KEEPFIT_HOME": str(home), "COLUMNS": "160"}


def keepfit(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KEEPFIT, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=900, check=False
    )


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo") / "home"
    environment = clean_environment(home)
    up = keepfit(environment, "up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        ran = keepfit(environment, "demo", "--exit")
        found = stack_addresses(home)
        prefect = found["prefect"].removesuffix("/api")
        output = ran.stdout + ran.stderr
        yield Demo(home, prefect, found["mlflow"], found["evidently"], output, ran.returncode, environment)
    finally:
        down = keepfit(environment, "down")
        assert down.returncode == 0, down.stdout + down.stderr
        left = [p.pid for p in psutil.process_iter() if _belongs_to(p, home)]
        assert not left, f"processes left behind: {left}"


def _belongs_to(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get("KEEPFIT_HOME") == str(home) and process.pid != os.getpid()
    except psutil.Error:
        return False
