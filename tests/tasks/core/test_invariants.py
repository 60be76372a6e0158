"""Each invariant's check is quiet on a sound history and names the breach that was planted into it."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import invariants
from tasks.core.championship import reign
from tasks.core.journal import chain
from tasks.core.results import Check, Decision, Verdict
from tests.tasks.core.test_championship import NOW, journal

PASSING = [{"name": "floor", "verdict": "pass"}, {"name": "duel", "verdict": "pass"}]


def promotion(version, replaces, gates=PASSING):
    return "promotion", "promoted", {"version": version, "replaces": replaces, "sha256": "s", "gates": gates}


def rollback(version, replaces):
    return "rollback", "rolled back", {"version": version, "replaces": replaces, "sha256": "s"}


SOUND = (promotion(1, None), promotion(2, 1), ("promotion", "refused", {"version": 3, "replaces": 2}))


def test_i1_the_registry_has_the_journals_champion():
    now = reign(journal(*SOUND))
    assert invariants.champion_is_the_journals(now, {"champion": 2, "previous": 1, "candidate": 3}) == []
    assert invariants.champion_is_the_journals(None, {"candidate": 1}) == []
    for found, aliases in ((now, {"champion": 3}), (now, {"previous": 2}), (None, {"champion": 1})):
        (broken,) = invariants.champion_is_the_journals(found, aliases)
        assert broken.startswith("I1")


def receipt(*told):
    entries = journal(*told)
    return invariants.receipt_passes(entries, reign(entries))


def test_i3_is_quiet_on_promotions_and_rollbacks_in_order():
    assert receipt() == []
    assert receipt(*SOUND) == []
    assert receipt(*SOUND, rollback(1, 2)) == []
    assert receipt(*SOUND, rollback(1, 2), promotion(4, 1)) == []


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (promotion(4, 2, [*PASSING, {"name": "sanity", "verdict": "unknown"}]), "though sanity did not pass"),
        (promotion(4, 2, [{"name": "floor", "verdict": "fail"}]), "though floor did not pass"),
        (promotion(4, 2, []), "without any gate"),
        (promotion(4, 1), "judged against 1, 2 was champion"),
        (promotion(4, None), "judged against None, 2 was champion"),
    ],
)
def test_i3_names_a_receipt_that_should_not_have_passed(last, told):
    (broken,) = receipt(*SOUND, last)
    assert broken.startswith("I3 version 4")
    assert told in broken


def test_i3_names_a_first_champion_that_claims_a_rival():
    (broken,) = receipt(promotion(1, 7))
    assert "judged against 7, None was champion" in broken


def batches(*told):
    names = ["_batch_id", "sha256", "name", "kind", "delivered", "accepted", "quarantined"]
    return pd.DataFrame([(b, s, f"{b}.csv", *rest) for b, s, *rest in told], columns=names)


def counts(events=(), labels=(), quarantine=()):
    found = {"events": dict(events), "labels": dict(labels), "quarantine": dict(quarantine)}
    return {table: pd.Series(rows, dtype="int64") for table, rows in found.items()}


A, B = ("a", "sha-a", "events", 10, 8, 2), ("b", "sha-b", "labels", 5, 5, 0)
HELD = {"events": {"a": 8}, "labels": {"a": 8, "b": 5}, "quarantine": {"a": 2}}


def test_i4_and_i6_are_quiet_when_all_adds_up():
    assert invariants.batches_once(batches(A, B), counts(**HELD)) == []
    assert invariants.batches_once(batches(), counts()) == []


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("events", {"a": 7}, "I6 batch a.csv: 7 + 2 rows stand"),
        ("events", {"a": 16}, "I6 batch a.csv: 16 + 2 rows stand"),
        ("quarantine", {}, "I6 batch a.csv: 8 + 0 rows stand"),
        ("labels", {"b": 6}, "I6 batch b.csv: 6 + 0 rows stand"),
        ("events", {"a": 8, "ghost": 3}, "I6 events holds rows of batch ghost"),
    ],
)
def test_i6_names_rows_that_are_lost_doubled_or_nobodys(table, change, told):
    (broken,) = invariants.batches_once(batches(A, B), counts(**(HELD | {table: change})))
    assert broken.startswith(told)


def test_i6_names_rows_without_any_batch_and_a_batch_whose_own_numbers_differ():
    assert invariants.batches_once(batches(), counts(quarantine={"x": 1})) == [
        "I6 quarantine holds rows of batch x, which was never published"
    ]
    wrong = ("a", "sha-a", "events", 11, 8, 2)
    assert invariants.batches_once(batches(wrong), counts({"a": 8}, (), {"a": 2})) == [
        "I6 batch a.csv: accepted + quarantined is not delivered"
    ]


def test_i4_names_content_that_was_ingested_twice():
    again = ("c", "sha-a", "events", 10, 8, 2)
    held = counts({"a": 8, "c": 8}, (), {"a": 2, "c": 2})
    assert invariants.batches_once(batches(A, again), held) == ["I4 content sha-a was ingested more than once"]


def scored(*told):
    return pd.DataFrame(list(told), columns=["_batch_id", "model_version", "_row_id"])


def test_i5_is_quiet_when_each_version_scored_every_row_of_a_batch_once():
    assert invariants.scored_once({"a": 2, "b": 1}, scored()) == []
    assert (
        invariants.scored_once({"a": 2, "b": 1}, scored(("a", 1, "r1"), ("a", 1, "r2"), ("a", 2, "r1"), ("a", 2, "r2")))
        == []
    )


@pytest.mark.parametrize(
    "rows",
    [
        [("a", 1, "r1")],
        [("a", 1, "r1"), ("a", 1, "r1")],
        [("a", 1, "r1"), ("a", 1, "r2"), ("a", 1, "r2")],
        [("ghost", 1, "r1")],
    ],
)
def test_i5_names_a_version_that_scored_too_little_or_twice(rows):
    (broken,) = invariants.scored_once({"a": 2}, scored(*rows))
    assert broken.startswith("I5 version 1 published")


@given(st.integers(0, 600), st.booleans(), st.booleans())
def test_i7_names_a_run_without_a_lease_after_two_minutes(seconds, leased, told):
    running = {"flow run x id-1": NOW if told else None}
    broken = invariants.runs_are_alive(running, ["id-1"] if leased else ["id-2"], NOW + timedelta(seconds=seconds))
    assert bool(broken) == (told and not leased and seconds > 120)
    assert all(line.startswith("I7 flow run x id-1") for line in broken)


def fired(token, outcome="triggered", remedy="retrain"):
    return "monitoring", outcome, {"token": token, "remedy": remedy}


def sent(token):
    return "trigger", "sent", {"token": token}


QUIET = (fired("a"), sent("a"), fired("b", "suppressed"), fired(None, "noted", "note"), fired(None, "quiet", "none"))


def test_i8_is_quiet_when_each_breach_was_sent_once_or_suppressed():
    assert invariants.breaches_answered(journal()) == []
    assert invariants.breaches_answered(journal(*QUIET)) == []


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([fired("c")], "I8 the trigger c was decided and not sent"),
        ([sent("a")], "I8 the trigger a was sent 2 times"),
        ([fired("c", "quiet")], "has the outcome quiet"),
    ],
)
def test_i8_names_a_breach_without_its_one_answer(more, told):
    (broken,) = invariants.breaches_answered(journal(*QUIET, *more))
    assert told in broken


def test_receipts_survive_the_journals_own_form():
    decision = Decision("k", "p", "promotion", Verdict.PASS, "promoted", "r", NOW, evidence=promotion(1, None)[2])
    entries = [chain(None, decision, NOW)]
    assert invariants.receipt_passes(entries, reign(entries)) == []


ANSWERS = {"passes": Verdict.PASS, "fails": Verdict.FAIL, "unknown": Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("before", "answers", "stands"),
    [
        ({}, {"I1": "passes", "I2": "unknown"}, {}),
        ({}, {"I1": "fails", "I2": "unknown"}, {"I1": "fails"}),
        ({"I1": "as before"}, {"I1": "unknown"}, {"I1": "as before"}),
        ({"I1": "as before"}, {"I1": "fails"}, {"I1": "fails"}),
        ({"I1": "as before", "I2": "as before"}, {"I1": "passes", "I2": "unknown"}, {"I2": "as before"}),
    ],
)
def test_a_breach_stands_until_its_invariant_passes(before, answers, stands):
    checks = [Check(name, ANSWERS[answer], answer) for name, answer in answers.items()]
    assert invariants.standing(before, checks) == stands
