"""A fit is kept whole or not at all, is found again only unchanged, and says what it has seen."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tasks.adapters import fits
from tasks.adapters.store import Store
from tasks.core import fitting, metrics
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.fitting import LABEL
from tasks.core.importance import importances
from tests.tasks.core.test_fitting import RECIPE, SPLIT, frame

KEY = "k" * 64


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path), "p")


def rows():
    return frame().assign(**{ROW_ID: [f"r{n}" for n in range(300)]})


def model_file(store):
    return store.cache_path("fits", KEY) / "model.skops"


def test_what_was_made_is_found_and_predicts_the_same(store):
    made = fits.make(store, KEY, rows(), RECIPE)
    assert fits.find(store, KEY, RECIPE) == made
    evaluated = fits.evaluation(store, KEY)
    fresh = fitting.parts_of(rows(), SPLIT).evaluation
    assert evaluated[ROW_ID].tolist() == [f"r{n}" for n in fresh]
    again = fitting.predict_rows(rows(), fresh, fits.load(store, KEY), RECIPE)
    np.testing.assert_allclose(again, evaluated["prediction"], atol=1e-9)
    actual = rows()[LABEL].to_numpy()[fresh]
    assert made.scores["evaluation_roc_auc"] == pytest.approx(metrics.score("roc_auc", actual, again))
    assert set(made.scores) >= {"evaluation_brier", "evaluation_log_loss", "evaluation_rows", "training_rows"}


def test_it_says_how_far_its_rows_reach_and_evaluates_on_later_ones(store):
    made = fits.make(store, KEY, rows(), RECIPE)
    parts = fitting.parts_of(rows(), SPLIT)
    times = rows()[EVENT_TIME]
    assert made.trained_until == times.iloc[np.concatenate([parts.train, parts.tuning])].max().isoformat()
    assert made.evaluated_until == times.max().isoformat()
    assert made.trained_until < made.evaluated_until


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_the_dummy_beside_it_learns_from_the_same_rows_only(store, problem):
    recipe = replace(RECIPE, problem=problem, metric="roc_auc" if problem == "binary" else "mae")
    told = rows()
    fits.make(store, KEY, told, recipe)
    seen = told[LABEL].to_numpy()[fitting.seen_positions(told, SPLIT, recipe.history)]
    expected = seen.mean() if problem == "binary" else np.median(seen)
    np.testing.assert_allclose(fits.evaluation(store, KEY)["dummy"], expected)


def test_it_says_what_its_features_are_worth_on_rows_that_it_has_not_seen(store):
    made = fits.make(store, KEY, rows(), RECIPE)
    fresh = rows().iloc[fitting.parts_of(rows(), SPLIT).evaluation]
    assert made.importance == importances(fits.load(store, KEY), fresh, RECIPE)
    assert made.importance["x"] > 0.7


def test_another_key_is_not_found(store):
    fits.make(store, KEY, rows(), RECIPE)
    assert fits.find(store, "x" * 64, RECIPE) is None
    assert fits.evaluation(store, "x" * 64) is None


def test_a_changed_model_file_is_not_a_fit_any_more(store):
    fits.make(store, KEY, rows(), RECIPE)
    content = bytearray(model_file(store).read_bytes())
    content[len(content) // 2] ^= 1
    model_file(store).write_bytes(bytes(content))
    assert fits.find(store, KEY, RECIPE) is None


@pytest.mark.parametrize("facts", ["", "{", "[]", '{"key": 1}', json.dumps({"odd": 1})])
def test_broken_facts_are_not_a_fit(store, facts):
    fits.make(store, KEY, rows(), RECIPE)
    (store.cache_path("fits", KEY) / "fit.json").write_text(facts)
    assert fits.find(store, KEY, RECIPE) is None


def test_what_a_killed_fit_left_is_neither_found_nor_in_the_way(store):
    final = store.cache_path("fits", KEY)
    for folder in (final, final.with_name(f".{final.name}")):
        folder.mkdir(parents=True)
        (folder / "model.skops").write_bytes(b"half")
    assert fits.find(store, KEY, RECIPE) is None
    made = fits.make(store, KEY, rows(), RECIPE)
    assert fits.find(store, KEY, RECIPE) == made
    assert [path.name for path in final.parent.iterdir()] == [KEY]


def test_the_kept_files_hold_no_feature_values(store):
    told = rows()
    told["plan"] = told["plan"].where(np.arange(300) != 250, "canary-4711")
    fits.make(store, KEY, told, RECIPE)
    assert list(fits.evaluation(store, KEY)) == [ROW_ID, "prediction", "dummy"]
    folder = store.cache_path("fits", KEY)
    assert all(b"canary-4711" not in path.read_bytes() for path in folder.iterdir() if path.suffix != ".skops")
