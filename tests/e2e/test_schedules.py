"""A scheduled run really fires on a real worker, and people's edits of schedules survive both ways to redeploy.

With SQLAlchemy 2.1 the first test is red: Prefect then plans no run, in silence, and stays healthy.
"""

import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from config.schedules import Schedule, Schedules
from config.settings import PROJECT
from deployments.register import register
from deployments.render import WORK_POOL, deployments, render
from tests.e2e.servers import prefect_environment, prefect_server, process_worker

pytestmark = pytest.mark.e2e

STANDIN = "tests.e2e.standin_flows.cycle_flow"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("keepfit")


@pytest.fixture(scope="module")
def stack(home):
    """A client of a real server with a real worker."""
    with (
        prefect_server(home) as url,
        process_worker(home, url, WORK_POOL),
        temporary_settings({PREFECT_API_URL: url}),
        get_client(sync_client=True) as client,
    ):
        yield client


def pipeline(name, **schedule):
    return SimpleNamespace(pipeline=name, description="A test.", schedules=Schedules(cycle=Schedule(**schedule)))


def specs(name, **schedule):
    found = next(spec for spec in deployments([pipeline(name, **schedule)]) if "cycle" in spec["entrypoint"])
    return [found | {"entrypoint": STANDIN}]


def read(client, name):
    return client.read_deployment_by_name(f"cycle/{name}")


def only_schedule(client, name):
    (schedule,) = read(client, name).schedules
    return schedule


def runs(client, name):
    mine = DeploymentFilter(id=DeploymentFilterId(any_=[read(client, name).id]))
    return client.read_flow_runs(deployment_filter=mine)


def completed(client, name, at_least, within=120.0):
    """Completed runs of a deployment, waiting for so many of them."""
    deadline = time.monotonic() + within
    while True:
        done = [run for run in runs(client, name) if run.state and run.state.is_completed()]
        if len(done) >= at_least:
            return done
        assert time.monotonic() < deadline, [(run.state_name, run.expected_start_time) for run in runs(client, name)]
        time.sleep(0.5)


def prefect_deploy(client, home, *pipelines):
    """Plain `prefect deploy --all` on the rendered file, the cycle only; returns what it said."""
    document = yaml.safe_load(render(pipelines))
    document["deployments"] = [
        spec | {"entrypoint": STANDIN} for spec in document["deployments"] if "cycle" in spec["entrypoint"]
    ]
    file = home / "prefect.yaml"
    file.write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
        cwd=PROJECT,
        env=prefect_environment(home, str(client.api_url)),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_schedule_fires_on_the_worker_once_per_slot_also_while_redeployed(stack):
    spec = specs("fires", every="10s")
    deployed = datetime.now(UTC)
    register(spec)
    first = min(completed(stack, "fires", at_least=1), key=lambda run: run.start_time)
    assert first.auto_scheduled
    assert first.created_by.type == "SCHEDULE"
    assert first.parameters["pipeline"] == "fires"
    assert (first.start_time - deployed).total_seconds() < 90
    for number in range(3):
        spec[0]["description"] += f" {number}"
        (result,) = register(spec)
        assert result.change == "updated"
    planned = runs(stack, "fires")
    slots = sorted(run.expected_start_time for run in planned)
    assert len(slots) >= 3
    assert {(later - earlier).total_seconds() for earlier, later in pairwise(slots)} == {10.0}, "a slot lost or doubled"
    stack.update_deployment_schedule(read(stack, "fires").id, only_schedule(stack, "fires").id, active=False)
    for run in runs(stack, "fires"):
        if run.state and run.state.is_scheduled():
            stack.delete_flow_run(run.id)


def test_paused_in_the_ui_nothing_is_planned_after_a_redeploy(stack):
    register(specs("quiet", every="1h"))
    stack.update_deployment_schedule(read(stack, "quiet").id, only_schedule(stack, "quiet").id, active=False)
    register(specs("quiet", every="2h"))
    stack.request("POST", "/deployments/{id}/schedule", path_params={"id": read(stack, "quiet").id}, json={})
    assert runs(stack, "quiet") == []


def test_plain_prefect_deploy_works_and_keeps_what_was_edited_in_the_ui(stack, home):
    names = ("retimed", "paused", "deleted", "added", "untouched")
    register([spec for name in names[:2] for spec in specs(name, cron="0 6 * * *")])
    prefect_deploy(stack, home, *(pipeline(name, cron="0 6 * * *") for name in names))
    ids = {name: (read(stack, name).id, only_schedule(stack, name).id) for name in names}
    stack.update_deployment_schedule(*ids["retimed"], schedule=IntervalSchedule(interval=5400))
    stack.update_deployment_schedule(*ids["paused"], active=False)
    stack.delete_deployment_schedule(*ids["deleted"])
    stack.create_deployment_schedules(ids["added"][0], [(CronSchedule(cron="30 5 * * *"), True)])

    said = prefect_deploy(stack, home, *(pipeline(name, cron="0 7 * * *") for name in names))

    assert said.count("--reset-schedules") == 3
    assert only_schedule(stack, "retimed").schedule.interval.total_seconds() == 5400
    paused = only_schedule(stack, "paused")
    assert (paused.active, paused.schedule.cron) == (False, "0 7 * * *")
    assert read(stack, "deleted").schedules == []
    assert {schedule.schedule.cron for schedule in read(stack, "added").schedules} == {"0 7 * * *", "30 5 * * *"}
    assert only_schedule(stack, "untouched").schedule.cron == "0 7 * * *"
    for name in ("retimed", "paused", "added", "untouched"):
        assert ids[name][1] in {schedule.id for schedule in read(stack, name).schedules}
    # `keepfit deploy` afterwards sees the same edits, and nothing else to do.
    results = register([spec for name in names for spec in specs(name, cron="0 7 * * *")])
    assert [result.change for result in results] == ["unchanged"] * 5
    assert [len(result.kept) for result in results] == [1, 1, 1, 0, 0]


def test_what_plain_prefect_deploy_registered_runs_on_the_worker(stack):
    deployment = read(stack, "untouched")
    assert deployment.entrypoint == STANDIN
    assert deployment.path is None
    assert not deployment.pull_steps
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options.grace_period_seconds == 120
    stack.create_flow_run_from_deployment(deployment.id)
    completed(stack, "untouched", at_least=1)
