"""A candidate that lacked evidence waits for it: who waits, when it is judged again, and how often that may err."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.challenger import GROWTH, LOOKS, Challenger, is_due, waiting
from tasks.core.gates import BeatsChampion, GateEvidence
from tasks.core.journal import chain
from tasks.core.ledger import Look, confidence_at, row_set, times_looked
from tasks.core.results import Decision, Verdict, Window

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def judged(version, verdict="unknown", *, replaces=1, rows=100, days=10, kind="promotion", outcome="refused"):
    """A judgement; its first row is of the day that the version's number says."""
    window = Window(NOW + version * DAY, NOW + (version + days) * DAY)
    told = {"version": version, "replaces": replaces, "rows": {"count": rows, "digest": ""}, "gates": []}
    return Decision("", "p", kind, Verdict(verdict), outcome, "why", NOW, window, told)


def journal(*decisions):
    entries = []
    for number, decision in enumerate(decisions):
        entries.append(chain(entries[-1] if entries else None, replace(decision, key=str(number)), NOW))
    return entries


OTHER = Decision("", "p", "monitoring", Verdict.FAIL, "triggered", "why", NOW, evidence={"version": 1})
FAILED = Decision("", "p", "promotion", Verdict.UNKNOWN, "failed", "no answer", NOW)
PROMOTED = judged(2, "pass", outcome="promoted")


@pytest.mark.parametrize(
    ("decisions", "found"),
    [
        ([], None),
        ([OTHER], None),
        ([judged(2)], Challenger(2, 1, NOW + 2 * DAY, (100,))),
        ([judged(2), OTHER], Challenger(2, 1, NOW + 2 * DAY, (100,))),
        ([FAILED], None),
        ([judged(2), FAILED], Challenger(2, 1, NOW + 2 * DAY, (100,))),
        ([FAILED, judged(2), FAILED, judged(2, rows=140)], Challenger(2, 1, NOW + 2 * DAY, (100, 140))),
        ([judged(2), judged(2, rows=140, days=14)], Challenger(2, 1, NOW + 2 * DAY, (100, 140))),
        ([judged(2), judged(3, rows=90)], Challenger(3, 1, NOW + 3 * DAY, (90,))),
        ([judged(2), judged(3), judged(2, rows=150)], Challenger(2, 1, NOW + 2 * DAY, (150,))),
        ([judged(2, replaces=None)], Challenger(2, None, NOW + 2 * DAY, (100,))),
        ([judged(2), judged(2, "fail")], None),
        ([judged(2), judged(3, "fail")], None),
        ([judged(2), PROMOTED], None),
        ([judged(3), judged(1, "pass", kind="rollback", outcome="rolled back")], None),
        ([replace(judged(2), window=None)], None),
    ],
)
def test_the_newest_candidate_waits_as_long_as_nothing_but_evidence_is_missing(decisions, found):
    assert waiting(journal(*decisions)) == found


def test_a_challenger_is_judged_again_when_a_third_more_rows_have_come_and_given_up_after_four_looks():
    assert [is_due([300], rows) for rows in (300, 399, 400, 4000)] == [False, False, True, True]
    assert [is_due([300, 400], rows) for rows in (400, 500, 534)] == [False, False, True]
    assert not is_due([300, 400, 534, 800], 10_000)
    assert not is_due([], 10_000)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200))
def test_however_rows_come_in_a_challenger_is_looked_at_four_times_at_most(arrivals):
    judged_on, total = [arrivals[0] + 1], arrivals[0] + 1
    for more in arrivals[1:]:
        total += more
        if is_due(judged_on, total):
            assert total >= GROWTH * judged_on[-1]
            judged_on.append(total)
    assert len(judged_on) <= LOOKS


GROWING = (300, 400, 534, 712)


def looks_at(seed, better, growing=GROWING):
    """The gate's answer at each look; a candidate errs less by that share on the rows after the first look's."""
    rng, count = np.random.default_rng(seed), growing[-1]
    days = np.arange(count) // 24
    actual = rng.normal(size=count)
    champion, candidate = (rng.normal(size=count) + rng.normal(size=days[-1] + 1)[days] for _ in range(2))
    candidate[growing[0] :] *= 1 - better
    frame = pd.DataFrame({"_row_id": np.arange(count).astype(str), "_event_time": NOW + pd.to_timedelta(days, "D")})
    looks, answers = [], []
    for rows in growing:
        part = slice(rows)
        evidence = GateEvidence(
            "mae", actual[part], actual[part] + candidate[part], actual[part] + champion[part], "present",
            np.zeros(rows), days[part], None, seed, looks=times_looked(frame[part], looks, version=2, replaces=1),
        )  # fmt: skip
        answers.append(BeatsChampion(margin=0.0).judge(evidence))
        chosen = row_set(frame[part])
        looks.append(Look(2, 1, chosen.window, digest=chosen.digest))
    return answers


def promoted(seeds, better):
    return sum(any(answer.passed for answer in looks_at(seed, better)) for seed in range(seeds))


def test_an_equal_candidate_that_is_looked_at_four_times_is_promoted_in_at_most_five_of_a_hundred():
    assert promoted(200, 0.0) <= 10


def test_each_look_at_the_same_two_has_to_be_surer():
    answers = looks_at(0, 0.0)
    assert [answer.numbers["look"] for answer in answers] == [1, 2, 3, 4]
    assert [answer.numbers["confidence"] for answer in answers] == [confidence_at(0.95, n) for n in (1, 2, 3, 4)]


def test_a_candidate_that_is_better_on_what_came_later_is_found_by_waiting():
    assert sum(looks_at(seed, 0.8)[0].passed for seed in range(20)) <= 3
    assert promoted(20, 0.8) >= 15
