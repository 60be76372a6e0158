"""Whatever may be shown stands for enough rows, on both sides, also by the difference from what else is shown."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.data_signals import data_signals
from tasks.core.drift import Drift
from tasks.core.estimators import HistGradientBoosting, Linear, RandomForest
from tasks.core.features import Features
from tasks.core.pairs import OTHER, Pair
from tasks.core.small_groups import coarse, in_groups, may_be_told, rows_told, without_rare_names

SIDES = st.lists(st.sampled_from(["a", "b", "c", "d", OTHER]), max_size=60)


def counts(values):
    return dict(zip(*np.unique(values.astype(str), return_counts=True), strict=True))


@given(SIDES, SIDES, st.integers(1, 12))
def test_every_category_that_is_shown_stands_for_enough_rows_on_each_side_and_so_does_the_rest(left, right, least):
    pair = Pair(False, np.array(left, dtype=object), np.array(right, dtype=object))
    shown = coarse(pair, least)
    if min(len(left), len(right)) < least:
        assert shown is None
        return
    assert [len(shown.reference), len(shown.current)] == [len(left), len(right)]
    assert min([*counts(shown.reference).values(), *counts(shown.current).values()]) >= least
    assert all(now in (was, OTHER) for was, now in zip(left, shown.reference, strict=True))


def test_what_is_common_keeps_its_name_and_what_is_not_takes_no_more_along_than_it_has_to():
    left = np.repeat(["a", "b", "c", "d"], [100, 60, 40, 12]).astype(object)
    right = np.repeat(["a", "b", "d", "e"], [100, 60, 12, 12]).astype(object)
    shown = coarse(Pair(False, left, right), 20)
    assert counts(shown.reference) == {"a": 100, "b": 60, OTHER: 52}, "12 would follow from the sum: c goes with d"
    assert counts(shown.current) == {"a": 100, "b": 60, OTHER: 24}
    alone = coarse(Pair(False, left[:200], right[:160]), 20)
    assert counts(alone.reference) == {"a": 100, "b": 60, "c": 40}, "nothing is few"


@given(st.lists(st.integers(-5, 5) | st.floats(-1e9, 1e9), min_size=1, max_size=80), st.integers(0, 12))
def test_every_number_that_is_shown_stands_for_enough_rows_and_is_one_of_its_neighbours(values, least):
    values = np.array(values, "float64")
    shown = in_groups(values, least)
    if least < 2 or len(values) < least:
        np.testing.assert_array_equal(shown, values)
        return
    assert min(counts(shown).values()) >= least
    assert set(shown) <= set(values)
    order = np.argsort(values, kind="stable")
    assert (np.diff(shown[order]) >= 0).all()


def test_a_few_extremes_and_a_few_of_the_other_answer_are_not_seen():
    values = np.concatenate([np.zeros(500), np.ones(7), np.full(3, 1e6)])
    assert set(in_groups(values, 20)) == {0.0}


@pytest.mark.parametrize(
    ("rows", "of", "least", "told"),
    [
        (12, 600, 0, "12 of 600 rows"), (12, 600, 12, "12 of 600 rows"), (12, 600, 20, "fewer than 20 of 600 rows"),
        (590, 600, 20, "all but fewer than 20 of 600 rows"), (600, 600, 20, "600 of 600 rows"),
        (0, 600, 20, "0 of 600 rows"), (580, 600, 20, "580 of 600 rows"), (12, 30, 20, "fewer than 20 of 30 rows"),
    ],
)  # fmt: skip
def test_rows_are_counted_where_neither_they_nor_the_others_are_few(rows, of, least, told):
    assert rows_told(rows, of, least) == told
    assert may_be_told(rows, of, least) is told.startswith(f"{rows} ")


def sides(few):
    """A reference with a category that is gone (in `few` rows), and a window with one that is new."""
    was = pd.Series(["a", "b"] * 100 + ["gone"] * few)
    return pd.DataFrame({"plan": was}), pd.DataFrame({"plan": pd.Series(["a", "b"] * 100 + ["new"] * few)})


@pytest.mark.parametrize("few", [19, 20])
def test_new_and_vanished_categories_are_found_alike_and_counted_where_they_are_not_few(few):
    frames, kinds = sides(few), {"numerical": [], "categorical": ["plan"], "config": Drift()}
    (plain,), (held,) = (data_signals(*frames, **kinds, least=least) for least in (0, 20))
    assert plain.verdict is held.verdict
    assert plain.reason == f"new category ({few} of {200 + few} rows); vanished category ({few} of {200 + few} rows)"
    hidden = few < 20
    assert held.reason == (plain.reason.replace("(19", "(fewer than 20") if hidden else plain.reason)
    assert ("new category" in held.numbers, "vanished category" in held.numbers) == (not hidden, not hidden)


def test_what_the_sentinel_names_is_counted_by_the_same_rule():
    was = pd.DataFrame({"plan": ["Basic", "Gold"] * 200})
    now = pd.DataFrame({"plan": ["Basic", "Gold"] * 100 + ["BASIC"] * 12})
    kinds = {"numerical": [], "categorical": ["plan"], "config": Drift()}
    told = [data_signals(was, now, **kinds, least=least)[0].reason for least in (0, 20)]
    assert ["(12 of 212 rows)" in reason for reason in told] == [True, False]
    assert "spelling" in told[1]


@pytest.mark.parametrize("family", [Linear(), HistGradientBoosting(), RandomForest(trees=10)])
def test_a_model_that_does_not_know_the_rare_names_answers_as_one_that_does(family):
    rng = np.random.default_rng(0)
    features = Features(("x",), ("plan", "city"), smallest_group=20)
    matrix = pd.DataFrame({
        "x": rng.normal(size=600), "plan": rng.choice(["a", "b", "(missing)", "rare"], 600, p=[0.6, 0.37, 0.02, 0.01]),
        "city": rng.choice(["k", "l"], 600),
    })  # fmt: skip
    target = matrix["x"] + (matrix["plan"] == "rare") * 5
    parameters = dict.fromkeys(family.space(), 1.0) if family.kind == "linear" else {"min_samples_leaf": 5}
    hidden = without_rare_names(matrix, features.categorical, 20)
    assert set(hidden["plan"]) == {"a", "b", "(rare 1)", "(rare 2)"}
    assert without_rare_names(matrix, features.categorical, 0) is matrix
    models = [family.build("regression", parameters, features, 0).fit(rows, target) for rows in (matrix, hidden)]
    asked = pd.concat([matrix, matrix.head(1).assign(plan="never seen")])
    first, second = (model.predict(asked) for model in models)
    np.testing.assert_array_equal(first, second)


def test_where_nothing_is_said_records_and_encoders_are_what_they_were():
    plain = Features(("x",), ("plan",))
    assert "smallest_group" not in plain.record()
    assert Features(("x",), ("plan",), smallest_group=20).record()["smallest_group"] == 20
    encoder = Linear().build("regression", {"strength": 1.0}, plain, 0).named_steps["columns"].transformers[1][1]
    assert encoder.min_frequency is None
