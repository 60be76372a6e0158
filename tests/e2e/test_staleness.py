"""`keepfit staleness` on the demo's own history: what the retraining brought, as Prefect and MLflow show it."""

import httpx
import pytest

from tests.e2e.conftest import Demo

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800, func_only=True)]


def test_the_retraining_that_answered_the_declared_change_was_better_and_old_models_are_shown(demo: Demo) -> None:
    before = demo.journal()
    ran = demo.keepfit("staleness", "subscriptions")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    promoted = [d["evidence"] for d in before if (d["kind"], d["outcome"]) == ("promotion", "promoted")]
    changes = [(one["replaces"], one["version"]) for one in promoted if one["replaces"]]
    old, new = changes[0]  # those that follow are of other tests on this stack
    assert f"{old} to {new}: better: roc_auc" in ran.stdout, ran.stdout
    assert demo.journal() == before, "it decides nothing"

    api = httpx.Client(base_url=f"{demo.prefect}/api", trust_env=False)
    page = api.get("/artifacts/staleness-subscriptions/latest").json()["data"]
    assert "### What each retraining brought" in page
    assert "version 1" in page
    root = f"{demo.mlflow}/api/2.0/mlflow"
    name = {"experiment_name": "subscriptions"}
    experiment = httpx.get(f"{root}/experiments/get-by-name", params=name, trust_env=False).json()["experiment"]
    query = {"experiment_ids": [experiment["experiment_id"]], "filter": "run_name = 'staleness of subscriptions'"}
    (run,) = httpx.post(f"{root}/runs/search", json=query, trust_env=False).json()["runs"]
    listed = {"run_id": run["info"]["run_id"], "path": "staleness"}
    files = httpx.get(f"{root}/artifacts/list", params=listed, trust_env=False).json()["files"]
    kinds = sorted(one["path"].rpartition(".")[2] for one in files)
    assert kinds == ["csv", "csv", "md", "png"]
