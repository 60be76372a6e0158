"""A champion that decays after its promotion is taken back by the loop itself, for good; another is left alone.

Real registry, store, journal and leases (benchmarks.ground); the flows' own code, without Prefect around it.
"""

from datetime import timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks.ground import DAY, PIPELINE, SECOND, _deliver
from flows import monitoring, promotion, rollback, scoring
from tasks import probation, reconciliation
from tasks.adapters import registry, tracking
from tasks.core import explanation
from tasks.core.championship import reign
from tasks.core.errors import NotFound, ServerUnavailable
from tasks.core.invariants import receipt_passes
from tests.flows.faults import each_failure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LATER = SECOND + 11 * DAY


def delivered(ground, slope, name):
    """Twenty more days, in which x has this effect: -2 is what version 2 has learnt, +2 what version 1 has."""
    rng, count = np.random.default_rng(5), 20 * 30
    x, z = rng.normal(size=count), rng.normal(size=count)
    times = [SECOND + (number + 0.5) / 30 * DAY for number in range(count)]
    label = (rng.random(count) < 1 / (1 + np.exp(-(slope * x + 0.5 * z)))).astype(float)
    ids = [f"{name}{number}" for number in range(count)]
    told = pd.DataFrame({"_row_id": ids, "_event_time": times, "x": x, "z": z, "label": label})
    _deliver(ground, None, told, name)


@pytest.fixture(scope="module")
def prepared(whole):
    """Version 2 has followed version 1; then the world turns back ("turned") or stays as it was ("stayed")."""
    with whole.inside(), whole.run():
        whole.restore("whole")
        path = whole.home / f"{PIPELINE}.yaml"
        path.write_text(path.read_text("utf-8") + "probation: {windows: 2, window: 10d, min_rows: 50}\n", "utf-8")
        assert promotion.promotion_flow.fn(PIPELINE, 2, SECOND)[0] == "promoted"
        whole.keep("under probation")
        for name, slope in (("stayed", -2.0), ("turned", 2.0)):
            whole.restore("under probation")
            delivered(whole, slope, name)
            scoring.scoring_flow.fn(PIPELINE, SECOND + 21 * DAY)
            whole.keep(name)
    return whole


@pytest.fixture
def ground(prepared):
    with prepared.inside():
        prepared.restore("turned")
        yield prepared


def check(ground, as_of=LATER):
    with ground.run():
        return monitoring.monitoring_flow.fn(PIPELINE, as_of)


def journal(ground, kind):
    return [e.decision for e in ground.session(SECOND).journal.entries(kind)]


def test_the_champion_before_has_scored_the_same_rows_in_silence(ground):
    found = ground.session(SECOND).store.read("predictions", ["_row_id", "model_version"])
    new = found[found["_row_id"].str.startswith("turned")]
    assert new.groupby("model_version")["_row_id"].nunique().to_dict() == {1: 600, 2: 600}
    assert len(new) == 1200


def test_a_champion_that_decays_is_taken_back_banned_told_and_explained(ground):
    outcome, reason = check(ground)
    assert outcome == "rolled back"
    assert "probation, window 1 of 2: against the champion before: worse" in reason
    assert registry.aliases(PIPELINE)["champion"] == 1
    assert "previous" not in registry.aliases(PIPELINE)
    assert registry.version_of(PIPELINE, 2).banned == reason
    assert any("is rolled back and banned" in alert for alert in ground.alerts)
    (decision,) = journal(ground, "rollback")
    assert decision.evidence["probation"]["numbers"]["high"] < 0
    entries = ground.session(SECOND).journal.entries()
    page = explanation.explanation_page(entries, entries[-1])
    assert "promotion" in page
    assert "worse: roc_auc" in page
    assert receipt_passes(entries, reign(entries)) == []


def test_a_banned_version_is_never_promoted_or_gone_back_to_again(ground):
    check(ground)
    with ground.run():
        assert promotion.promotion_flow.fn(PIPELINE, 2, SECOND) == ("refused", "not passed: not_banned")
        with pytest.raises(NotFound, match="banned and never promoted again"):
            rollback.rollback_flow.fn(PIPELINE, 2, "Ada", "I want it back")
    assert registry.champion_of(PIPELINE).number == 1


def test_a_rollback_while_mlflow_is_down_stands_in_the_journal_and_the_aliases_and_the_ban_follow(ground, monkeypatch):
    with ground.run():
        with monkeypatch.context() as down:
            down.setattr(tracking, "answers", lambda: False)
            told = rollback.rollback_flow.fn(PIPELINE, None, "Ada", "at once", True)
        assert "Version 1 is champion again; version 2 stepped down and is banned. MLflow does not answer" in told
        assert reign(ground.session(SECOND).journal.entries()).champion == 1
        assert registry.champion_of(PIPELINE).number == 2, "nobody could move it"
        reconciliation.reconcile.fn(ground.session(SECOND))
    assert registry.champion_of(PIPELINE).number == 1
    assert registry.version_of(PIPELINE, 2).banned == "Ada: at once"


@pytest.mark.parametrize("dies_at", ["version_of", "fetch", "aliases", "move_alias", "tag_version"])
def test_mlflow_may_die_at_any_call_of_a_rollback_and_it_stands_all_the_same(ground, monkeypatch, dies_at):
    def dead(*_):
        raise ServerUnavailable("MLflow died")

    with ground.run():
        with monkeypatch.context() as down:
            down.setattr(registry, dies_at, dead)
            told = rollback.rollback_flow.fn(PIPELINE, None, "Ada", "at once", True)
        assert told.endswith(
            "MLflow does not answer: its aliases follow with the first reconciliation after it is back."
        )
        assert reign(ground.session(SECOND).journal.entries()).champion == 1
        assert journal(ground, "rollback")[0].evidence["verified"] == (dies_at not in {"version_of", "fetch"})
        reconciliation.reconcile.fn(ground.session(SECOND))
    assert registry.champion_of(PIPELINE).number == 1
    assert registry.version_of(PIPELINE, 2).banned == "Ada: at once"


def test_one_that_does_what_it_did_is_kept_and_each_window_is_looked_at_once(ground):
    ground.restore("stayed")
    for as_of in (LATER, LATER + timedelta(hours=1), SECOND + 21 * DAY, SECOND + 22 * DAY):
        assert check(ground, as_of)[0] != "rolled back"
    looks = journal(ground, "probation")
    assert [(one.outcome, one.evidence["number"]) for one in looks] == [("kept", 1), ("kept", 2)]
    assert registry.champion_of(PIPELINE).number == 2


def test_where_labels_are_missing_nobody_is_taken_back(ground, monkeypatch):
    real = probation.labelled.predictions_in

    def few(store, version, window, as_of):
        found = real(store, version, window, as_of)
        return found.assign(label=found["label"].where(found.index % 2 == 0))

    monkeypatch.setattr(probation.labelled, "predictions_in", few)
    check(ground)
    assert journal(ground, "rollback") == journal(ground, "probation") == []


def test_a_pipeline_that_only_observes_says_so_and_leaves_the_champion(ground):
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text("utf-8").replace("governor: {", "governor: {mode: observe, "), "utf-8")
    check(ground)
    assert [one.outcome for one in journal(ground, "probation")] == ["lost"]
    assert registry.champion_of(PIPELINE).number == 2


def test_a_champion_before_that_cannot_be_loaded_stops_no_scoring(ground, monkeypatch):
    ground.restore("under probation")
    delivered(ground, 2.0, "turned")
    real = registry.fetch

    def fetch(pipeline, version, folder):
        if version.number == 1:
            raise registry.ArtefactMismatch("its file was changed")
        return real(pipeline, version, folder)

    monkeypatch.setattr(registry, "fetch", fetch)
    with ground.run():
        assert sum(scoring.scoring_flow.fn(PIPELINE, SECOND + 21 * DAY).values()) >= 600
    assert any("cannot score in silence" in alert for alert in ground.alerts)


@pytest.mark.parametrize("mode", ["for good", "answer lost"])
@pytest.mark.parametrize("vendor", ["registry", "journal"])
def test_whatever_fails_meanwhile_the_next_run_ends_it_and_it_is_taken_back_once(ground, vendor, mode):
    step = {"registry": 5, "journal": 25}[vendor]
    run = partial(monitoring.monitoring_flow.fn, PIPELINE, LATER)
    for injection in each_failure(ground, "turned", vendor, mode, run, first=2, step=step):
        with ground.run():
            reconciliation.reconcile.fn(ground.session(LATER))
        with ground.run():
            monitoring.monitoring_flow.fn(PIPELINE, LATER)
        assert registry.champion_of(PIPELINE).number == 1, injection.where
        assert len(journal(ground, "rollback")) == 1
