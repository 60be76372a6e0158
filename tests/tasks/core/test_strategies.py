"""Training strategies: which rows a fit learns from and how much each counts, exactly; and who needs no search."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core import rehearsal
from tasks.core.estimators import HistGradientBoosting, Linear, RandomForest
from tasks.core.features import EVENT_TIME, Features
from tasks.core.fitting import LABEL, Recipe, backtest, fit_for_evaluation, parts_of, predict_rows, seen_positions
from tasks.core.history import History
from tasks.core.metrics import score
from tasks.core.policies import EveryWindow
from tasks.core.simulation import simulate
from tasks.core.splits import Split, backtests
from tasks.core.strategies import Expanding, NewSearch, RecencyWeighted, SameRecipe, Sliding, training_rows_of
from tests.tasks.core.histories import DAY, SETTING, START, moments, tables

KINDS = (Sliding(length="40d"), Expanding(), RecencyWeighted(half_life="5d"))
SPLIT = Split(history=KINDS, tuning="10d", evaluation="15d", min_rows=5, folds=3)
RECIPE = Recipe("regression", "mae", Features(("x",), ()), SPLIT, Linear(), {"strength": 1.0}, KINDS[0], 0)
LENGTHS = st.integers(1, 86_400 * 999_999_999).map(lambda seconds: timedelta(seconds=seconds))


def frame(count=200, days=120, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=count)
    times = pd.Timestamp(START) + pd.to_timedelta(rng.uniform(0, days, count), unit="D").round("us")
    return pd.DataFrame({"x": x, LABEL: 2 * x + rng.normal(0, 0.3, count), EVENT_TIME: times.as_unit("us")})


def predicted(rows, recipe):
    return predict_rows(rows, np.arange(0, len(rows), 7), fit_for_evaluation(rows, recipe).model, recipe)


def test_a_length_is_a_sliding_window_and_kinds_are_themselves():
    split = Split.model_validate({"history": ["60d", {"kind": "expanding"}], "tuning": 0.2, "evaluation": 0.2})
    assert split.history == (Sliding(length="60d"), Expanding())
    assert [rows.label for rows in KINDS] == ["40d", "expanding", "half-life 5d"]
    for wrong in ("60", "0d", {"kind": "forever"}, {"kind": "recency_weighted"}, 60):
        with pytest.raises(ValidationError, match="history"):
            Split(history=(wrong,), tuning=0.2, evaluation=0.2)


@given(st.one_of(LENGTHS.map(lambda n: Sliding(length=n)), LENGTHS.map(lambda n: RecencyWeighted(half_life=n))))
def test_what_a_recipe_keeps_is_read_back_and_every_length_has_a_beginning(rows):
    assert training_rows_of(rows.model_dump(mode="json")) == rows
    newest = datetime(2024, 1, 1, tzinfo=UTC)
    assert rows.since(newest) < newest
    times = np.array(["1750-01-01", "2024-01-01"], dtype="datetime64[us]")
    assert 1 in rows.kept(times, np.arange(2))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 1000), max_size=50), st.integers(1, 1000))
def test_rows_are_kept_and_weighed_by_their_age_before_the_newest_of_them(hours, length):
    times = np.datetime64("2024-01-01", "us") + np.asarray(hours, dtype="int64") * np.timedelta64(1, "h")
    positions = np.arange(len(hours))[: len(hours) // 2]  # rows that are not asked for are no measure of age
    ages = [max([hours[p] for p in positions], default=0) - hours[p] for p in positions]
    unit = timedelta(hours=length)
    assert Sliding(length=unit).kept(times, positions).tolist() == [p for p in positions if ages[p] < length]
    assert Expanding().kept(times, positions).tolist() == positions.tolist()
    forgetting = RecencyWeighted(half_life=unit)
    assert forgetting.kept(times, positions).tolist() == [p for p in positions if ages[p] < 10 * length]
    if len(positions):
        np.testing.assert_allclose(forgetting.weights(times[positions]), [0.5 ** (age / length) for age in ages])


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 10**6), st.data())
def test_seen_are_exactly_the_rows_that_a_fit_depends_on(kind, seed, data):
    rows, recipe = frame(seed=seed), replace(RECIPE, history=kind)
    seen = seen_positions(rows, SPLIT, kind)
    fresh = np.setdiff1d(np.arange(len(rows)), seen)
    assert set(parts_of(rows, SPLIT).evaluation) <= set(fresh)
    told = predicted(rows, recipe)
    other = rows.copy()
    other.loc[fresh, LABEL] = 1e6
    np.testing.assert_array_equal(predicted(other, recipe), told)  # what is left for a duel taught it nothing
    changed = rows.copy()
    changed.loc[data.draw(st.sampled_from(seen.tolist())), LABEL] += 1e6
    assert not np.allclose(predicted(changed, recipe), told)  # and what is left out of one did


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_chooses_looks_at_the_evaluation_part(kind):
    rows, other = frame(), frame()
    fresh = parts_of(rows, SPLIT).evaluation
    other.loc[fresh, [LABEL, "x"]] = [1e6, -1e6]
    assert backtest(rows, replace(RECIPE, history=kind)) == backtest(other, replace(RECIPE, history=kind))
    tried = [replace(RECIPE, history=rows) for rows in KINDS]
    assert rehearsal.train(rows, tried).recipe == rehearsal.train(other, tried).recipe


@pytest.mark.parametrize("kind", KINDS)
def test_a_backtest_is_the_mean_over_folds_of_fits_that_knew_only_what_came_before(kind):
    rows, recipe = frame(), replace(RECIPE, history=kind)
    times = rows[EVENT_TIME].dt.tz_localize(None).to_numpy("datetime64[us]")
    by_hand = []
    for train, tuning in backtests(times, SPLIT):
        model = recipe.family.build("regression", recipe.parameters, recipe.features, 0)
        taken = np.sort(kind.kept(times, train))
        weights = kind.weights(times[taken])
        model.fit(rows.loc[taken, ["x"]], rows.loc[taken, LABEL], model__sample_weight=weights)
        by_hand.append(score("mae", rows[LABEL].to_numpy()[tuning], model.predict(rows.loc[tuning, ["x"]])))
    assert len(by_hand) == 3
    assert backtest(rows, recipe) == pytest.approx(np.mean(by_hand))


def test_one_lucky_stretch_chooses_the_wrong_rows_and_three_do_not():
    """The law is the same all along, so all rows teach best; the newest tuning stretch alone happens to differ."""
    rows = frame(400, seed=1)
    tuning = parts_of(rows, SPLIT).tuning
    late = rows[EVENT_TIME] >= rows[EVENT_TIME].iloc[tuning].min() - 5 * DAY
    rows.loc[late, LABEL] += 0.3
    tried = [replace(RECIPE, history=kind) for kind in (RecencyWeighted(half_life="1d"), Expanding())]
    chosen = {}
    for folds in (1, 3):
        split = SPLIT.model_copy(update={"folds": folds})
        chosen[folds] = rehearsal.train(rows, [replace(recipe, split=split) for recipe in tried]).recipe.history.kind
    assert chosen == {1: "recency_weighted", 3: "expanding"}


def test_a_row_that_is_a_half_life_older_counts_half():
    times = pd.to_datetime(["2024-01-01", "2024-01-11"] * 10 + ["2024-02-01"] * 10, utc=True).as_unit("us")
    rows = pd.DataFrame({"x": 1.0, LABEL: [0.0, 3.0] * 10 + [0.0] * 10, EVENT_TIME: times})
    split = Split(history=(RecencyWeighted(half_life="10d"),), tuning="5d", evaluation="5d", min_rows=2)
    told = predict_rows(rows, np.arange(3), fit_for_evaluation(rows, _of(rows, split)).model, _of(rows, split))
    assert told == pytest.approx([2.0] * 3)  # (1/2 x 0 + 1 x 3) / (1/2 + 1)


def _of(rows, split):
    return replace(RECIPE, split=split, history=split.history[0])


@pytest.mark.parametrize("family", [Linear(), HistGradientBoosting(), RandomForest(trees=20)])
def test_every_family_learns_by_weight(family):
    rows = frame(600, seed=3)
    old = rows[EVENT_TIME] < rows[EVENT_TIME].max() - 45 * DAY
    rows.loc[old, LABEL] *= -1
    recipe = replace(RECIPE, family=family, parameters={"strength": 1.0} if family.kind == "linear" else {})
    errors = [
        np.abs(predict_rows(rows, part, fit_for_evaluation(rows, one).model, one) - rows[LABEL].iloc[part]).mean()
        for part in [parts_of(rows, SPLIT).evaluation]
        for one in (replace(recipe, history=Expanding()), replace(recipe, history=RecencyWeighted(half_life="5d")))
    ]
    assert errors[1] < errors[0] / 2


def test_the_same_recipe_needs_no_search_and_is_held_against_the_file():
    tried = [replace(RECIPE, parameters={}), replace(RECIPE, family=RandomForest(), parameters={})]
    champion = replace(RECIPE, parameters={"strength": 7.0}, history=KINDS[2], seed=9)
    settled = SameRecipe().settled(champion, tried)
    assert settled == replace(tried[0], parameters={"strength": 7.0}, history=KINDS[2])
    assert SameRecipe().settled(None, tried) is None
    assert NewSearch().settled(champion, tried) is None
    gone = [
        replace(champion, family=RandomForest(trees=11)),
        replace(champion, history=Sliding(length="41d")),
        replace(champion, problem="binary"),
    ]
    assert [SameRecipe().settled(one, tried) for one in gone] == [None] * 3


def test_a_simulation_refits_the_champions_recipe():
    setting = replace(SETTING, strategy=SameRecipe())
    asked = []

    def spy(rows, tried):
        trained = rehearsal.train(rows, tried)
        asked.append((len(tried), trained.recipe))
        return trained

    list(simulate(History.of(*tables()), setting, EveryWindow(), moments(), spy))
    assert [count for count, _ in asked] == [2, *[1] * (len(asked) - 1)]
    assert len({recipe.as_text() for _, recipe in asked}) == 1
