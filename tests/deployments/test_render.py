import inspect
from importlib import import_module
from types import SimpleNamespace

import pytest
import yaml

from config.schedules import Schedule, Schedules
from config.settings import PROJECT, Settings
from deployments.render import deployments, render
from deployments.surface import FLOWS


def pipeline(name="churn", **schedules):
    return SimpleNamespace(pipeline=name, description="Who leaves next month.", schedules=Schedules(**schedules))


SAMPLE = pipeline(cycle=Schedule(every="1h"), training=Schedule(cron="0 3 * * 1", timezone="Europe/Berlin"))


def test_the_deployed_surface():
    surface = {
        spec["entrypoint"]: (spec["name"], spec["tags"], spec["parameters"], spec["schedules"])
        for spec in deployments([SAMPLE])
    }
    common = ("churn", ["keepfit", "churn"], {"pipeline": "churn"})
    weekly = {"slug": "training-churn", "cron": "0 3 * * 1", "timezone": "Europe/Berlin"}
    hourly = {
        "slug": "cycle-churn",
        "interval": 3600,
        "anchor_date": "2024-01-01T00:00:00+00:00",
        "timezone": "UTC",
    }
    assert surface == {
        "flows.ingestion.ingestion_flow": (*common, []),
        "flows.training.training_flow": (*common, [weekly]),
        "flows.promotion.promotion_flow": (*common, []),
        "flows.approval.approval_flow": (*common, []),
        "flows.scoring.scoring_flow": (*common, []),
        "flows.monitoring.monitoring_flow": (*common, []),
        "flows.release.release_flow": (*common, []),
        "flows.cycle.cycle_flow": (*common, [hourly]),
        "flows.staleness.staleness_flow": (*common, []),
        "flows.reconciliation.reconciliation_flow": (*common, []),
    }


def test_every_deployment_runs_one_at_a_time_on_the_pool_and_drops_nothing():
    for spec in deployments([SAMPLE]):
        assert spec["work_pool"] == {"name": "keepfit"}
        assert spec["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE", "grace_period_seconds": 120}


def test_a_paused_schedule_says_so_and_a_running_one_leaves_the_switch_to_the_ui():
    specs = deployments([pipeline(scoring=Schedule(every="1d", active=False), ingestion=Schedule(every="1d"))])
    schedules = {entry["slug"]: entry for spec in specs for entry in spec["schedules"]}
    assert schedules["scoring-churn"]["active"] is False
    assert "active" not in schedules["ingestion-churn"]


def test_slugs_are_unique_and_do_not_depend_on_the_timing():
    everywhere = {flow.name: Schedule(every="1h") for flow in FLOWS if flow.name in Schedules.model_fields}
    changed = {flow: Schedule(cron="0 1 * * *") for flow in everywhere}
    slugs = [entry["slug"] for spec in deployments([pipeline(**everywhere)]) for entry in spec["schedules"]]
    assert len(slugs) == len(set(slugs)) == 6
    assert slugs == [entry["slug"] for spec in deployments([pipeline(**changed)]) for entry in spec["schedules"]]


def test_the_text_is_the_deployments_and_prefect_accepts_it():
    from prefect.cli.deploy._models import PrefectYamlModel

    two = [pipeline("b", cycle=Schedule(every="90s")), SAMPLE]
    text = render(two)
    content = yaml.safe_load(text)
    assert content["deployments"] == deployments(two)
    assert render(reversed(two)) == text
    model = PrefectYamlModel.model_validate(content)
    assert [deployment.name for deployment in model.deployments] == ["b"] * len(FLOWS) + ["churn"] * len(FLOWS)
    assert model.pull == []


def test_the_committed_file_is_the_rendering_of_the_committed_pipelines():
    from config.load import load_all

    pipelines = load_all(Settings())
    assert pipelines, "no pipeline is committed in config/pipelines"
    committed = (PROJECT / "deployments" / "prefect.yaml").read_text(encoding="utf-8")
    assert committed == render(pipelines.values()), "run `keepfit deploy --write`"


@pytest.mark.parametrize("deployed", FLOWS, ids=lambda flow: flow.name)
def test_the_form_names_describes_and_types_every_parameter(deployed):
    from prefect.utilities.callables import parameter_schema

    module, _, function = deployed.entrypoint.rpartition(".")
    flow = getattr(import_module(module), function)
    assert flow.name == deployed.name
    schema = parameter_schema(flow).model_dump(exclude_unset=True)
    fields = schema["properties"]
    assert list(fields) == list(inspect.signature(flow.fn).parameters)
    # What the deployment's page explains and what the form asks for are the same parameters.
    assert set(fields) == {"pipeline", *(name for name, _ in deployed.parameters)}
    for name, field in fields.items():
        assert field.get("description"), f"{function}: no description of {name}; add it to Args: of the docstring"
        assert field.keys() & {"type", "anyOf", "allOf", "$ref", "enum"}, f"{function}: no type of {name}"
    # Nothing but what the deployment does not already fill in has to be typed; an answer is a person's own words.
    assert set(schema.get("required", [])) <= {"pipeline", "version", "decision", "what", "who", "why"}
