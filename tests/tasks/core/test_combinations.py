"""Triggers made of triggers: Kleene's logic, m of the last n with the newest in breach, and a past read back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.journal import chain
from tasks.core.observations import Context, Observation, decide
from tasks.core.results import Check, Verdict, Window
from tasks.core.triggers import (
    Age,
    All,
    AnyOf,
    AtLeast,
    DataDrift,
    NewLabels,
    PerformanceDecay,
    TriggerEvidence,
    choose_remedy,
    past_evidence,
)

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
NOW = datetime(2024, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
verdicts = st.sampled_from(Verdict)


def evidence(performance=PASS, drift=PASS, data=PASS, *, waiting=False, labels=0, past=()):
    return TriggerEvidence(
        Check("data", data, "data reason"),
        Check("data_drift", drift, "drift reason"),
        Check("prediction_drift", PASS, "prediction reason"),
        Check("performance", performance, "performance reason", {"waiting": waiting}),
        10 * DAY,
        labels,
        past=tuple(past),
    )


def series(*newest_first):
    """Evidence of checks whose performance was as given."""
    newest, *earlier = newest_first
    return evidence(newest, past=[evidence(verdict) for verdict in earlier])


PARTS = (PerformanceDecay(), DataDrift(when_unlabelled_only=False), NewLabels(at_least=5))


@given(performance=verdicts, drift=verdicts, labels=st.sampled_from([None, 0, 9]))
@settings(deadline=None)
def test_any_and_all_are_sure_only_where_no_unknown_part_could_change_the_answer(performance, drift, labels):
    def possible(combine):
        unknown = {PASS: (PASS,), FAIL: (FAIL,), UNKNOWN: (PASS, FAIL)}
        counted = (None,) if labels is None else (labels,)
        for one in unknown[performance]:
            for other in unknown[drift]:
                for count in (0, 9) if counted == (None,) else counted:
                    answers = [one is FAIL, other is FAIL, count >= 5]
                    yield combine(answers)

    found = evidence(performance, drift, labels=labels)
    for kind, combine in ((AnyOf, any), (All, all)):
        answers = set(possible(combine))
        expected = UNKNOWN if len(answers) == 2 else FAIL if answers == {True} else PASS
        assert kind(of=PARTS).fires(found).verdict is expected


def test_any_inside_the_list_is_what_the_list_does_by_itself():
    for found in (evidence(), evidence(FAIL), evidence(UNKNOWN, drift=FAIL), evidence(labels=None)):
        assert choose_remedy(PARTS, found).kind == choose_remedy((AnyOf(of=PARTS),), found).kind


def test_the_answers_of_the_parts_that_decided_are_told_and_no_others():
    told = AnyOf(of=PARTS).fires(evidence(FAIL))
    assert (told.name, told.reason) == (
        "any(performance, data_drift, new_labels)",
        "performance: performance reason",
    )
    quiet = All(of=PARTS).fires(evidence(FAIL, FAIL))
    assert quiet.reason == "new_labels: 0 new labelled rows, 5 ask for a retraining"


@given(st.lists(verdicts, min_size=1, max_size=7), st.integers(1, 5), st.integers(0, 4))
@settings(deadline=None)
def test_m_of_the_last_n_needs_the_newest_one_and_m_sure_breaches(history, breaches, more):
    answer = AtLeast(breaches=breaches, checks=breaches + more, trigger=PerformanceDecay()).fires(series(*history))
    seen = history[: breaches + more]
    enough = FAIL if seen.count(FAIL) >= breaches else UNKNOWN
    expected = enough if history[0] is FAIL else history[0]
    assert answer.verdict is expected
    if history[0] is FAIL:
        assert (answer.numbers["breaches"], answer.numbers["unknown"]) == (seen.count(FAIL), seen.count(UNKNOWN))
        assert answer.numbers.get("waiting", False) is (expected is UNKNOWN)


def test_a_passing_shock_waits_and_a_lasting_one_retrains():
    trigger = (AtLeast(breaches=2, checks=3, trigger=PerformanceDecay()),)
    first = choose_remedy(trigger, series(FAIL, PASS, PASS))
    assert (first.kind, first.signal) == ("wait", "2 of 3(performance)")
    assert "1 of the last 3 checks in breach, 2 of 3 ask" in first.reason
    assert choose_remedy(trigger, series(PASS, FAIL, PASS)).kind == "none"
    assert choose_remedy(trigger, series(FAIL, PASS, FAIL)).kind == "retrain"
    assert choose_remedy(trigger, series(FAIL, PASS, PASS, FAIL)).kind == "wait"
    assert choose_remedy(trigger, series(FAIL)).kind == "wait"


def test_a_decay_that_no_counting_trigger_looks_at_is_still_an_alert():
    drifting = (AtLeast(breaches=2, checks=3, trigger=DataDrift()),)
    assert choose_remedy(drifting, evidence(FAIL, FAIL)).kind == "alert"
    both = (AtLeast(breaches=2, checks=3, trigger=AnyOf(of=[DataDrift(), PerformanceDecay()])),)
    assert choose_remedy(both, evidence(FAIL, FAIL)).kind == "wait"


def test_an_unknown_that_time_does_not_settle_is_an_alert_even_inside_a_combination():
    assert choose_remedy((All(of=PARTS[:2]),), evidence(FAIL, UNKNOWN)).kind == "alert"
    assert choose_remedy((All(of=(PARTS[0],)),), evidence(UNKNOWN, waiting=True)).kind == "wait"
    mixed = All(of=(PerformanceDecay(), NewLabels(at_least=5)))
    assert mixed.fires(evidence(UNKNOWN, waiting=True, labels=None)).numbers["waiting"] is False


def test_checks_on_broken_data_are_no_breaches_of_the_past():
    past = [evidence(FAIL, data=FAIL), evidence(FAIL, data=UNKNOWN)]
    answer = AtLeast(breaches=2, checks=3, trigger=PerformanceDecay()).fires(evidence(FAIL, past=past))
    assert (answer.verdict, answer.numbers["breaches"], answer.numbers["unknown"]) == (UNKNOWN, 1, 2)


def test_counting_triggers_nest_each_with_the_past_of_its_own_moment():
    twice = AtLeast(breaches=2, checks=2, trigger=PerformanceDecay())
    again = AtLeast(breaches=2, checks=2, trigger=twice)
    assert again.fires(series(FAIL, FAIL, PASS)).verdict is UNKNOWN
    assert again.fires(series(FAIL, FAIL, FAIL)).verdict is FAIL


def test_the_configuration_refuses_nonsense():
    for wrong in [
        lambda: AnyOf(of=[]),
        lambda: All(of=[{"kind": "nothing"}]),
        lambda: AtLeast(breaches=3, checks=2, trigger=PerformanceDecay()),
        lambda: AtLeast(breaches=0, checks=2, trigger=PerformanceDecay()),
        lambda: AtLeast(breaches=1, checks=2),
    ]:
        with pytest.raises(ValidationError):
            wrong()


def recorded(*checks):
    """Journal entries of checks (version, days ago, performance)."""
    entries = []
    for version, ago, verdict in checks:
        found = evidence(verdict, labels=7)
        seen = Observation(found.data, found.data_drift, found.prediction_drift, found.performance, (), 10)
        window = Window(NOW - (ago + 31) * DAY, NOW - ago * DAY)
        context = Context("p", version, window, NOW - ago * DAY, "run")
        told = {"champion_age_s": found.champion_age.total_seconds(), "new_labels": found.new_labels}
        decision = decide(context, seen, choose_remedy((), found), None, told)
        entries.append(chain(entries[-1] if entries else None, decision, NOW))
    return entries


def test_the_past_is_read_back_from_the_journal_as_it_was():
    entries = recorded((1, 90, FAIL), (2, 60, FAIL), (2, 30, PASS), (2, 0, UNKNOWN), (2, -30, FAIL))
    past = past_evidence(entries, 2, NOW)
    assert [one.performance.verdict for one in past] == [PASS, FAIL]
    assert past[0] == evidence(PASS, labels=7)
    assert past_evidence(entries, 3, NOW) == ()


def test_of_a_decision_that_recorded_nothing_everything_is_unknown():
    (entry,) = recorded((2, 30, FAIL))
    bare = replace(entry, decision=replace(entry.decision, evidence={"version": 2, "signal": "no champion"}))
    (found,) = past_evidence([bare], 2, NOW)
    assert {found.data.verdict, found.performance.verdict} == {UNKNOWN}
    assert (found.champion_age, found.new_labels) == (None, None)
    assert Age(longest=DAY).fires(found).verdict is UNKNOWN
