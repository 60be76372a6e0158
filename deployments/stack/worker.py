"""Entry point of the worker part: wait for Prefect, make sure that the work pool exists, then run a process worker.

Flow runs start in the project folder, so that module entrypoints and relative paths mean the same as in a shell.
"""

import argparse
import os
import sys
import time

from config.settings import PROJECT
from deployments.stack.health import answers
from tasks.core.errors import ServerUnavailable

_PATIENCE = 120.0


def main() -> None:
    """Run the worker until it is told to stop. Raises ServerUnavailable when Prefect does not answer in time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pool", required=True)
    parser.add_argument("--limit", required=True)
    arguments = parser.parse_args()
    from prefect.cli import app

    _wait_for_api()
    _ensure_pool(arguments.pool)
    options = ["--pool", arguments.pool, "--limit", arguments.limit, "--name", "keepfit", "--with-healthcheck"]
    sys.argv = ["prefect", "worker", "start", *options]
    app()


def _wait_for_api() -> None:
    url = os.environ["PREFECT_API_URL"] + "/health"
    deadline = time.monotonic() + _PATIENCE
    while not answers(url):
        if time.monotonic() > deadline:
            raise ServerUnavailable(f"the Prefect server did not answer for {_PATIENCE:.0f} s; see `keepfit status`")
        time.sleep(0.2)


def _ensure_pool(name: str) -> None:
    """Create the pool, or bring our own one up to date; a pool on somebody else's server stays as it is."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["working_dir"]["default"] = str(PROJECT)
    # Named outright, the command runs at once; otherwise a second Python starts first to prepare a workspace.
    template["variables"]["properties"]["command"]["default"] = "python -m prefect.engine"
    pool = WorkPoolCreate(name=name, type="process", base_job_template=template)
    ours = "prefect" in os.environ.get("KEEPFIT_EMBEDDED", "").split(",")
    with get_client(sync_client=True) as client:
        try:
            client.create_work_pool(pool, overwrite=ours)
        except ObjectAlreadyExists:
            return


if __name__ == "__main__":
    main()
