"""Would a retraining help? Known worlds, and rows of the evaluation part that no probe has ever seen."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import fitting, probe, rehearsal
from tasks.core.estimators import Linear
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.fitting import LABEL
from tasks.core.gates import BeatsChampion, Sanity, duel_of
from tasks.core.history import History
from tasks.core.journal import chain
from tasks.core.results import Check, Decision, Verdict
from tasks.core.strategies import NewSearch, SameRecipe, Sliding
from tests.tasks.core.histories import DAY, SETTING, START, tables

PER_DAY = 12
TRAINED = rehearsal.recipes(SETTING)[-1]


def world(at=160, **changes):
    """The rows of a training as of a day, and a champion that learnt from the first sixty days."""
    past = History.of(*tables(per_day=PER_DAY, **changes))
    champion = rehearsal.contestant(
        past.at(START + 60 * DAY), SETTING, lambda rows, _: rehearsal.train(rows, [TRAINED]), 1
    )
    return rehearsal.training_rows(past.at(START + at * DAY), SETTING.split), champion


def probed(rows, champion, *, margin=0.0, limit=None, recipes=None):
    recipes = recipes or probe.recipes_like(TRAINED, Linear(), TRAINED.parameters, TRAINED.history)
    places = probe.stretch(rows, recipes[0], champion.seen[ROW_ID])
    refits = probe.refit(rows, recipes, places)
    stretch = rows.iloc[places]
    return probe.judge_probe(
        stretch, metric="mae", champion=rehearsal.predictions(champion, stretch), refits=refits, margin=margin,
        limit=limit, seed=0,
    )  # fmt: skip


def test_where_there_is_no_search_to_spare_nothing_is_probed():
    assert probe.is_wanted("auto", NewSearch())
    assert not probe.is_wanted("auto", SameRecipe())
    assert not probe.is_wanted("never", NewSearch())


@pytest.mark.parametrize("limit", [None, 0.5])
def test_after_a_change_of_the_law_a_refit_would_help_as_soon_as_it_can_know_the_new_one(limit):
    told = probed(*world(changes_on=100), limit=limit)
    assert told.verdict is Verdict.PASS
    assert told.numbers["low"] > 1
    assert told.numbers["refit"] == "history of 30d", "a longer one still knows the old law"
    assert probe.held_back(told) is None


def test_drift_that_harms_nothing_is_not_worth_a_search():
    told = probed(*world(moves_on=100), margin=0.05)
    assert told.verdict is Verdict.FAIL
    assert told.numbers["high"] < 0.05
    assert probe.held_back(told) == "spared"
    assert "would not help" in told.reason


def test_what_broke_the_champion_is_not_yet_among_the_rows_to_learn_from():
    """The law turns on day 152: the tuning part of day 160 ends on day 148, and the champion does well in it."""
    rows, champion = world(changes_on=152)
    told = probed(rows, champion, limit=0.5)
    assert told.numbers["champion"] < 0.5
    assert (told.verdict, probe.held_back(told)) == (Verdict.FAIL, "postponed")
    assert told.reason.startswith("too early")
    unasked = probed(rows, champion)
    assert unasked.verdict is Verdict.UNKNOWN, "a champion that is only old has broken no promise"


def test_a_refit_that_is_as_lost_as_the_champion_is_useless_and_not_early():
    """The law turns on day 141: the stretch (138-148) shows it, no refit knows it."""
    told = probed(*world(changes_on=139), limit=0.5, margin=0.5)
    assert told.numbers["champion"] > 3
    assert (told.verdict, probe.held_back(told)) == (Verdict.FAIL, "spared")


@pytest.mark.parametrize("rows_per_day", [1, 4])
def test_too_few_rows_are_unknown_and_hold_nothing_back(rows_per_day):
    past = History.of(*tables(per_day=rows_per_day, changes_on=100))
    champion = rehearsal.contestant(past.at(START + 60 * DAY), SETTING, lambda r, _: rehearsal.train(r, [TRAINED]), 1)
    told = probed(rehearsal.training_rows(past.at(START + 160 * DAY), SETTING.split), champion, limit=0.5)
    assert told.verdict is Verdict.UNKNOWN
    assert probe.held_back(told) is None


def test_rows_that_the_champion_has_seen_are_no_part_of_the_stretch():
    rows, champion = world()
    tuning = fitting.parts_of(rows, SETTING.split).tuning
    places = probe.stretch(rows, TRAINED, rows[ROW_ID].iloc[tuning[::3]])
    assert set(places) == set(tuning) - set(tuning[::3])
    told = probed(rows, replace(champion, seen=rows))
    assert (told.verdict, told.numbers["rows"]) == (Verdict.UNKNOWN, 0)


def test_without_a_refit_nothing_is_known():
    rows, champion = world()
    starved = [replace(TRAINED, history=Sliding(length=timedelta(hours=1)))]
    told = probed(rows, champion, recipes=starved)
    assert (told.verdict, told.numbers["refits"]) == (Verdict.UNKNOWN, 0)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.integers(110, 200), st.integers(70, 200), st.floats(0.05, 0.3), st.booleans())
def test_a_probe_never_sees_a_row_of_the_evaluation_part(seed, at, turns, share, by_share):
    split = SETTING.split.model_copy(update={"evaluation": share} if by_share else {"tuning": 8 * DAY})
    rows, champion = world(at=at, changes_on=turns, seed=seed)
    recipes = [replace(TRAINED, split=split, history=Sliding(length=days * DAY)) for days in (60,)]
    parts = fitting.parts_of(rows, split)
    places = probe.stretch(rows, recipes[0], champion.seen[ROW_ID])
    assert set(places) <= set(parts.tuning)
    assert rows[EVENT_TIME].iloc[places].max() < rows[EVENT_TIME].iloc[parts.evaluation].min()
    assert not rows[ROW_ID].iloc[places].isin(champion.seen[ROW_ID]).any()
    other, rng = rows.copy(), np.random.default_rng(seed)
    for name in ("x", "z", LABEL):
        other.iloc[parts.evaluation, other.columns.get_loc(name)] = rng.normal(99, 9, len(parts.evaluation))
    told = probed(rows, champion, recipes=recipes, limit=1.0)
    assert told == probed(other, champion, recipes=recipes, limit=1.0)


def test_the_margin_is_the_duels_own():
    assert duel_of((Sanity(), BeatsChampion(margin=0.02))).margin == 0.02
    assert duel_of((Sanity(),)).margin == 0


@pytest.mark.parametrize(("verdict", "version", "token", "limit"), [
    ("fail", 1, "t", 0.7), ("unknown", 1, "t", 0.7), ("pass", 1, "t", None), ("fail", 2, "t", None),
    ("fail", 1, "u", None),
])  # fmt: skip
def test_the_limit_is_that_of_the_breach_where_performance_was_in_question(verdict, version, token, limit):
    told = {"verdict": verdict, "numbers": {"limit": 0.7}}
    decision = Decision("k", "p", "monitoring", Verdict.FAIL, "triggered", "why", START,
                        evidence={"token": "t", "version": 1, "performance": told})  # fmt: skip
    assert probe.limit_of_breach([chain(None, decision, START)], token, version) == limit


def test_only_a_fail_holds_back():
    for verdict in (Verdict.PASS, Verdict.UNKNOWN):
        assert probe.held_back(Check("probe", verdict, "", {"early": True})) is None
