"""After the whole loop: no canary stands where it may not, and a person who asks for it leaves every byte of the store.

It comes last of all that look at the demo, because it changes what the tables hold.
"""

import time
from typing import Any

import httpx
import pytest

from tests.e2e import canaries
from tests.e2e.conftest import Demo
from tests.e2e.leaks import stands_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200, func_only=True)]
MAY_HOLD = ("sample", "store/subscriptions/raw")
"""What the source itself holds, and the kept deliveries: private folders."""


def test_sixty_canaries_went_in_and_not_one_byte_of_them_came_through(demo: Demo) -> None:
    raw = demo.home / "store" / "subscriptions" / "raw"
    held = {found.lower() for seen in stands_in(raw, canaries.pattern()).values() for found in seen}
    assert held == {value.lower().encode() for value in canaries.CANARIES}, "the search finds each where it stands"
    assert len(held) == 60
    assert (raw.stat().st_mode & 0o777, (demo.home / "store").stat().st_mode & 0o777) == (0o700, 0o700)
    assert stands_in(demo.home, canaries.pattern(), without=MAY_HOLD) == {}
    planted = next(e for e in demo.journal() if e["kind"] == "ingestion" and e["evidence"]["name"] == "2024-08.csv")
    rules = planted["evidence"]["rules"]
    assert {rule: rules.get(rule) for rule in rules if rule.startswith("privacy:")} == {
        "privacy:mail:plan": 4, "privacy:mail:channel": 4, "privacy:iban:device": 6, "privacy:phone:plan": 6,
        "privacy:card:channel": 6, "privacy:national_id:device": 6,
    }  # fmt: skip


def test_quarantined_rows_are_judged_again_from_prefects_own_form(demo: Demo) -> None:
    """The sample's mails stand in the quarantine; nobody changed the rule, so that none of them comes in."""
    before = demo.journal()
    api = httpx.Client(base_url=f"{demo.prefect}/api", trust_env=False)
    deployment = api.get("/deployments/name/release/subscriptions").raise_for_status().json()
    assert set(deployment["parameter_openapi_schema"]["required"]) == {"pipeline", "what", "who", "why"}
    asked = {"what": "privacy:mail:plan", "who": "Ada", "why": "to see what still breaks the rule"}
    run = api.post(
        f"/deployments/{deployment['id']}/create_flow_run",
        json={"parameters": {"pipeline": "subscriptions", **asked}, "enforce_parameter_schema": True},
    ).raise_for_status().json()  # fmt: skip
    ended = _ended(api, run["id"])
    assert ended["state_type"] == "COMPLETED", ended["state"]
    pages = api.post("/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}).json()
    assert [page["data"].count("2024-08.csv: nothing is in: ") for page in pages] == [1], pages
    assert "Ada" in pages[0]["data"]
    assert demo.journal() == before


def test_a_subscriber_is_erased_the_models_are_retrained_and_the_proof_verifies(demo: Demo) -> None:
    who = canaries.erasable()
    store = demo.home / "store" / "subscriptions"
    wanted = canaries.pattern_of(who)
    assert len([name for name in stands_in(store, wanted) if name.startswith("raw/")]) == 3, "three deliveries"
    assert "raw file" in demo.keepfit("lineage", "subscriptions", who).stdout, "a row is named by the value of its id"
    erased = demo.keepfit("erase", "subscriptions", who)
    assert erased.returncode == 0, erased.stdout + erased.stderr
    assert "no trace" in erased.stdout
    assert stands_in(store, wanted) == {}
    decision = next(e for e in reversed(demo.journal()) if e["kind"] == "erasure")
    assert decision["evidence"]["rows"] == {"events": 1, "labels": 1, "quarantine": 1}
    assert len(decision["evidence"]["deliveries"]) == 3
    assert len(decision["evidence"]["versions"]) >= 2, "its row went into two versions at least"
    assert decision["outcome"] == "triggered", "one of them is champion"
    proven = demo.keepfit("erase", "subscriptions", who, "--verify")
    assert proven.returncode == 0, proven.stdout + proven.stderr
    assert demo.keepfit("verify", "subscriptions").returncode == 0
    followed = demo.keepfit("lineage", "subscriptions", who)
    assert followed.returncode == 1
    assert "has no accepted row" in followed.stderr
    _until_retrained(demo, decision["evidence"]["token"])


def _until_retrained(demo: Demo, token: str) -> None:
    sent = next(e for e in demo.journal() if e["kind"] == "trigger" and e["evidence"]["token"] == token)
    api = httpx.Client(base_url=f"{demo.prefect}/api", trust_env=False)
    run = _ended(api, sent["evidence"]["flow_run"])
    assert run["state_type"] == "COMPLETED", run["state"]
    assert run["parameters"]["reason"].startswith("erasure:")
    assert run["parameters"]["token"] is None, "nothing holds it back"


def _ended(api: httpx.Client, flow_run: str) -> dict[str, Any]:
    for _ in range(300):
        run: dict[str, Any] = api.get(f"/flow_runs/{flow_run}").json()
        if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED"}:
            break
        time.sleep(1)
    return run
