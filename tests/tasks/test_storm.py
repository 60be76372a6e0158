"""No storm: a thousand breaches start one retraining; one that retraining cannot mend opens the breaker, in writing.

On a real journal, store and lease table; the thousand against these: `python -m benchmarks --only storm`.
"""

import logging
from collections import Counter
from datetime import timedelta

import pytest

from benchmarks import storm
from benchmarks.storm import DAY, GOVERNOR, MINUTE, SEEN, START
from tasks import training
from tasks.core import championship, invariants
from tasks.core.explanation import came_from, explanation_page
from tasks.core.governor import govern
from tasks.core.journal import chain, verify_chain
from tasks.core.observations import Context, decide
from tasks.core.results import Window
from tasks.core.triggers import PerformanceDecay, TriggerEvidence, choose_remedy


@pytest.fixture
def ground():
    with storm.world() as made:
        yield made


def outcomes(entries):
    return Counter((entry.decision.kind, entry.decision.outcome) for entry in entries)


def test_a_thousand_new_breaches_start_one_retraining_by_the_journals_own_history():
    """The decisions alone, over the chain that they write themselves."""
    remedy = choose_remedy(
        (PerformanceDecay(),),
        TriggerEvidence(SEEN.data, SEEN.data_drift, SEEN.prediction_drift, SEEN.performance, DAY, 500),
    )
    entries = []
    for number in range(1000):
        moment = START + number * MINUTE
        past = championship.past_trainings(entries, live=False)
        governed = govern(GOVERNOR, history=past, now=moment, new_labels=500, lease_held=False)
        context = Context("p", 3, Window(moment - 30 * DAY, moment), moment, "run")
        entries.append(chain(entries[-1] if entries else None, decide(context, SEEN, remedy, governed), moment))
    assert outcomes(entries) == {("monitoring", "triggered"): 1, ("monitoring", "suppressed"): 999}
    assert all("suppressed by cooldown: " in entry.decision.reason for entry in entries[1:])
    assert verify_chain(entries) == []


def test_the_same_breach_again_and_again_is_one_entry_one_token_one_start(ground):
    storm.same_breach(ground, 25)
    assert outcomes(ground.entries()) == {("monitoring", "triggered"): 1, ("trigger", "sent"): 1}
    assert len(ground.runs) == 1
    assert ground.broken() == []


def test_breaches_in_new_windows_are_suppressed_each_with_its_reason_in_the_journal(ground):
    storm.new_breaches(ground, 25)
    assert outcomes(ground.entries()) == {
        ("monitoring", "triggered"): 1, ("trigger", "sent"): 1, ("monitoring", "suppressed"): 24,
    }  # fmt: skip
    assert len(ground.runs) == 1
    suppressed = [entry.decision for entry in ground.entries() if entry.decision.outcome == "suppressed"]
    assert all("suppressed by cooldown: " in decision.reason for decision in suppressed)
    assert all(decision.evidence["governor"]["numbers"]["rule"] == "cooldown" for decision in suppressed)
    assert ground.broken() == []


def test_while_a_training_holds_the_lease_a_breach_is_suppressed_by_the_single_flight(ground):
    first = ground.check(START)
    with ground.session(START).leases.hold("training/p", "another run"):
        second = ground.check(START + 30 * DAY)
    assert (first.outcome, second.outcome) == ("triggered", "suppressed")
    assert second.evidence["governor"]["numbers"]["rule"] == "single_flight"


def test_a_breach_that_retraining_cannot_mend_opens_the_breaker_once_with_an_alert(ground, caplog):
    with caplog.at_level(logging.ERROR, logger="tasks.monitoring"):
        storm.unmendable(ground, 26)
    told = outcomes(ground.entries())
    assert len(ground.runs) == told["monitoring", "triggered"] == told["training", "refused"] == 3
    assert told["monitoring", "suppressed"] == 23
    assert told["governor", "breaker open"] == 1
    assert ground.broken() == []
    alert = next(entry for entry in ground.entries() if entry.decision.kind == "governor")
    assert "the circuit breaker is open" in alert.decision.reason
    assert "the last 3 trainings promoted nothing" in alert.decision.reason
    assert any("the circuit breaker is open" in line for line in caplog.messages)
    after = [e.decision for e in ground.entries() if e.decision.outcome == "suppressed" and e.sequence > alert.sequence]
    assert len(after) > 5
    assert all("circuit_breaker: " in decision.reason for decision in after)
    page = explanation_page(ground.entries(), alert)
    assert "keepfit run training p" in page
    assert {entry.decision.outcome for entry in came_from(ground.entries(), alert)} >= {"suppressed", "refused"}


def test_a_promotion_by_hand_closes_the_breaker_and_its_next_opening_is_told_anew(ground):
    storm.unmendable(ground, 16)
    later = ground.session(START + 30 * DAY)
    training.record_training.fn(later, "promoted", "every gate passed", {"cpu_seconds": 1.0}, None)
    for number in range(40, 80):
        decision = ground.check(START + number * DAY)
        if decision.outcome == "triggered":
            ground.end_training(decision, START + number * DAY + timedelta(hours=1))
    told = outcomes(ground.entries())
    assert told["monitoring", "triggered"] == 6
    assert told["governor", "breaker open"] == 2


def test_with_retry_after_a_breach_that_retraining_cannot_mend_costs_ever_fewer_and_each_opening_is_told(ground):
    patient = GOVERNOR.model_copy(update={"retry_after": 10 * DAY})
    started = []
    for number in range(120):
        decision = ground.check(START + number * DAY, governor=patient)
        if decision.outcome == "triggered":
            started.append(number)
            ground.end_training(decision, START + number * DAY + timedelta(hours=1))
    assert started == [0, 7, 14, 24, 44, 84]
    told = outcomes(ground.entries())
    assert told["governor", "breaker open"] == 4
    assert told["monitoring", "suppressed"] == 120 - len(started)
    last = [entry.decision for entry in ground.entries() if entry.decision.kind == "governor"][-1]
    assert f"one more may start from {(START + 164 * DAY).isoformat()} on" in last.reason
    assert ground.broken() == []


def test_the_cpu_time_of_past_trainings_is_read_from_the_journal_and_limits_the_next(ground):
    limited = GOVERNOR.model_copy(update={"cpu_minutes": 1.5, "give_up_after": 9})
    started = []
    for number in range(0, 40, 8):
        decision = ground.check(START + number * DAY, governor=limited)
        started.append(decision.outcome)
        if decision.outcome == "triggered":
            ground.end_training(decision, START + number * DAY + timedelta(hours=1))
    assert started == ["triggered", "triggered", *["suppressed"] * 3]
    last = [e.decision for e in ground.entries() if e.decision.outcome == "suppressed"][-1]
    assert "cpu_budget: 2.0 CPU minutes within 365d, the budget is 1.5" in last.reason


def test_a_training_that_died_without_a_word_leaves_its_cpu_time_unknown_and_that_starts_nothing(ground):
    limited = GOVERNOR.model_copy(update={"cpu_minutes": 100.0})
    assert ground.check(START, governor=limited).outcome == "triggered"
    decision = ground.check(START + 8 * DAY, governor=limited)
    assert decision.outcome == "suppressed"
    assert decision.evidence["governor"]["verdict"] == "unknown"
    assert "1 of 1 trainings within 365d left no record of their CPU time" in decision.reason
    assert ground.check(START + 9 * DAY).outcome == "triggered", "without a CPU budget nobody asks for it"
    assert invariants.breaches_answered(ground.entries()) == []
