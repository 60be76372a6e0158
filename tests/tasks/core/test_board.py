"""What the board shows follows from the journal; its curve stays in its frame; no delivery is named on it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.alerting import Policy
from tasks.core.board import Card, Facts, Mark, Point, card_of, headline, ordered, unreadable
from tasks.core.championship import reign
from tasks.core.curves import curve_of
from tasks.core.governor import Governor
from tasks.core.incidents import incidents_of
from tests.tasks.core.troubles import HOUR, START, TROUBLE, journal

PROMOTED = ("promotion", "promoted", {"version": 1, "sha256": "x", "replaces": None})
NOW = START + 99 * HOUR


def check(version, score, outcome="quiet"):
    numbers = {"score": score, "low": 0.7, "high": 0.9, "limit": 0.6, "promised": 0.81}
    return "monitoring", outcome, {"version": version, "performance": {"numbers": numbers}}


def card(*steps):
    entries = journal(*steps)
    facts = Facts("what it is for", "roc_auc", Policy(), Governor(budget=4), reign(entries), START,
                  {"Newest data": START, "Newest labels": None})  # fmt: skip
    return card_of("p", facts, entries, incidents_of("p", entries), NOW)


def test_a_champion_with_its_curve_its_decisions_and_its_budget():
    asks = ("monitoring", "triggered", {"version": 1, "token": "t"})
    ended = ("training", "refused", {"token": "t"})
    shown = card(PROMOTED, check(1, 0.8), asks, ended, check(1, 0.82), check(1, "nan"), check(1, None))
    assert (shown.state, shown.champion, shown.score, shown.promised) == ("good", 1, 0.82, 0.81)
    assert [(point.at, point.score) for point in shown.points] == [(START + HOUR, 0.8), (START + 4 * HOUR, 0.82)]
    assert [(mark.kind, mark.short) for mark in shown.marks] == [("promoted", "v1"), ("retraining", "")]
    assert (shown.spent, shown.budget, shown.period) == (1, 4, "30 d")
    assert dict(shown.facts) == {"Newest data": "4 d ago", "Last decision": "monitoring: quiet"}


def test_a_score_of_the_one_before_is_not_the_champions():
    second = ("promotion", "promoted", {"version": 2, "sha256": "y", "replaces": 1})
    shown = card(PROMOTED, check(1, 0.5), second)
    assert (shown.champion, shown.score, shown.promised) == (2, None, None)


@pytest.mark.parametrize(("kind", "state"), [(kind, "trouble") for kind in Policy().at_once if kind in TROUBLE]
                         + [(kind, "look") for kind in Policy().digest])  # fmt: skip
def test_open_incidents_decide_the_state_and_say_what_to_do(kind, state):
    shown = card(PROMOTED, TROUBLE[kind][0])
    (one,) = shown.troubles
    assert (shown.state, one.kind, one.lasts) == (state, kind, "4 d")
    assert one.action


def test_nothing_of_what_was_delivered_is_shown():
    opens = [replace_evidence(what, name="ann.smith.csv") for what, _ in TROUBLE.values()]
    shown = repr(card(PROMOTED, *opens, check(1, 0.8)))
    assert "because" not in shown, "reasons may name what was delivered"
    assert "ann.smith" not in shown


def replace_evidence(what, **more):
    return what[0], what[1], what[2] | more


def test_the_headline_names_what_needs_somebody_first():
    fine, trouble, look = (
        card(PROMOTED),
        replace(card(PROMOTED), state="trouble"),
        replace(card(PROMOTED), state="look"),
    )
    broken = unreadable("z", "ConfigInvalid")
    assert headline([]) == "There are no pipelines yet"
    assert headline([card()]) == "Nothing is served yet"
    assert headline([fine, card()]) == "Everything is fine"
    assert headline([fine, look]) == "p is worth a look"
    assert headline([look, broken]) == "z cannot be read"
    assert headline([look, broken, trouble]) == "p needs you"
    assert headline([trouble, trouble]) == "2 pipelines: needs you"
    assert [one.state for one in ordered([fine, look, broken, trouble])] == ["trouble", "unknown", "look", "good"]


NUMBER = st.floats(-1e6, 1e6)
MAYBE = st.none() | NUMBER
MOMENT = st.integers(0, 999).map(lambda n: START + n * HOUR)
POINT = st.builds(Point, MOMENT, st.integers(1, 3), NUMBER, MAYBE, MAYBE, MAYBE)
POINTS = st.lists(POINT, min_size=2, max_size=12)
MARKS = st.lists(st.builds(Mark, MOMENT, st.just("promoted"), st.just("x")))


@given(POINTS, MARKS)
def test_everything_stands_inside_the_frame_and_time_goes_to_the_right(points, marks):
    points.sort(key=lambda point: point.at)
    curve = curve_of(Card("p", "good", points=tuple(points), marks=tuple(marks)))
    places = [tuple(map(float, pair.split(","))) for line in (*curve.lines, *curve.bands, *curve.limits)
              for pair in line.split()]  # fmt: skip
    places += [(left, top) for left, top, _ in curve.dots] + [(left, 0) for left, *_ in curve.marks]
    assert all(0 <= left <= 100 and 0 <= top <= 100 for left, top in places)
    lefts = [left for left, _, _ in curve.dots]
    assert lefts == sorted(lefts)
    highest = max(points, key=lambda point: point.score)
    tops = [top for _, top, _ in curve.dots]
    assert tops[points.index(highest)] == min(tops)


def test_a_curve_needs_two_checks():
    one = Point(START, 1, 0.5, None, None, None)
    assert curve_of(Card("p", "good", points=(one,))) is None
    assert curve_of(Card("p", "good", points=(one, replace(one, at=START + timedelta(1))))) is not None
