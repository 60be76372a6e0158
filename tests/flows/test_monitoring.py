"""What a check sees stands on the version's page in MLflow too; a page that cannot be written changes nothing."""

import re

import mlflow
import pandas as pd
import pytest

from benchmarks.ground import DAY, PIPELINE, SECOND
from config.load import load_pipeline
from config.settings import load_settings
from config.setup import setup_of
from flows import monitoring
from tasks import carding
from tasks import monitoring as stage
from tasks.adapters import registry
from tasks.core.errors import ServerUnavailable
from tasks.core.ml_test_score import ml_test_score
from tasks.core.results import Decision, Verdict
from tests.tasks.adapters.hostile import damaged

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def ground(whole):
    with whole.inside():
        whole.restore("whole")
        yield whole


def check(ground):
    with ground.run():
        return monitoring.monitoring_flow.fn(PIPELINE, SECOND)


def test_after_a_check_the_versions_page_holds_what_the_check_has_seen(ground):
    session, setup = ground.session(SECOND), setup_of(load_pipeline(PIPELINE, load_settings()))
    before = ml_test_score(carding.known_of(session, registry.champion_of(PIPELINE), setup))
    assert before.points["monitoring"]["Monitor 2"].worth == 0, "it was not watched yet"
    check(ground)
    champion = registry.champion_of(PIPELINE)
    after = ml_test_score(carding.known_of(session, champion, setup))
    assert after.points["monitoring"]["Monitor 2"].worth == 1
    assert float(champion.tags["keepfit.ml_test_score"]) == after.score
    (entry,) = session.journal.entries("monitoring")
    shown = mlflow.MlflowClient().get_model_version(PIPELINE, str(champion.number)).description
    assert f"up to {entry.recorded_at:%Y-%m-%d %H:%M} UTC" in shown
    card = mlflow.artifacts.load_text(f"runs:/{champion.run_id}/card/model_card.md")
    assert (
        f"| Monitor 2 | Data invariants hold for inputs | 1 | {after.points['monitoring']['Monitor 2'].why} |" in card
    )


def test_by_season_the_window_is_held_against_earlier_weeks_of_what_the_champion_saw(ground):
    file = ground.home / f"{PIPELINE}.yaml"
    file.write_text(file.read_text("utf-8").replace("drift: {window: 20d", "drift: {window: 1d, season: week"), "utf-8")
    check(ground)
    (entry,) = ground.session(SECOND).journal.entries("monitoring")
    columns = {column["name"]: column for column in entry.decision.evidence["columns"]}
    assert columns["x"]["verdict"] == entry.decision.evidence["data_drift"]["verdict"] == "unknown"
    # It was fitted on 30 days: the same day of four weeks, or of three, where the first or last lies outside.
    assert re.search(r"stretch of [34] earlier weeks; 10 are needed", columns["x"]["reason"])
    assert "multivariate_drift" not in entry.decision.evidence


def test_a_page_that_cannot_be_written_is_told_and_the_decision_stands(ground, monkeypatch):
    def down(*_):
        raise ServerUnavailable("no answer")

    told = check(ground)
    ground.restore("whole")
    monkeypatch.setattr(registry, "describe_version", down)
    assert check(ground) == told
    assert [e.decision.outcome for e in ground.session(SECOND).journal.entries("monitoring")] == [told[0]]
    assert "what was decided stands, and could not be shown: no answer" in ground.alerts


def test_a_kept_reference_that_is_damaged_is_made_anew(ground):
    config, session = load_pipeline(PIPELINE, load_settings()), ground.session(SECOND)
    champion, drift = registry.champion_of(PIPELINE), config.drift
    made = stage.sample_reference.fn(session, champion, drift, 1)
    (path,) = session.store.cache_path("references", "x").parent.glob("*.parquet")
    sound = path.read_bytes()
    pd.testing.assert_frame_equal(stage.sample_reference.fn(session, champion, drift, 1), made)
    for content in damaged({}).values():
        path.write_bytes(content)
        pd.testing.assert_frame_equal(stage.sample_reference.fn(session, champion, drift, 1), made)
        assert path.read_bytes() == sound


def test_a_window_that_a_correction_touched_is_looked_at_again_once_and_starts_nothing(ground):
    check(ground)
    session = ground.session(SECOND)
    (first,) = session.journal.entries("monitoring")
    touched = {"start": (SECOND - 3 * DAY).isoformat(), "end": (SECOND - 2 * DAY).isoformat()}
    evidence = {"supersedes": {"rows": 3, "batches": ["b"], "touched": touched}}
    session.record(
        Decision("ingestion:c", PIPELINE, "ingestion", Verdict.PASS, "accepted", "", SECOND, evidence=evidence)
    )
    for _ in range(2):
        with ground.run():
            monitoring.monitoring_flow.fn(PIPELINE, SECOND + DAY)
    (again,) = session.journal.entries("recheck")
    assert (again.decision.outcome, again.decision.window) == ("confirmed", first.decision.window)
    checks = [entry.decision for entry in session.journal.entries("monitoring")]
    assert set(ground.started) == {one.evidence["token"] for one in checks if one.outcome == "triggered"}
    assert session.journal.verify() == []
