"""A candidate that was refused for lack of evidence is judged again by the loop itself, once there are rows enough.

Real registry, store, journal and leases (benchmarks.ground); the flows' own code, without Prefect around it.
"""

from functools import partial

import pytest

from benchmarks.ground import DAY, PIPELINE, SECOND, START, _register
from config.load import load_pipeline
from config.settings import load_settings
from flows import cycle, monitoring, promotion
from tasks import evidence, training
from tasks.adapters import registry
from tasks.core import championship
from tasks.core.results import Verdict
from tasks.promotion import find_challenger, judge_candidate
from tasks.versions import facts_of
from tests.flows.faults import each_failure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EARLY = START + 80 * DAY
DUEL = "{kind: beats_champion, margin: 0.0, min_rows: 350}"
GATES = f"gates: [{{kind: sanity}}, {{kind: beats_dummy}}, {DUEL}, {{kind: clean_process}}]"


@pytest.fixture(scope="module")
def prepared(whole):
    """Version 3 is of day 80, and its 300 evaluation rows are too few for the duel."""
    ground = whole
    with ground.inside(), ground.run():
        ground.restore("whole")
        path = ground.home / f"{PIPELINE}.yaml"
        path.write_text(f"{path.read_text('utf-8')}{GATES}\n", "utf-8")
        version = _register(ground, load_pipeline(PIPELINE, load_settings()), EARLY)
        assert version.number == 3
        outcome, reason = promotion.promotion_flow.fn(PIPELINE, 3, EARLY)
        assert (outcome, reason) == ("refused", "not passed: beats_champion")
        ground.keep("waiting")
    return ground


@pytest.fixture
def ground(prepared):
    with prepared.inside():
        prepared.restore("waiting")
        yield prepared


def promotions(ground):
    return [
        (e.decision.evidence["version"], e.decision.outcome)
        for e in ground.session(SECOND).journal.entries("promotion")
        if e.decision.outcome != "failed"
    ]


def test_a_check_promotes_who_has_waited_when_the_rows_have_come_and_trains_nothing(ground):
    with ground.run():
        assert monitoring.monitoring_flow.fn(PIPELINE, SECOND) == ("promoted", "every gate passed")
    assert registry.aliases(PIPELINE) == {"champion": 3, "previous": 1, "candidate": 3}
    assert promotions(ground) == [(1, "promoted"), (3, "refused"), (3, "promoted")]
    receipt = ground.session(SECOND).journal.entries("promotion")[-1].decision
    assert receipt.evidence["rows"]["count"] == 20 * 30
    assert receipt.window.start >= EARLY - 11 * DAY
    assert ground.started == {}


@pytest.mark.parametrize("mode", ["for good", "once", "answer lost"])
@pytest.mark.parametrize("vendor", ["registry", "journal", "store"])
def test_whatever_fails_while_a_challenger_is_judged_it_is_promoted_once_and_with_its_receipt(ground, vendor, mode):
    """Every seventh call of the whole check, of which the judgement is the beginning."""
    run = partial(monitoring.monitoring_flow.fn, PIPELINE, SECOND)
    for injection in each_failure(ground, "waiting", vendor, mode, run, step=7):
        champion, receipts = registry.champion_of(PIPELINE).number, promotions(ground).count((3, "promoted"))
        assert champion == 1 or receipts == 1, f"{injection.where}: an alias without a receipt"
        with ground.run():
            monitoring.monitoring_flow.fn(PIPELINE, SECOND)
        assert registry.champion_of(PIPELINE).number == 3
        assert promotions(ground).count((3, "promoted")) == 1


def test_who_waits_is_the_challenger_in_the_registry_until_a_newer_candidate_comes(ground):
    assert registry.aliases(PIPELINE) == {"champion": 1, "candidate": 3, "challenger": 3}
    with ground.run():
        promotion.promotion_flow.fn(PIPELINE, 2, SECOND)
    assert registry.aliases(PIPELINE) == {"champion": 1, "candidate": 3, "challenger": 2}


def test_until_a_third_more_rows_have_come_nobody_is_judged_again(ground):
    with ground.run():
        monitoring.monitoring_flow.fn(PIPELINE, EARLY + 3 * DAY)
    assert promotions(ground) == [(1, "promoted"), (3, "refused")]


def test_a_cycle_judges_before_it_scores_so_that_the_new_champion_scores_what_is_new(ground, monkeypatch):
    monkeypatch.setattr(cycle, "ingestion_flow", lambda *_: {})
    with ground.run():
        told = cycle.cycle_flow.fn(PIPELINE, SECOND)
    assert list(told) == ["ingestion", "promotion", "scoring", "monitoring"]
    assert told["promotion"] == "the challenger was promoted: every gate passed"
    scored = ground.session(SECOND).store.read("predictions", ["model_version"])["model_version"]
    assert 3 in set(scored)


@pytest.mark.parametrize("mode", ["observe", "suggest"])
def test_where_a_person_decides_nobody_is_promoted_by_waiting(ground, mode):
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text("utf-8").replace("governor: {", f"governor: {{mode: {mode}, "), "utf-8")
    with ground.run():
        outcome, _ = monitoring.monitoring_flow.fn(PIPELINE, SECOND)
    assert outcome != "promoted"
    assert promotions(ground) == [(1, "promoted"), (3, "refused")]


def test_while_a_training_runs_the_challenger_is_left_to_its_successor(ground):
    session = ground.session(SECOND)
    lease = session.leases.acquire(f"training/{PIPELINE}", "another run", 600)
    assert find_challenger.fn(session) is None
    session.leases.release(lease)
    assert find_challenger.fn(session) == 3


def test_a_training_whose_candidate_was_promoted_later_is_no_useless_one(ground):
    session = ground.session(EARLY)
    training.record_training.fn(session, "refused", "not passed", {"version": 3, "cpu_seconds": 1.0}, None)
    with ground.run():
        monitoring.monitoring_flow.fn(PIPELINE, SECOND)
    past = championship.past_trainings(ground.session(SECOND).journal.entries(), live=False)
    assert [one.outcome for one in past] == ["promoted"]


def test_all_that_a_gate_needs_is_known_of_the_new_rows_too(ground):
    session, config = ground.session(SECOND), load_pipeline(PIPELINE, load_settings())
    candidate, champion = registry.version_of(PIPELINE, 3), registry.champion_of(PIPELINE)
    found = evidence.gather_evidence.fn(session, candidate, champion, "roc_auc", config.gates, 0)
    assert len(found.actual) == len(found.dummy) == len(found.columns) == 600
    assert set(found.looks) == {1}, "the baseline was compared; that look counts for the new rows, too"
    assert len(set(found.dummy)) == 1
    assert found.dummy[0] == found.dummy[0], "not NaN"
    assert found.clean.largest_difference < 1e-9
    seen = evidence.seen_ids(session, facts_of(candidate))
    assert not set(seen) & set(evidence._fresh(session, facts_of(candidate), champion)["_row_id"])
    assert judge_candidate.fn(config.gates, found, "when_gates_pass").answer.verdict is Verdict.PASS


def test_rows_that_the_candidate_has_seen_stay_out_wherever_they_lie(ground, monkeypatch):
    """Parts by share cut between rows of one moment, so that a seen row can lie where the evaluation part begins."""
    session, facts = ground.session(SECOND), facts_of(registry.version_of(PIPELINE, 3))
    fresh = evidence._fresh(session, facts, None)
    monkeypatch.setattr(evidence, "seen_ids", lambda *_: fresh["_row_id"].tail(3))
    assert list(evidence._fresh(session, facts, None)["_row_id"]) == list(fresh["_row_id"])[:-3]
