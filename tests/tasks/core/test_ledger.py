"""Rows that have decided are counted, by the journal alone, and all looks together err no more often than stated."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.gates import BeatsChampion, BeatsDummy, question_of
from tasks.core.journal import chain
from tasks.core.ledger import Look, confidence_at, looks_of, row_set, times_looked
from tasks.core.results import Decision, Verdict, Window

START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number):
    return START + timedelta(days=number)


def frame(first, last, ids="r"):
    days = range(first, last)
    return pd.DataFrame({"_row_id": [f"{ids}{n}" for n in days], "_event_time": [day(n) for n in days]})


def judged(version, replaces, first, last, *, difference=0.1, kind="promotion", at=0, question=""):
    gates = [{"name": "sanity", "numbers": {}}, {"name": "beats_champion", "numbers": {"difference": difference}}]
    rows = None if first is None else row_set(frame(first, last))
    window = None if first is None else Window(day(first), day(last))
    return Decision(
        f"{kind}:{version}:{replaces}:{at}", "p", kind, Verdict.FAIL, "refused", "because", day(99), window,
        {"version": version, "replaces": replaces, "gates": gates, "question": question,
         "rows": rows and {"count": rows.rows, "digest": rows.digest}},
    )  # fmt: skip


def journal(*decisions):
    entries = []
    for decision in decisions:
        entries.append(chain(entries[-1] if entries else None, decision, day(100)))
    return entries


def test_each_comparison_counts_once_and_one_that_came_to_no_difference_not_at_all():
    entries = journal(
        judged(2, 1, 0, 10),
        judged(2, 1, 0, 10, at=1),
        judged(3, 1, 5, 15),
        judged(4, 1, 0, 10, difference=None),
        judged(5, None, None, None),
        judged(6, 1, 0, 10, kind="rollback"),
        judged(7, None, 0, 10),
    )
    assert [(look.version, look.replaces) for look in looks_of(entries)] == [(2, 1), (3, 1), (7, None)]


def test_a_row_counts_the_other_comparisons_whose_window_holds_it():
    looks = looks_of(journal(judged(2, 1, 0, 10), judged(3, 1, 5, 15), judged(4, 1, 5, 7)))
    rows = frame(0, 16)
    assert times_looked(rows, looks, version=9, replaces=1).tolist() == [1] * 5 + [3] * 2 + [2] * 3 + [1] * 5 + [0]
    # The comparison itself, asked again, has not looked before; the same candidate against another champion has.
    same = frame(5, 15)
    assert times_looked(same, looks, version=3, replaces=1).tolist() == [2] * 2 + [1] * 3 + [0] * 5
    assert times_looked(same, looks, version=3, replaces=2)[1] == 3
    assert times_looked(rows.iloc[:0], looks, version=9, replaces=1).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)), max_size=8), st.integers(0, 20), st.integers(1, 10))
def test_no_row_that_decided_is_forgotten(windows, first, length):
    """By row ids the count may be smaller than by event time (rows that came late), never greater."""
    looks = [Look(n, 0, Window(day(at), day(at + long))) for n, (at, long) in enumerate(windows)]
    rows = frame(first, first + length)
    truly = [sum(at <= n < at + long for at, long in windows) for n in range(first, first + length)]
    assert times_looked(rows, looks, version=99, replaces=0).tolist() == truly


def test_another_question_about_the_same_two_is_another_look():
    """A candidate that was refused is asked about again with another seed or margin, until it passes."""
    asked = [judged(2, 1, 0, 10, at=n, question=question) for n, question in enumerate(["a", "a", "b", "c"])]
    looks, rows = looks_of(journal(*asked)), frame(0, 10)
    assert [look.question for look in looks] == ["a", "b", "c"]
    assert times_looked(rows, looks, version=2, replaces=1, question="d").tolist() == [3] * 10
    assert times_looked(rows, looks, version=2, replaces=1, question="b").tolist() == [2] * 10


def test_the_same_two_on_other_rows_are_another_look_and_it_counts_for_the_new_rows_too():
    """Who looks again whenever a row has come in must not find by chance what is not there."""
    looks = looks_of(journal(judged(2, 1, 0, 10), judged(2, 1, 0, 14, at=1)))
    assert times_looked(frame(0, 20), looks, version=2, replaces=1).tolist() == [2] * 20
    assert times_looked(frame(0, 14), looks, version=2, replaces=1).tolist() == [1] * 14
    assert times_looked(frame(0, 14, ids="s"), looks, version=2, replaces=1).tolist() == [2] * 14
    # Another candidate has to pay for the rows that decided, and for no others.
    assert times_looked(frame(0, 20), looks, version=3, replaces=1).tolist() == [2] * 10 + [1] * 4 + [0] * 6


def test_a_question_is_named_by_all_that_may_change_its_answer():
    gates = (BeatsDummy(), BeatsChampion(margin=0.1))
    changed = [((BeatsDummy(), BeatsChampion(margin=0.2)), "mae", 0), (gates[:1], "mae", 0), (gates, "mae", 1),
               (gates, "rmse", 0), (gates[::-1], "mae", 0)]  # fmt: skip
    assert len({question_of(*one) for one in [(gates, "mae", 0), *changed]}) == 6
    assert question_of((BeatsDummy(margin=0.0), BeatsChampion(margin=0.1)), "mae", 0) == question_of(gates, "mae", 0)


def test_a_row_set_is_named_by_its_rows_in_any_order():
    rows = frame(3, 8)
    first = row_set(rows)
    assert (first.window.start, first.window.end, first.rows) == (day(3), day(7) + timedelta(microseconds=1), 5)
    assert row_set(rows.iloc[::-1]) == first
    assert row_set(rows.iloc[:-1]).digest != first.digest
    assert row_set(frame(3, 8, ids="s")).digest != first.digest
    assert row_set(rows.iloc[:0]) is None
    # The last row lies inside its own half-open window.
    assert times_looked(rows, [Look(1, 0, first.window)], version=2, replaces=0).tolist() == [1] * 5


@given(st.floats(0.51, 0.999), st.integers(1, 200))
def test_all_looks_together_promote_wrongly_no_more_often_than_stated(confidence, count):
    tails = [(1 - confidence_at(confidence, look)) / 2 for look in range(1, count + 1)]
    assert sum(tails) <= 1 - confidence + 1e-12
    assert tails == sorted(tails, reverse=True)
    assert tails[0] == pytest.approx((1 - confidence) / 2)  # the first look is the usual interval


def test_the_union_bound_holds_where_every_look_is_at_an_equal_candidate():
    """20 000 holdouts, 50 looks each: most promote with the usual interval, under 5 % with the ledger."""
    from scipy.stats import norm

    z = np.random.default_rng(0).normal(size=(20_000, 50))
    spent = norm.isf([(1 - confidence_at(0.95, look)) / 2 for look in range(1, 51)])
    assert (z > spent).any(axis=1).mean() <= 0.05
    assert (z > norm.isf(0.025)).any(axis=1).mean() > 0.6
