"""Fits of a simulation are kept by rows, recipes and code, and a broken or half-written one is fitted again."""

from dataclasses import replace

import numpy as np

from tasks.adapters import rehearsals
from tasks.adapters.store import Store
from tasks.core import rehearsal
from tasks.core.history import History
from tests.tasks.core.histories import DAY, SETTING, START, tables

TRIED = rehearsal.recipes(SETTING)


def rows():
    return rehearsal.training_rows(History.of(*tables()).at(START + 100 * DAY), SETTING.split)


def folders(store):
    return sorted(path for path in store.cache_path("rehearsals", "x").parent.iterdir())


def predicted(trained):
    return trained.model.predict(rows()[["x", "z"]].head())


def test_the_same_is_fitted_once_and_gives_the_same(tmp_path, monkeypatch):
    store = Store(str(tmp_path), "made-up")
    first = rehearsals.fit(store, rows(), TRIED, "code")
    assert first.seconds > 0
    assert first.recipe in TRIED

    def refuse(*_):
        raise AssertionError("fitted again")

    monkeypatch.setattr(rehearsal, "train", refuse)
    again = rehearsals.fit(store, rows(), TRIED, "code")
    assert (again.seconds, again.recipe) == (first.seconds, first.recipe)
    assert np.array_equal(predicted(again), predicted(first))


def test_other_rows_code_and_recipes_are_other_fits(tmp_path):
    store, found = Store(str(tmp_path), "made-up"), rows()
    rehearsals.fit(store, found, TRIED, "code")
    rehearsals.fit(store, found, TRIED, "other code")
    rehearsals.fit(store, found.assign(label=found["label"] + 1e-9), TRIED, "code")
    rehearsals.fit(store, found, [replace(recipe, seed=1) for recipe in TRIED], "code")
    assert len(folders(store)) == 4


def test_a_broken_fit_is_made_anew(tmp_path):
    store = Store(str(tmp_path), "made-up")
    first = rehearsals.fit(store, rows(), TRIED, "code")
    (folder,) = folders(store)
    for name, content in {"model.skops": b"broken", "fit.json": b"{}"}.items():
        (folder / name).write_bytes(content)
        again = rehearsals.fit(store, rows(), TRIED, "code")
        assert np.array_equal(predicted(again), predicted(first))
    assert len(folders(store)) == 1
