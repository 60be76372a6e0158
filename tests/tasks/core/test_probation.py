from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks import probations
from tasks.core.championship import past_trainings
from tasks.core.journal import chain
from tasks.core.probation import Probation, due, judge_look, under_probation, unlabelled
from tasks.core.results import Decision, Verdict

START, DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
CONFIG = Probation(windows=3, window="30d")
DELAY = 7 * DAY


def journal(*told):
    found = []
    for number, (kind, outcome, evidence) in enumerate(told):
        decision = Decision(f"k{number}", "p", kind, Verdict.PASS, outcome, "so", START, evidence=evidence)
        found.append(chain(found[-1] if found else None, decision, START))
    return found


FIRST = ("promotion", "promoted", {"version": 1, "sha256": "a", "replaces": None})
SECOND = ("promotion", "promoted", {"version": 2, "sha256": "b", "replaces": 1})


def look(number, receipt=2):
    return "probation", "kept", {"number": number, "receipt": receipt, "version": 2}


@given(st.floats(0, 200))
@settings(deadline=None)
def test_a_window_is_looked_at_once_its_labels_are_due_and_never_twice(days):
    told, as_of = journal(FIRST, SECOND), START + days * DAY
    numbers = [one.number for one in due(told, CONFIG, as_of, DELAY)]
    assert numbers == [n for n in (1, 2, 3) if START + 30 * n * DAY + DELAY <= as_of]
    for number in numbers:
        left = [one.number for one in due(journal(FIRST, SECOND, look(number)), CONFIG, as_of, DELAY)]
        assert left == [n for n in numbers if n != number]
    again = journal(FIRST, SECOND, look(1, receipt=1))
    assert [one.number for one in due(again, CONFIG, as_of, DELAY)] == numbers, "another promotion's look"


def test_a_window_begins_where_the_one_before_ends_and_the_first_with_the_promotion():
    looks = due(journal(FIRST, SECOND), CONFIG, START + 200 * DAY, DELAY)
    edges = [(one.window.start, one.window.end) for one in looks]
    assert edges == [(START + 30 * n * DAY, START + 30 * (n + 1) * DAY) for n in range(3)]
    assert {(one.champion, one.previous, one.receipt) for one in looks} == {(2, 1, 2)}


def test_nobody_waits_for_labels_longer_than_a_window():
    (one,) = due(journal(FIRST, SECOND), CONFIG, START + 66 * DAY, DELAY)
    assert not one.last
    assert [o.last for o in due(journal(FIRST, SECOND), CONFIG, START + 67 * DAY, DELAY)] == [True, False]


@pytest.mark.parametrize(
    "told",
    [(), (FIRST,), (FIRST, SECOND, ("rollback", "rolled back", {"version": 1, "sha256": "a", "replaces": 2}))],
)
def test_without_a_champion_before_and_after_a_rollback_there_is_no_probation(told):
    assert due(journal(*told), CONFIG, START + 99 * DAY, DELAY) == []
    assert under_probation(journal(*told), CONFIG, START + DAY) is None


def test_the_champion_before_scores_from_the_promotion_until_the_last_window_is_scored():
    told = journal(FIRST, SECOND)
    assert under_probation(told, CONFIG, START) == (1, START)
    assert under_probation(told, CONFIG, START + 119.9 * DAY) == (1, START), "the last rows come late"
    assert under_probation(told, CONFIG, START + 120 * DAY) is None
    assert under_probation(told, CONFIG, START - DAY) is None
    assert under_probation(told, Probation(), START) is None, "no probation unless the file asks for one"


def estimated(number, receipt=2):
    return "probation", "noted", {"number": number, "receipt": receipt, "version": 2, "estimated": True}


@given(st.floats(0, 200))
@settings(deadline=None)
def test_a_window_is_looked_at_without_labels_once_when_it_is_over_and_not_after_its_labels_spoke(days):
    both, as_of = Probation(windows=3, window="30d", estimated=True), START + days * DAY
    numbers = [one.number for one in unlabelled(journal(FIRST, SECOND), both, as_of)]
    assert numbers == [n for n in (1, 2, 3) if START + 30 * n * DAY <= as_of]
    assert unlabelled(journal(FIRST, SECOND), CONFIG, as_of) == [], "nobody asked for estimates"
    for number in numbers:
        left = [n for n in numbers if n != number]
        for told in (look(number), estimated(number)):
            assert [one.number for one in unlabelled(journal(FIRST, SECOND, told), both, as_of)] == left
        noted = journal(FIRST, SECOND, estimated(number))
        assert due(noted, both, as_of, DELAY) == due(journal(FIRST, SECOND), both, as_of, DELAY), (
            "labels speak all the same"
        )
    again = journal(FIRST, SECOND, estimated(1, receipt=1))
    assert [one.number for one in unlabelled(again, both, as_of)] == numbers, "another promotion's look"


def seen(champion, previous, share=1.0, rows=600, seed=0):
    rng = np.random.default_rng(seed)
    actual, days = rng.normal(size=rows), np.arange(rows) // 20
    return judge_look(
        CONFIG, metric="mae", actual=actual, champion=actual + champion * rng.normal(size=rows),
        previous=actual + previous * rng.normal(size=rows), blocks=days, label_share=share, seed=seed,
    )  # fmt: skip


def test_who_is_surely_worse_fails_who_is_better_passes_and_what_is_not_known_takes_nobody_back():
    assert seen(2.0, 1.0).verdict is Verdict.FAIL
    assert seen(1.0, 2.0).verdict is Verdict.PASS
    assert seen(1.0, 1.0).verdict is Verdict.UNKNOWN
    assert seen(2.0, 1.0, rows=60).verdict is Verdict.UNKNOWN
    few = seen(2.0, 1.0, share=0.79)
    assert (few.verdict, few.numbers["waiting"]) == (Verdict.UNKNOWN, True)
    assert seen(2.0, 1.0, share=float("nan")).verdict is Verdict.UNKNOWN
    assert "no row of the window was scored" in seen(2.0, 1.0, share=None).reason


def test_all_looks_of_a_probation_share_its_confidence():
    """A loss that one look at that confidence would call sure is not called so by the first of many."""
    one, many = Probation(windows=1), Probation(windows=52)
    rng = np.random.default_rng(0)
    actual, noise = rng.normal(size=600), rng.normal(size=(2, 600))
    for size in np.linspace(1.0, 1.6, 25):
        said = [
            judge_look(
                config, metric="mae", actual=actual, champion=actual + size * noise[0], previous=actual + noise[1],
                blocks=np.arange(600) // 20, label_share=1.0, seed=0,
            ).verdict
            for config in (one, many)
        ]  # fmt: skip
        if said == [Verdict.FAIL, Verdict.UNKNOWN]:
            return
    pytest.fail("both confidences answer alike")


def test_a_good_champion_is_kept_and_one_that_decays_is_taken_back():
    """The benchmark's worlds, few of them; `python -m benchmarks.probations` has 200."""
    for world in (world for world in probations.WORLDS if world.metric == "mae"):
        taken = sum(probations.trial(world, seed) is not None for seed in range(10))
        assert taken <= 1 if world.goal_at_most is not None else taken >= 9


def test_a_training_whose_model_was_taken_back_for_good_was_useless():
    triggered = ("monitoring", "triggered", {"token": "t"})
    trained = ("training", "promoted", {"token": "t", "version": 2, "cpu_seconds": 1.0})
    back = ("rollback", "rolled back", {"version": 1, "sha256": "a", "replaces": 2, "banned": True})
    assert [o.outcome for o in past_trainings(journal(FIRST, triggered, SECOND, trained), live=False)] == ["promoted"]
    told = journal(FIRST, triggered, SECOND, trained, back)
    assert [o.outcome for o in past_trainings(told, live=False)] == ["refused"]


def test_the_configuration_refuses_nonsense():
    for wrong in ({"windows": -1}, {"window": "0d"}, {"confidence": 1}, {"min_rows": 0}, {"weeks": 1}):
        with pytest.raises(ValidationError):
            Probation(**wrong)
