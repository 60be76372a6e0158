"""What the journal says went wrong: each kind opens, is seen again, ends, and comes back as another episode."""

import pytest

from tasks.core.incident_kinds import KINDS, RULES
from tasks.core.incidents import broken_journal, incidents_of, open_incidents
from tests.tasks.core.troubles import HOUR, START, TROUBLE, journal

QUIET = ("monitoring", "quiet", {})


def of(kind, entries, **given):
    return [one for one in incidents_of("p", entries, **given) if one.kind == kind]


def test_every_kind_has_a_rule_and_an_example():
    assert set(RULES) == set(KINDS) == {*TROUBLE, "integrity"}


@pytest.mark.parametrize("kind", TROUBLE)
def test_trouble_opens_one_incident_is_seen_again_ends_and_comes_back(kind):
    opens, ends = TROUBLE[kind]
    (one,) = of(kind, journal(opens, opens))
    assert (one.opened, one.last_seen, one.times, one.resolved) == (START, START + HOUR, 2, None)
    assert (one.episode, one.run_id) == ("1", "run-0")
    assert "because 0" in one.reason
    first, second = of(kind, journal(opens, opens, ends, opens))
    assert (first.resolved, first.ended_by, second.resolved) == (START + 2 * HOUR, 3, None)
    assert first.key == second.key
    assert first.token != second.token
    assert open_incidents([first, second]) == [second]


@pytest.mark.parametrize("kind", TROUBLE)
def test_what_people_read_is_filled_in_and_names_a_next_step(kind):
    (one,) = of(kind, journal(TROUBLE[kind][0]))
    assert "{" not in one.effect + one.action
    assert one.effect.endswith(".")
    assert one.action.endswith(".")


@pytest.mark.parametrize("kind", sorted({*TROUBLE} - {"stage failed"}))
def test_a_stage_that_fails_ends_no_other_trouble(kind):
    opens, ends = TROUBLE[kind]
    (one,) = of(kind, journal(opens, (ends[0], "failed", {})))
    assert one.resolved is None


def test_deliveries_of_labels_and_of_events_are_two_things():
    refused = [("ingestion", "quarantined", {"kind": kind, "name": kind}) for kind in ("events", "labels")]
    found = of("refused delivery", journal(*refused, ("ingestion", "accepted", {"kind": "events", "name": "x"})))
    assert [(one.subject, one.resolved is None) for one in found] == [("events", False), ("labels", True)]


def test_a_failed_stage_whose_success_writes_nothing_is_over_when_it_finished_later():
    entries = journal(("cycle", "failed", {}), QUIET)
    assert of("stage failed", entries)[0].resolved is None
    assert of("stage failed", entries, finished={"cycle": START - HOUR})[0].resolved is None
    assert of("stage failed", entries, finished={"cycle": START + HOUR})[0].resolved == START + HOUR
    assert of("stage failed", entries, finished={"scoring": START + HOUR})[0].resolved is None


def test_a_proposal_waits_until_it_has_ended_and_for_its_own_answer_only():
    opens = TROUBLE["waits for people"][0]
    answers = {"proposal": "0", "of": "promotion", "version": 6}
    for outcome, waits in [("approved once", True), ("denied", True), ("declined", False), ("expired", False)]:
        (one,) = of("waits for people", journal(opens, ("approval", outcome, answers)))
        assert (one.resolved is None) is waits, outcome
    other = ("approval", "declined", {**answers, "version": 7})
    assert of("waits for people", journal(opens, other))[0].resolved is None


def test_a_promotion_or_a_calm_check_ends_a_rollback_and_drift_does_not():
    back = TROUBLE["rollback"][0]
    assert of("rollback", journal(back, ("monitoring", "triggered", {})))[0].resolved is None
    assert of("rollback", journal(back, ("promotion", "promoted", {"version": 9})))[0].resolved is not None


def test_a_journal_that_is_not_whole_is_an_incident_of_its_own():
    assert broken_journal("p", [], START) == []
    (one,), (other,) = broken_journal("p", ["Entry 2 is missing."], START), broken_journal("p", ["another"], START)
    assert (one.kind, one.reason) == ("integrity", "Entry 2 is missing.")
    assert broken_journal("p", ["Entry 2 is missing."], START + HOUR)[0].token == one.token != other.token


def test_the_gravest_stands_first():
    found = open_incidents(incidents_of("p", journal(*(opens for opens, _ in reversed(TROUBLE.values())))))
    assert [one.kind for one in found] == [kind for kind in KINDS if kind in {one.kind for one in found}]
    assert len(found) >= 5
