"""The heartbeat on real servers: a hung worker, a hung scheduler and one that plans nothing, within two periods.

The last is what sqlalchemy 2.1 does to Prefect (its server answers 200 and plans no run), made by Prefect's own switch.
"""

import re
import time

import httpx
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from config.load import load_file
from config.settings import PROJECT
from deployments.register import register
from deployments.render import WORK_POOL, deployments
from tests.e2e.conftest import clean_environment, keepfit
from tests.e2e.servers import hung, prefect_server, process_worker

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NAME, PERIOD = "subscriptions", 6.0


class Watched:
    """A pipeline that is to show a sign of life every six seconds, and whoever asks after it from outside."""

    def __init__(self, home, url):
        folder = home / "pipelines"
        folder.mkdir()
        content = yaml.safe_load((PROJECT / "config" / "pipelines" / f"{NAME}.yaml").read_text())
        content["schedules"] = {"reconciliation": {"every": f"{PERIOD:g}s"}}
        file = folder / f"{NAME}.yaml"
        file.write_text(yaml.safe_dump(content))
        self.environment = clean_environment(home) | {"PREFECT_API_URL": url, "KEEPFIT_PIPELINES_DIR": str(folder)}
        (spec,) = (one for one in deployments([load_file(file)]) if "reconciliation" in one["entrypoint"])
        with temporary_settings({PREFECT_API_URL: url}):
            register([spec | {"entrypoint": "tests.e2e.standin_flows.reconciliation_flow"}])

    def until(self, status, within, seen=""):
        """Ask until the answer has this exit status and words; what was told as wrong then."""
        began = time.monotonic()
        while True:
            asked_at = time.monotonic()
            asked = keepfit(self.environment, "heartbeat")
            took = time.monotonic() - asked_at
            if asked.returncode == status and re.search(seen, asked.stdout):
                return asked.stderr
            assert time.monotonic() - began <= within + 2 * took, asked.stdout + asked.stderr

    def is_alive(self):
        """Wait for a sign of life that is young enough."""
        self.until(0, 90, rf"{NAME}: reconciliation: pass: \d+ s ago")


def reasons(told):
    lead, *lines = told.strip().splitlines()
    assert lead == "error: not everything is alive"
    return {line.split(": ")[1]: line for line in lines}


def test_a_worker_and_a_scheduler_that_hang_are_noticed_and_so_is_that_they_are_back(tmp_path):
    with prefect_server(tmp_path) as url, process_worker(tmp_path, url, WORK_POOL):
        watched = Watched(tmp_path, url)
        watched.is_alive()
        with hung(tmp_path, url, "worker"):
            assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
            why = reasons(watched.until(1, within=2 * PERIOD))
        assert set(why) == {"reconciliation"}
        assert "allowed are 12 s" in why["reconciliation"]
        watched.is_alive()
        with hung(tmp_path, url, "server"):
            why = reasons(watched.until(1, within=2 * PERIOD))
        assert "Prefect does not answer" in why["scheduler"]
        watched.is_alive()


def test_a_server_that_is_healthy_and_plans_nothing_is_noticed_at_once(tmp_path):
    with prefect_server(tmp_path, PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false") as url:
        watched = Watched(tmp_path, url)
        assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
        why = reasons(watched.until(1, within=2 * PERIOD))
        assert "has no run planned" in why["scheduler"]
        assert "sqlalchemy 2.1 stops it in silence" in why["scheduler"]
