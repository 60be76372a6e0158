"""What a person sees after the demo, in a real browser: Prefect's, MLflow's and Evidently's own pages.

`KEEPFIT_PICTURES=docs/images` keeps the README's screenshots there; otherwise they go to a temporary folder.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Locator, expect
from playwright.sync_api import TimeoutError as NothingCame

from deployments.surface import FLOWS
from tests.e2e.browsing import LARGEST_PICTURE, PATIENCE, Visitor, chromium
from tests.e2e.conftest import Demo, keepfit
from tests.e2e.leaks import found_in, identities, leaks

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(1800, func_only=True)]
LAST = "2025-07-01"
PARAMETERS = {
    "pipeline": "Name of the pipeline, as its file in config/pipelines is called.",
    "as_of": "The moment as which the run decides, with a time zone; empty means now.",
}
CREATED, BUSY = httpx.codes.CREATED, httpx.codes.SERVICE_UNAVAILABLE
READ: dict[str, str] = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    with browser.new_context(viewport={"width": 1500, "height": 860}, locale="en-US", timezone_id="UTC") as context:
        person = Visitor(context.new_page())
        yield person
        READ.update(person.texts)
        assert person.hosts == {"127.0.0.1"}, "a page asked for something outside this machine"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = os.environ.get("KEEPFIT_PICTURES")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept(visitor: Visitor, name: str, folder: Path) -> None:
    assert 10_000 < visitor.picture(name, folder).stat().st_size < LARGEST_PICTURE


def flow_runs(demo: Demo, **query: Any) -> list[dict[str, Any]]:
    wanted = {"sort": "START_TIME_ASC", "limit": 200, **query}
    return httpx.post(f"{demo.prefect}/api/flow_runs/filter", json=wanted, trust_env=False).json()


def answered_breach(demo: Demo) -> tuple[dict[str, Any], str]:
    """The first retraining that a monitoring run started, and that monitoring run's id."""
    runs = flow_runs(demo, flow_runs={"tags": {"all_": ["triggered"]}})
    training = next(run for run in runs if "performance" in run["parameters"]["reason"])
    parent = httpx.get(f"{demo.prefect}/api/task_runs/{training['parent_task_run_id']}", trust_env=False).json()
    return training, parent["flow_run_id"]


def row_of(visitor: Visitor, text: str) -> Locator:
    """The row of a table in which a text stands by itself."""
    return visitor.page.get_by_role("row").filter(has=visitor.page.get_by_text(text, exact=True))


def test_every_address_that_the_demo_prints_opens(demo: Demo, visitor: Visitor) -> None:
    told = demo.output.split("Where to look", 1)[1]
    addresses = re.findall(r"^ +(\w+(?: \w+)?) +(\w+://\S+)", told, re.MULTILINE)
    assert [name for name, _ in addresses] == ["Prefect", "MLflow", "Evidently", "Data Docs", "Board", "Worker"]
    shown = ("Runs", "subscriptions", "subscriptions", "Data Docs of subscriptions", "is champion", "keepfit")
    for (_, address), text in zip(addresses, shown, strict=True):
        answer = visitor.page.goto(address)
        assert answer is None or answer.status == 200, address
        visitor.sees(text)


def test_the_deployments_page_lists_every_deployment_with_its_schedule(
    demo: Demo, visitor: Visitor, pictures: Path
) -> None:
    visitor.page.set_viewport_size({"width": 1800, "height": 780})  # narrower ones fold a long schedule into "+1"
    visitor.go(f"{demo.prefect}/deployments", until=f"{len(FLOWS)} Deployments")
    rows = {flow.name: row_of(visitor, flow.name) for flow in FLOWS}
    for row in rows.values():
        expect(row).to_have_count(1)
        expect(row).to_contain_text("subscriptions")
        expect(row).to_contain_text("Ready")
    expect(rows["cycle"]).to_contain_text("At 06:00 AM on day 1 of the month")
    expect(rows["reconciliation"]).to_contain_text("Every 15 minutes")
    for name in set(rows) - {"cycle", "reconciliation"}:
        assert not re.search(r"\bEvery\b|\bAt \d", rows[name].inner_text()), f"{name} has no schedule"
    visitor.read()
    kept(visitor, "prefect-deployments", pictures)


def test_a_run_started_from_the_form_completes_on_the_worker_and_tells_its_story(demo: Demo, visitor: Visitor) -> None:
    page = visitor.page
    visitor.go(f"{demo.prefect}/deployments", until=f"{len(FLOWS)} Deployments")
    row_of(visitor, "monitoring").get_by_role("link", name="subscriptions").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    visitor.sees(*PARAMETERS, *PARAMETERS.values())
    expect(page.get_by_role("textbox").filter(visible=True).nth(1)).to_have_value("subscriptions")
    page.get_by_role("button", name="date-time").click()
    page.get_by_text("Select date and time").click()
    page.locator("input[type=date]").fill(LAST)
    page.locator("input[type=time]").fill("00:00")
    page.get_by_role("button", name="Apply").click()
    visitor.read()
    run = submitted(visitor)
    page.get_by_text("View run").first.dispatch_event("click")  # the note slides in and out: a pointer would miss it
    try:
        expect(page).to_have_url(re.compile(f"/runs/flow-run/{run}"), timeout=15_000)
    except AssertionError:  # on a slow machine it was gone before it heard the click; the tab lists the run, too
        page.locator(f"a[href*='/runs/flow-run/{run}']").first.click()
    expect(page).to_have_url(re.compile(f"/runs/flow-run/{run}"))
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=300_000)
    visitor.sees(f"subscriptions as of {LAST} 00:00", "Work Pool")
    known = httpx.get(f"{demo.prefect}/api/flow_runs/{run}", trust_env=False).json()
    assert known["work_pool_name"] == "keepfit"
    assert known["infrastructure_pid"], "a process of the worker ran it"
    read_dossier(visitor, "monitoring")


def submitted(visitor: Visitor) -> str:
    """Presses Submit and gives the id of the run that the server made of it.

    Prefect's form now and then lets a click pass without a word, and its server on SQLite refuses with 503, and makes
    nothing, what two writers asked at once. Its own clients ask again then; a person clicks again. Any other refusal
    is told.
    """
    page = visitor.page
    told = ""
    for _ in range(5):
        try:
            with page.expect_response(lambda answer: "create_flow_run" in answer.url, timeout=PATIENCE / 3) as answered:
                page.get_by_role("button", name="Submit").click()
        except NothingCame:
            continue
        told = answered.value.text()
        if answered.value.status != BUSY:
            assert answered.value.status == CREATED, told
            return answered.value.json()["id"]
    pytest.fail(f"the form was not sent ({told}); the page said: {visitor.read()}")


def read_dossier(visitor: Visitor, stage: str) -> str:
    """From a run's page to its dossier, as a person goes; gives what stands there."""
    page = visitor.page
    page.get_by_text("Artifacts", exact=True).click()
    card = page.get_by_text(f"{stage}-subscriptions", exact=True).filter(visible=True).last
    expect(card).to_be_visible()
    visitor.read()
    card.click()
    expect(page.get_by_role("heading", name=f"{stage.capitalize()} of subscriptions")).to_be_visible()
    for name in ("check", "verdict", "reason"):
        expect(page.get_by_role("columnheader", name=name, exact=True).first).to_be_visible()
    text = visitor.read()
    assert re.search(r"Champion \d+, window 20\S+: \w+", text), text
    for part in ("Why:", "Next:", "data drift", "prediction drift", "performance", "See also: Evidently report"):
        assert part in text, f"{part} is missing in {text}"
    assert text.index("Next:") < text.index("data drift"), "what to do stands above the numbers"
    return text


def test_the_breach_its_retraining_and_the_way_back_are_links(demo: Demo, visitor: Visitor, pictures: Path) -> None:
    training, monitoring = answered_breach(demo)
    page = visitor.page
    visitor.go(f"{demo.prefect}/runs/flow-run/{monitoring}", until="Subflow Runs")
    told = read_dossier(visitor, "monitoring")
    assert "triggered" in told
    assert "A retraining run was started by this check." in told
    kept(visitor, "prefect-monitoring", pictures)
    page.go_back()
    page.get_by_text("Subflow Runs", exact=True).click()
    visitor.sees("1 Flow run", "triggered")
    visitor.read()
    visitor.follow(page.get_by_role("link", name=training["name"]).filter(visible=True).last)
    expect(page).to_have_url(re.compile(training["id"]))
    visitor.sees("Parent Run", "training")
    page.get_by_text("Parameters", exact=True).click()
    visitor.sees("performance: beyond the limit")
    visitor.read()


def test_mlflow_shows_the_experiment_its_runs_metrics_plots_and_dataset(demo: Demo, visitor: Visitor) -> None:
    page = visitor.page
    visitor.go(f"{demo.mlflow}/#/experiments", until="Experiments")
    page.get_by_title("subscriptions", exact=True).click()
    page.get_by_text("Model training", exact=True).click()
    parents = page.get_by_role("row").filter(has_text=re.compile(r"subscriptions as of \d{4}"))
    expect(parents.first).to_be_visible()
    searched = [
        entry for entry in demo.journal() if entry["kind"] == "training" and entry["evidence"].get("mlflow_run")
    ]
    assert parents.count() == len(searched) >= 2, "one run per training that came to a search"
    parents.first.get_by_role("button").first.click()
    for family in ("linear", "hist_gradient_boosting", "random_forest"):
        visitor.sees(f"{family} ")
    visitor.read()
    page.get_by_role("link", name=re.compile(r"subscriptions as of \d{4}")).first.click()
    visitor.sees("evaluation_roc_auc", "evaluation_log_loss", "Child runs", "Registered models")
    text = visitor.read()
    assert re.search(r"Datasets\s+subscriptions \d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d \([0-9a-f]{32,}", text), text
    assert re.search(r"evaluation_roc_auc\s+0\.[6-9]\d", text), text
    page.get_by_role("tab", name="Artifacts").or_(page.get_by_text("Artifacts", exact=True)).first.click()
    page.get_by_text("plots", exact=True).click()
    visitor.sees("importance.png")
    page.get_by_text("curves.png", exact=True).click()
    page.wait_for_function("[...document.images].some(image => image.naturalWidth > 500)", timeout=PATIENCE)


def test_mlflow_shows_the_models_versions_aliases_and_decisions(demo: Demo, visitor: Visitor, pictures: Path) -> None:
    page = visitor.page
    visitor.go(f"{demo.mlflow}/#/models/subscriptions?workflowType=machine_learning", until="Version 1")
    versions = page.get_by_role("row").filter(has=page.get_by_role("link", name=re.compile(r"^Version \d+$")))
    assert versions.count() >= 2
    champion, previous = (versions.filter(has_text=re.compile(rf"@\s*{alias}")) for alias in ("champion", "previous"))
    expect(champion).to_have_count(1)
    expect(previous).to_have_count(1)
    assert champion.inner_text() != previous.inner_text()
    visitor.read()
    champion.get_by_role("link", name=re.compile(r"^Version \d+$")).click()
    visitor.sees("beats_champion", "keepfit.snapshot", "champion", "Model card", "ML Test Score")
    assert re.search(r"Version \d+ was promoted against champion \d+", visitor.read())
    page.get_by_role("button", name="Close").filter(visible=True).first.click()
    kept(visitor, "mlflow-model", pictures)


def test_evidently_shows_the_history_of_the_checks(demo: Demo, visitor: Visitor, pictures: Path) -> None:
    page = visitor.page
    visitor.go(demo.evidently, until="Project List")
    page.get_by_role("link", name="subscriptions").click()
    visitor.sees("Drifted columns", "Distance per column", "Performance", "Champion", "Rows", "2024-11-01", LAST)
    for legend in ("drifted share", "visits_30d", "roc_auc"):
        visitor.sees(legend)
    visitor.read()
    kept(visitor, "evidently-history", pictures)
    checks = [
        run for run in flow_runs(demo, flows={"name": {"any_": ["monitoring"]}}) if run["state_type"] == "COMPLETED"
    ]
    # The same moment may be written in two ways; a check that is made twice stands in the history once.
    windows = {datetime.fromisoformat(run["parameters"]["as_of"]) for run in checks}
    page.get_by_role("link", name="Reports").or_(page.get_by_role("tab", name="Reports")).first.click()
    visitor.sees("Report ID", f"1–{len(windows)} of {len(windows)}")  # noqa: RUF001 - as the page has it
    visitor.read()
    page.get_by_text("View", exact=True).first.click()
    visitor.sees("drifted share", "Drift in column 'age'", "reference")
    visitor.read()


def test_a_proposal_is_approved_in_the_form_of_prefect_and_the_version_is_champion(
    demo: Demo, visitor: Visitor, pictures: Path, tmp_path: Path
) -> None:
    """The demo's last champion steps down and is judged again in mode `approve`: then it takes a person."""
    promoted = next(e for e in reversed(demo.journal()) if e["kind"] == "promotion" and e["outcome"] == "promoted")
    version, before = str(promoted["evidence"]["version"]), str(promoted["evidence"]["replaces"])
    assert demo.keepfit("rollback", "subscriptions", "--why", "to see it approved").returncode == 0
    told = yaml.safe_load((Path(demo.environment["KEEPFIT_PIPELINES_DIR"]) / "subscriptions.yaml").read_text("utf-8"))
    told["governor"]["mode"] = "approve"
    (tmp_path / "subscriptions.yaml").write_text(yaml.safe_dump(told), "utf-8")
    asked = keepfit(
        demo.environment | {"KEEPFIT_PIPELINES_DIR": str(tmp_path)},
        "run", "promotion", "subscriptions", "--version", version, "--as-of", f"{LAST}T00:00:00+00:00",
    )  # fmt: skip
    assert asked.stdout.startswith("proposed: "), asked.stdout + asked.stderr
    waiting = demo.keepfit("proposals", "subscriptions").stdout
    number = re.search(rf"(\d+)\s*\W\s*version {version}", waiting)
    assert number, waiting
    assert champion_of(demo) == before, "nothing moves before a person has answered"
    run = approve_in_the_form(visitor, demo.prefect, number[1], pictures)
    known = httpx.get(f"{demo.prefect}/api/flow_runs/{run}", trust_env=False).json()
    assert known["parameters"] | {"who": "Ada Lovelace", "why": "the numbers convince me"} == known["parameters"]
    assert champion_of(demo) == version
    again = demo.keepfit("approve", "subscriptions", number[1], "--why", "once more")
    assert again.returncode == 1
    assert "used: the proposal ended as promoted" in again.stderr
    assert "Ada Lovelace" in demo.keepfit("timeline", "subscriptions").stdout
    assert demo.keepfit("verify", "subscriptions").returncode == 0


def approve_in_the_form(visitor: Visitor, prefect: str, number: str, pictures: Path) -> str:
    """Approve a proposal as a person does, from the list of deployments to the run's page; gives the run's id."""
    page = visitor.page
    visitor.go(f"{prefect}/deployments", until=f"{len(FLOWS)} Deployments")
    row_of(visitor, "approval").get_by_role("link", name="subscriptions").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    visitor.sees("Who answers. Two different people where the pipeline asks for four eyes.")
    boxes = page.get_by_role("textbox").filter(visible=True)
    expect(boxes.nth(1)).to_have_value("subscriptions")
    for place, text in ((2, number), (3, "Ada Lovelace"), (4, "the numbers convince me")):
        boxes.nth(place).fill(text)
    visitor.read()
    kept(visitor, "prefect-approval", pictures)
    run = submitted(visitor)
    visitor.go(f"{prefect}/runs/flow-run/{run}", until="approval")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=300_000)
    page.get_by_text("Artifacts", exact=True).click()
    visitor.sees(f"Ada Lovelace said approve to decision {number}: promoted.")
    visitor.read()
    return run


def champion_of(demo: Demo) -> str:
    query = {"name": "subscriptions", "alias": "champion"}
    found = httpx.get(f"{demo.mlflow}/api/2.0/mlflow/registered-models/alias", params=query, trust_env=False)
    return str(found.json()["model_version"]["version"])


@pytest.mark.parametrize(("name", "width", "height"), [("desktop", 1200, 700), ("phone", 390, 1010)])
def test_the_board_of_the_last_cycle_is_whole_on_a_desk_and_on_a_phone(
    demo: Demo, browser: Browser, pictures: Path, name: str, width: int, height: int
) -> None:
    with browser.new_context(viewport={"width": width, "height": height}, color_scheme="light") as context:
        person = Visitor(context.new_page())
        person.go((demo.home / "board.html").as_uri(), until="Decisions on this curve")
        person.sees("subscriptions", "is champion", "roc_auc, promised 0.", "Newest data", "Retrainings", "v1")
        READ[f"board {name}"] = person.read()
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width
        assert person.hosts == set(), "the page asked for something"
        kept(person, f"board-{name}", pictures)


def test_no_row_can_be_told_from_what_was_shown_or_kept(demo: Demo) -> None:
    known = identities(demo.home / "sample")
    assert len(known) > 60_000
    assert len(leaks(demo.home / "sample", known)) >= 18, "the search finds identities where they stand"
    assert sum(map(len, READ.values())) > 10_000, "the pages above were read"
    assert {url: found for url, text in READ.items() if (found := found_in(text.encode(), known))} == {}
    assert leaks(demo.home, known, without=("store", "sample")) == {}
