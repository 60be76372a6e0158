"""Registering with a real Prefect server (no worker): what people do in the UI is done here through the same API."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from config.schedules import Schedule, Schedules
from deployments.register import register
from deployments.render import deployments
from deployments.slots import slot_of_file, timing_of
from tasks.core.errors import ConfigInvalid, ServerUnavailable
from tests.e2e.servers import prefect_server

EDITED = CronSchedule(cron="30 5 * * *", timezone="Europe/Berlin")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with (
        prefect_server(tmp_path_factory.mktemp("prefect"), scheduler=False) as url,
        temporary_settings({PREFECT_API_URL: url}),
        get_client(sync_client=True) as client,
    ):
        yield client


def specs(name, **schedule):
    """The deployment of the cycle only, with a flow that needs nothing."""
    schedules = Schedules(cycle=Schedule(**schedule)) if schedule else Schedules()
    pipeline = SimpleNamespace(pipeline=name, description="A test.", schedules=schedules)
    found = next(spec for spec in deployments([pipeline]) if "cycle" in spec["entrypoint"])
    return [found | {"entrypoint": "tests.e2e.standin_flows.cycle_flow"}]


def read(client, name):
    return client.read_deployment_by_name(f"cycle/{name}")


def only_schedule(client, name):
    (schedule,) = read(client, name).schedules
    return schedule


def planned(client, name):
    """Planned runs of the deployment: (expected start, id)."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    mine = DeploymentFilter(id=DeploymentFilterId(any_=[read(client, name).id]))
    return sorted((run.expected_start_time, run.id) for run in client.read_flow_runs(deployment_filter=mine))


def plan(client, name, since=None):
    """What Prefect's scheduler does on its timer, now."""
    body = {"start_time": (since or datetime.now(UTC)).isoformat()}
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": read(client, name).id}, json=body)


def test_a_first_deploy_creates_everything(server):
    (result,) = register(specs("first", cron="0 6 * * *", timezone="Europe/Berlin"))
    assert (result.deployment, result.change) == ("cycle/first", "created")
    deployment = read(server, "first")
    assert server.read_work_pool("keepfit").type == "process"
    assert deployment.work_pool_name == "keepfit"
    assert deployment.entrypoint == "tests.e2e.standin_flows.cycle_flow"
    assert deployment.path is None
    assert not deployment.pull_steps
    assert deployment.tags == ["keepfit", "first"]
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options.collision_strategy == "ENQUEUE"
    assert deployment.parameters == {"pipeline": "first"}
    fields = deployment.parameter_openapi_schema["properties"]
    assert fields["pipeline"]["type"] == "string"
    assert {kind.get("format") for kind in fields["as_of"]["anyOf"]} == {"date-time", None}
    assert all(field["description"] for field in fields.values())
    assert only_schedule(server, "first").slug == "cycle-first"


@pytest.mark.parametrize("schedule", [{"cron": "*/5 * * * *"}, {"every": "7m", "timezone": "Europe/Berlin"}])
def test_redeploying_writes_nothing_and_keeps_every_planned_run(server, schedule):
    name = f"twice-{'cron' if 'cron' in schedule else 'every'}"
    register(specs(name, **schedule))
    plan(server, name)
    before, runs = read(server, name), planned(server, name)
    for _ in range(2):
        (result,) = register(specs(name, **schedule))
        assert result.change == "unchanged"
    after = read(server, name)
    assert after.updated == before.updated
    assert [schedule.id for schedule in after.schedules] == [schedule.id for schedule in before.schedules]
    assert planned(server, name) == runs
    assert len({start for start, _ in runs}) == len(runs) > 0


def test_a_changed_description_drops_no_slot_and_doubles_none(server):
    register(specs("described", every="1m"))
    # A slot that is overdue: no worker has taken it yet (prefect#17764 lost such runs on a redeploy).
    plan(server, "described", since=datetime.now(UTC) - timedelta(minutes=3))
    schedule, starts = only_schedule(server, "described"), [start for start, _ in planned(server, "described")]
    late = [start for start in starts if start < datetime.now(UTC)]
    assert len(late) >= 2
    changed = specs("described", every="1m")
    changed[0]["description"] += "More."
    (result,) = register(changed)
    assert result.change == "updated"
    # Prefect dropped the runs ahead; its scheduler is off here, so that they are back is our doing.
    assert only_schedule(server, "described").id == schedule.id
    after = [start for start, _ in planned(server, "described")]
    assert set(after) >= set(starts)
    assert len(after) == len(set(after))


def test_a_change_in_the_file_is_applied_in_place(server):
    register(specs("changed", cron="0 6 * * *"))
    before = only_schedule(server, "changed")
    (result,) = register(specs("changed", cron="0 7 * * *"))
    after = only_schedule(server, "changed")
    assert (result.change, result.kept) == ("updated", ())
    assert (after.id, after.schedule.cron) == (before.id, "0 7 * * *")


def test_an_edit_in_the_ui_survives_redeploys_and_changes_of_the_file_until_reset(server):
    register(specs("edited", cron="0 6 * * *"))
    before = only_schedule(server, "edited")
    server.update_deployment_schedule(read(server, "edited").id, before.id, schedule=EDITED)
    for cron in ("0 6 * * *", "0 7 * * *", "0 7 * * *"):
        (result,) = register(specs("edited", cron=cron))
        after = only_schedule(server, "edited")
        assert (after.id, after.schedule.cron, after.schedule.timezone) == (before.id, EDITED.cron, EDITED.timezone)
        assert result.kept == ("edited in the UI to cron 30 5 * * * Europe/Berlin",)
        assert result.wanted == f"cron {cron} UTC"
    (result,) = register(specs("edited", cron="0 7 * * *"), reset=True)
    assert result.kept == ()
    assert (only_schedule(server, "edited").id, only_schedule(server, "edited").schedule.cron) == (
        before.id,
        "0 7 * * *",
    )


def test_a_pause_in_the_ui_survives_also_a_change_of_timing(server):
    register(specs("paused", cron="0 6 * * *"))
    before = only_schedule(server, "paused")
    server.update_deployment_schedule(read(server, "paused").id, before.id, active=False)
    for cron in ("0 6 * * *", "0 7 * * *"):
        (result,) = register(specs("paused", cron=cron))
        after = only_schedule(server, "paused")
        assert (after.id, after.active, after.schedule.cron) == (before.id, False, cron)
        assert result.kept == ("paused in the UI",)
    register(specs("paused", cron="0 7 * * *"), reset=True)
    assert only_schedule(server, "paused").active


def test_a_schedule_deleted_in_the_ui_stays_deleted_until_reset(server):
    register(specs("deleted", cron="0 6 * * *"))
    server.delete_deployment_schedule(read(server, "deleted").id, only_schedule(server, "deleted").id)
    for cron in ("0 6 * * *", "0 7 * * *"):
        (result,) = register(specs("deleted", cron=cron))
        assert read(server, "deleted").schedules == []
        assert result.kept == ("deleted in the UI",)
    register(specs("deleted", cron="0 7 * * *"), reset=True)
    assert only_schedule(server, "deleted").schedule.cron == "0 7 * * *"


def test_a_schedule_added_in_the_ui_is_left_alone(server):
    register(specs("added", cron="0 6 * * *"))
    server.create_deployment_schedules(read(server, "added").id, [(EDITED, True)])
    before = {schedule.id for schedule in read(server, "added").schedules}
    changed = specs("added", cron="0 7 * * *")
    changed[0]["description"] += "More."
    register(changed)
    register(changed, reset=True)
    assert {schedule.id for schedule in read(server, "added").schedules} == before
    assert {s.schedule.cron for s in read(server, "added").schedules} == {"0 7 * * *", EDITED.cron}


def test_a_schedule_removed_from_the_file_goes_and_comes_back(server):
    register(specs("removed", cron="0 6 * * *"))
    (result,) = register(specs("removed"))
    assert (result.change, result.schedule) == ("updated", "none")
    assert read(server, "removed").schedules == []
    register(specs("removed", cron="0 6 * * *"))
    assert only_schedule(server, "removed").slug == "cycle-removed"


def test_a_deployment_deleted_in_the_ui_comes_back_with_its_schedule(server):
    register(specs("gone", cron="0 6 * * *"))
    server.delete_deployment(read(server, "gone").id)
    register(specs("gone"))
    assert read(server, "gone").schedules == []
    (result,) = register(specs("gone", cron="0 6 * * *"))
    assert (result.change, result.kept) == ("updated", ())
    server.delete_deployment(read(server, "gone").id)
    (result,) = register(specs("gone", cron="0 6 * * *"))
    assert result.change == "created"
    assert only_schedule(server, "gone").active


def test_what_the_old_ui_sends_back_unedited_is_not_an_edit(server):
    (spec,) = specs("same", every="90m", timezone="Europe/Berlin")
    register([spec])
    schedule = only_schedule(server, "same")
    # The toggle of Prefect's UI sends the whole schedule, its anchor as JavaScript writes dates.
    body = {
        "slug": schedule.slug,
        "active": True,
        "schedule": {"interval": 5400, "timezone": "Europe/Berlin", "anchor_date": "2024-01-01T00:00:00.000Z"},
    }
    path = {"id": read(server, "same").id, "schedule_id": schedule.id}
    server.request("PATCH", "/deployments/{id}/schedules/{schedule_id}", path_params=path, json=body)
    (result,) = register([spec])
    assert (result.change, result.kept) == ("unchanged", ())
    assert timing_of(only_schedule(server, "same").schedule) == slot_of_file(spec["schedules"][0]).timing


def test_a_flow_that_cannot_be_loaded_is_named(server):
    (spec,) = specs("broken", cron="0 6 * * *")
    with pytest.raises(ConfigInvalid, match=r"tests\.e2e\.no_such_module\.cycle_flow"):
        register([spec | {"entrypoint": "tests.e2e.no_such_module.cycle_flow"}])


def test_no_server_is_said_and_not_replaced(server):
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(ServerUnavailable, match="keepfit up"),
    ):
        register(specs("nowhere", cron="0 6 * * *"))
