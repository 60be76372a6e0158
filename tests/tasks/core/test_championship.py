"""Who reigns follows from the journal alone, and nothing but a full set of passing gates makes a champion."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.championship import may_promote, past_trainings, reign
from tasks.core.governor import PastTraining
from tasks.core.journal import chain
from tasks.core.results import Check, Decision, Verdict

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def journal(*told):
    entries = []
    for number, (kind, outcome, evidence) in enumerate(told):
        verdict = Verdict.PASS if outcome in {"promoted", "rolled back"} else Verdict.FAIL
        moment = NOW + timedelta(days=number)
        decision = Decision(f"{kind}:{number}", "p", kind, verdict, outcome, "because", moment, evidence=evidence)
        entries.append(chain(entries[-1] if entries else None, decision, moment))
    return entries


def change(version, replaces, outcome="promoted"):
    kind = "rollback" if outcome == "rolled back" else "promotion"
    return kind, outcome, {"version": version, "replaces": replaces, "sha256": f"sha-{version}"}


def test_without_a_change_there_is_no_reign():
    assert reign([]) is None
    assert reign(journal(change(1, None, "refused"), ("training", "promoted", {"version": 1, "sha256": "x"}))) is None


def test_promotions_follow_one_another_and_a_refusal_changes_nothing():
    found = reign(journal(change(1, None), change(2, 1), change(3, 2, "refused")))
    assert (found.champion, found.previous, found.sha256, found.receipt) == (2, 1, "sha-2", 2)


def test_what_a_rollback_took_down_is_not_one_to_go_back_to():
    entries = journal(change(1, None), change(2, 1), change(1, 2, "rolled back"))
    found = reign(entries)
    assert (found.champion, found.previous, found.receipt) == (1, None, 3)
    after = reign([*entries, *journal(*[("x", "y", {})] * 3, change(4, 1))[3:]])
    assert (after.champion, after.previous) == (4, 1)


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["promoted", "refused", "rolled back"])), max_size=12))
def test_the_newest_change_always_reigns(steps):
    changes = [(version, outcome) for version, outcome in steps if outcome != "refused"]
    found = reign(journal(*[change(version, 99, outcome) for version, outcome in steps]))
    if not changes:
        assert found is None
    else:
        assert (found.champion, found.previous) == (changes[-1][0], 99 if changes[-1][1] == "promoted" else None)


def gates(verdicts):
    return [Check(f"gate {n}", verdict, "told") for n, verdict in enumerate(verdicts)]


EVERY = [verdicts for size in range(4) for verdicts in product(Verdict, repeat=size)]


@pytest.mark.parametrize("has_champion", [True, False, None])
@pytest.mark.parametrize("first", ["when_gates_pass", "refuse", "a typo"])
def test_over_all_answers_only_a_full_pass_promotes(has_champion, first):
    promoting = [v for v in EVERY if may_promote(gates(v), has_champion=has_champion, first_champion=first).passed]
    allowed = has_champion is True or (has_champion is False and first == "when_gates_pass")
    assert promoting == ([v for v in EVERY if v and set(v) == {Verdict.PASS}] if allowed else [])


@pytest.mark.parametrize("verdicts", EVERY)
def test_unknown_is_never_told_as_a_plain_no(verdicts):
    answer = may_promote(gates(verdicts), has_champion=True, first_champion="when_gates_pass")
    expected = Verdict.FAIL if Verdict.FAIL in verdicts else Verdict.UNKNOWN
    assert answer.verdict is (Verdict.PASS if verdicts and set(verdicts) == {Verdict.PASS} else expected)
    silent = may_promote(gates(verdicts), has_champion=None, first_champion="when_gates_pass")
    assert (silent.verdict, "did not say" in silent.reason) == (Verdict.UNKNOWN, True)


def test_a_refusal_names_every_gate_that_did_not_pass_and_no_other():
    verdicts = (Verdict.PASS, Verdict.UNKNOWN, Verdict.FAIL)
    answer = may_promote(gates(verdicts), has_champion=True, first_champion="refuse")
    assert answer.reason == "not passed: gate 1, gate 2"


def fired(token):
    return "monitoring", "triggered", {"token": token}


def test_an_approved_retraining_counts_by_its_end_and_an_erasures_does_not_count():
    erased = "erasure", "triggered", {"token": "e"}
    approved = "approval", "triggered", {"token": "a"}
    past = past_trainings(journal(erased, approved, ended("a", "refused")), live=False)
    assert [training.outcome for training in past] == ["refused"]


def ended(token, outcome):
    return "training", outcome, {"token": token}


@pytest.mark.parametrize(("live", "last"), [(True, "running"), (False, "failed")])
def test_a_training_ends_as_it_says_and_the_newest_silent_one_runs_while_something_lives(live, last):
    entries = journal(
        fired("a"), ended("a", "refused"), fired("b"), ("monitoring", "suppressed", {"token": "x"}), fired("c"),
        ended("c", "promoted"), fired("d"),
    )  # fmt: skip
    past = past_trainings(entries, live)
    assert [training.outcome for training in past] == ["refused", "failed", "promoted", last]
    assert past[0] == PastTraining(NOW, "refused")
    assert past[-1].decided_at == NOW + timedelta(days=6)


def test_a_persons_own_promotion_counts_and_their_refusal_does_not():
    entries = journal(ended(None, "promoted"), fired("a"), ended("a", "refused"), ended(None, "refused"))
    assert [training.outcome for training in past_trainings(entries, live=False)] == ["promoted", "refused"]


def test_the_cost_of_a_training_is_that_of_all_its_attempts_and_unknown_when_one_is():
    spent = {"token": "a", "cpu_seconds": 30.0}
    entries = journal(fired("a"), ("training", "failed", spent), ("training", "refused", spent), fired("b"),
                      ended("b", "failed"), ("training", "promoted", {"token": "b", "cpu_seconds": 1.0}),
                      ("training", "promoted", {"token": None, "cpu_seconds": 7.0}), fired("c"))  # fmt: skip
    assert [training.cpu_seconds for training in past_trainings(entries, live=False)] == [60.0, None, 7.0, None]
