"""`keepfit simulate` on the demo's own history: a line per policy, the declared truth, MLflow's runs, and resuming.

And `keepfit tune`, which comes last: its runs stand in the same experiment.
"""

import re

import httpx
import pytest
import yaml

from config.settings import PROJECT
from tests.e2e.conftest import Demo

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800, func_only=True)]

FILE = PROJECT / "config" / "pipelines" / "subscriptions.yaml"
COMMAND = ("simulate", "subscriptions", "--every", "30d", "--from", "2024-12-01", "--to", "2025-07-01")
POLICIES = ("never", "every_window", "drifted_share", "performance_threshold", "keepfit")


def lines(output: str) -> dict[str, list[str]]:
    """The cells of the table of policies: mean, regret, retrainings, promotions, seconds, false alarms, missed."""
    found = {}
    for line in output.splitlines():
        cells = [cell.strip() for cell in re.split("[│|┃]", line) if cell.strip()]
        if cells and cells[0] in POLICIES and len(cells) == 8:
            found[cells[0]] = cells[1:]
    return found


def test_policies_are_compared_on_what_was_ingested_and_a_repeat_comes_from_the_cache(demo: Demo) -> None:
    before = versions(demo)
    ran = demo.keepfit(*COMMAND)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    table = lines(ran.stdout)
    assert set(table) == set(POLICIES), ran.stdout
    assert table["never"][2:4] == ["0", "0"]
    assert table["never"][6] == "1", "the declared change of the concept is missed"
    assert int(table["every_window"][2]) == 6
    assert (table["keepfit"][5], table["keepfit"][6]) == ("0", "0"), ran.stdout
    assert "MLflow run: http" in ran.stdout
    assert versions(demo) == before, "a simulation registers nothing"
    again = demo.keepfit(*COMMAND)
    assert lines(again.stdout) == table
    assert states(demo) == {"Cached"}
    assert demo.keepfit("verify", "subscriptions").returncode == 0


def test_mlflow_holds_one_run_per_policy_with_its_score_over_time(demo: Demo) -> None:
    root = f"{demo.mlflow}/api/2.0/mlflow"
    experiment = httpx.get(
        f"{root}/experiments/get-by-name", params={"experiment_name": "subscriptions"}, trust_env=False
    )
    query = {"experiment_ids": [experiment.json()["experiment"]["experiment_id"]], "filter": "params.policy != ''"}
    runs = httpx.post(f"{root}/runs/search", json=query, trust_env=False).json()["runs"]
    assert {run["info"]["run_name"] for run in runs} == set(POLICIES)
    one = next(run for run in runs if run["info"]["run_name"] == "keepfit")
    assert {"mean", "regret", "retrainings", "promotions"} <= {metric["key"] for metric in one["data"]["metrics"]}
    params = {"run_id": one["info"]["run_id"], "metric_key": "roc_auc"}
    series = httpx.get(f"{root}/metrics/get-history", params=params, trust_env=False).json()["metrics"]
    assert len(series) == 7


def test_within_the_periods_keepfit_decides_as_often_as_it_is_told(demo: Demo) -> None:
    some = ("--policy", "never", "--policy", "keepfit", "--check-every", "10d")
    ran = demo.keepfit(
        "simulate", "subscriptions", "--every", "30d", "--from", "2025-03-02", "--to", "2025-07-01", *some
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "keepfit decided up to 3 times in a period, the others at its beginning" in ran.stdout
    table = lines(ran.stdout)
    assert set(table) == {"never", "keepfit"}, ran.stdout
    assert (table["never"][6], table["keepfit"][6]) == ("1", "0"), ran.stdout
    assert float(table["keepfit"][0]) > float(table["never"][0])


def test_a_policy_that_does_not_exist_is_refused_with_those_that_do(demo: Demo) -> None:
    refused = demo.keepfit("simulate", "subscriptions", "--policy", "always")
    assert refused.returncode == 1
    assert "Choose among: never, every_window" in refused.stderr


def test_thresholds_are_proposed_with_what_came_of_them_and_the_file_stays_as_it_is(demo: Demo) -> None:
    before = FILE.read_bytes()
    tuned = demo.keepfit("tune", *COMMAND[1:])
    assert tuned.returncode == 0, tuned.stdout + tuned.stderr
    chose, came = tuned.stdout.split("what came of it")
    own = yaml.safe_load(before)
    assert chose.count("max_loss") == 18, "three losses, two confidences (the own is one of them), three cooldowns"
    assert f"cooldown {own['governor']['cooldown']}" in chose
    kept = "Keep the thresholds" in came
    for name in ("present", "never", "every_window", *(() if kept else ("proposed",))):
        assert re.search(rf"\b{name}\b.*[01]\.\d+", came), f"{name} has no score\n{came}"
    assert kept != ("in place of these sections" in came and "Chosen by" in came)
    assert "MLflow run: http" in came
    assert FILE.read_bytes() == before


def versions(demo: Demo) -> int:
    query = {"filter": "name='subscriptions'"}
    found = httpx.get(f"{demo.mlflow}/api/2.0/mlflow/model-versions/search", params=query, trust_env=False)
    return len(found.json()["model_versions"])


def states(demo: Demo) -> set[str]:
    """The states of the newest simulation's tasks that are kept by key."""
    api = httpx.Client(base_url=f"{demo.prefect}/api", trust_env=False)
    query = {"sort": "START_TIME_DESC", "limit": 1, "flows": {"name": {"any_": ["simulation"]}}}
    run = api.post("/flow_runs/filter", json=query).json()[0]
    tasks = api.post("/task_runs/filter", json={"flow_runs": {"id": {"any_": [run["id"]]}}, "limit": 200}).json()
    return {
        task["state_name"] for task in tasks if task["task_key"].startswith(("simulate_policy", "rehearse_training"))
    }
