"""The whole loop on real servers: the demo's decisions are right, and the records behind them say how they came."""

import re
from pathlib import Path

import httpx
import pytest
import yaml

from tests.e2e.conftest import Demo, keepfit

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200, func_only=True)]


def test_the_demo_decides_as_the_truth_says(demo: Demo) -> None:
    assert demo.status == 0, demo.output
    answers = re.findall(r"^(right|wrong) ", demo.output, re.MULTILINE)
    assert len(answers) >= 6, demo.output
    assert set(answers) == {"right"}, demo.output


def test_each_period_tells_what_became_of_a_delivery_and_of_a_retraining(demo: Demo) -> None:
    rows = [line.split(" | ") for line in demo.output.splitlines() if re.match(r"\d{4}-\d\d-\d\d \|", line)]
    assert len(rows) == 10, demo.output
    assert rows[0][4] == "no champion", "who asks for the first training has found no breach"
    assert [row[0] for row in rows if row[4] == "fail"] == ["2025-04-01", "2025-05-01"]
    told = {row[0]: row[5] for row in rows}
    assert [day for day, text in told.items() if "2024-11.csv refused" in text] == ["2024-12-01"]
    asked = [text for text in told.values() if "triggered" in text]
    assert len(asked) >= 2
    assert all(
        re.search(r"retraining (postponed|spared|failed)|version \d+ (promoted|refused)", text) for text in asked
    )


def test_one_corrupted_batch_is_quarantined_and_every_row_is_accounted_for(demo: Demo) -> None:
    batches = [entry for entry in demo.journal() if entry["kind"] == "ingestion"]
    refused = [entry["evidence"]["name"] for entry in batches if entry["outcome"] == "quarantined"]
    assert refused == ["2024-11.csv"]
    for entry in batches:
        counts = entry["evidence"]
        assert counts["accepted"] + counts["quarantined"] == counts["delivered"] > 0


def test_the_retraining_was_started_by_the_monitoring_run_and_prefect_shows_it(demo: Demo) -> None:
    entries = demo.journal()
    breach = next(
        e for e in entries if e["kind"] == "monitoring" and "performance" in (e["evidence"].get("signal") or "")
    )
    sent = next(e for e in entries if e["kind"] == "trigger" and e["evidence"]["token"] == breach["evidence"]["token"])
    api = httpx.Client(base_url=f"{demo.prefect}/api", trust_env=False)
    training = api.get(f"/flow_runs/{sent['evidence']['flow_run']}").json()
    assert training["state_type"] == "COMPLETED"
    assert training["deployment_id"], "the retraining ran from its deployment, on the worker"
    assert training["idempotency_key"] == breach["evidence"]["token"]
    parent = api.get(f"/task_runs/{training['parent_task_run_id']}").json()
    assert parent["flow_run_id"] == breach["run"], "Prefect shows the monitoring run as the one that started it"
    assert "performance" in training["parameters"]["reason"]


def test_every_invariant_holds_after_the_demo(demo: Demo) -> None:
    verified = demo.keepfit("verify", "subscriptions")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stdout.count("pass") >= 9


def test_the_accepted_rows_keep_the_rules_and_of_a_new_one_it_is_told_how_many_break_it(
    demo: Demo, tmp_path: Path
) -> None:
    audited = demo.keepfit("audit", "subscriptions")
    assert audited.returncode == 0, audited.stdout + audited.stderr
    told = yaml.safe_load((Path(demo.environment["KEEPFIT_PIPELINES_DIR"]) / "subscriptions.yaml").read_text("utf-8"))
    new = {"expect": "ExpectColumnValuesToBeBetween", "arguments": {"column": "age", "max_value": 40}}
    told.setdefault("validation", {}).setdefault("expectations", []).append(new)
    (tmp_path / "subscriptions.yaml").write_text(yaml.safe_dump(told), "utf-8")
    again = keepfit(demo.environment | {"KEEPFIT_PIPELINES_DIR": str(tmp_path)}, "audit", "subscriptions")
    assert again.returncode == 1
    assert re.search(r"ExpectColumnValuesToBeBetween:age\W+fail\W+\d+,\d{3}", again.stdout), again.stdout
    assert re.match(r"error: \d of \d+ rules do not hold of the accepted rows", again.stderr), again.stderr
    assert demo.keepfit("verify", "subscriptions").returncode == 0


def test_the_champions_card_tells_a_score_with_a_proof_for_each_point(demo: Demo) -> None:
    told = demo.keepfit("card", "subscriptions", "--output", str(demo.home / "card.md"))
    assert told.returncode == 0, told.stdout + told.stderr
    card = (demo.home / "card.md").read_text("utf-8")
    score = re.search(r"\*\*([\d.]+)\*\* of 7, the least of its sections", card)
    assert score, card
    assert float(score[1]) >= 3, card
    proofs = re.findall(r"`keepfit explain subscriptions (\d+)`", card)
    assert len(proofs) >= 8, card
    journal = demo.journal()
    assert {journal[int(at) - 1]["kind"] for at in proofs} >= {"ingestion", "monitoring", "promotion"}


def test_a_second_training_on_the_same_snapshot_fits_nothing_and_registers_nothing(demo: Demo) -> None:
    trained = next(e for e in reversed(demo.journal()) if e["kind"] == "training")
    again = demo.keepfit("run", "training", "subscriptions", "--as-of", trained["as_of"], "--reason", "the same again")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.startswith(f"{trained['evidence']['version']}: "), again.stdout
    api = httpx.Client(base_url=f"{demo.prefect}/api", trust_env=False)
    query = {"sort": "START_TIME_DESC", "limit": 1, "flows": {"name": {"any_": ["training"]}}}
    run = api.post("/flow_runs/filter", json=query).json()[0]
    trials = api.post("/task_runs/filter", json={"flow_runs": {"id": {"any_": [run["id"]]}}, "limit": 200}).json()
    fitted = [
        task["state_name"] for task in trials if task["name"].startswith("fit ") and task["name"] != "fit candidate"
    ]
    states = {task["name"]: task["state_name"] for task in trials if task["task_key"].startswith("fit_trial")}
    assert states, fitted
    assert set(states.values()) == {"Cached"}, states


def test_rollback_takes_the_champion_back_and_says_so(demo: Demo) -> None:
    promoted = next(e for e in reversed(demo.journal()) if e["outcome"] == "promoted" and e["kind"] == "promotion")
    new, old = promoted["evidence"]["version"], promoted["evidence"]["replaces"]
    back = demo.keepfit("rollback", "subscriptions", "--why", "a drill")
    assert back.returncode == 0, back.stdout + back.stderr
    assert _champion(demo) == str(old)
    assert demo.keepfit("verify", "subscriptions").returncode == 0
    forward = demo.keepfit("rollback", "subscriptions", "--to", str(new), "--why", "the drill is over")
    assert forward.returncode == 0, forward.stdout + forward.stderr
    assert _champion(demo) == str(new)


def test_the_champion_is_made_again_from_its_records(demo: Demo) -> None:
    again = demo.keepfit("reproduce", "subscriptions", _champion(demo))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "same rows, parameters and libraries" in again.stdout


def _champion(demo: Demo) -> str:
    query = {"name": "subscriptions", "alias": "champion"}
    found = httpx.get(f"{demo.mlflow}/api/2.0/mlflow/registered-models/alias", params=query, trust_env=False)
    return str(found.json()["model_version"]["version"])
