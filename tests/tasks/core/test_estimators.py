"""The contract of every candidate family: unfitted pipelines of scikit-learn's own types that take messy rows."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.core.estimators import MAX_CATEGORIES, TRUSTED_TYPES, Candidate, Dummy, Range, predict
from tasks.core.features import MISSING, Features

FAMILIES = [*get_args(get_args(Candidate)[0]), Dummy]
FEATURES = Features(("age", "spend", "never"), ("plan",), ("hour",))
CASES = [pytest.param(family(), problem, id=f"{family.__name__}-{problem}")
         for family in FAMILIES for problem in ("binary", "regression")]  # fmt: skip


def toy(count=160, seed=0, plans=("a", "b", MISSING)):
    rng = np.random.default_rng(seed)
    age, spend, plan = rng.normal(40, 9, count), rng.exponential(5, count), rng.choice(list(plans), count)
    signal = age / 9 + 2 * (plan == "a") + rng.normal(0, 0.3, count)
    age[::7], spend[::5] = np.nan, np.nan
    matrix = pd.DataFrame({"age": age, "spend": spend, "never": np.nan, "plan": plan.astype(object)})
    matrix["calendar_hour"] = rng.integers(0, 24, count).astype(float)
    return matrix, signal


def middle(family):
    def one(bounds: Range):
        value = (bounds.low * bounds.high) ** 0.5 if bounds.log else (bounds.low + bounds.high) / 2
        return round(value) if bounds.whole else value

    return {name: one(bounds) for name, bounds in family.space().items()}


def fitted(family, problem, parameters=None, seed=0):
    matrix, signal = toy()
    target = (signal > np.median(signal)).astype("int64") if problem == "binary" else signal
    return family.build(problem, parameters or middle(family), FEATURES, seed).fit(matrix, target), matrix, target


@pytest.mark.parametrize(("family", "problem"), CASES)
def test_a_family_builds_an_unfitted_pipeline_that_can_be_cloned(family, problem):
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    pipeline = family.build(problem, middle(family), FEATURES, 3)
    with pytest.raises(NotFittedError):
        check_is_fitted(pipeline)
    assert str(clone(pipeline).get_params()) == str(pipeline.get_params())


@pytest.mark.parametrize(("family", "problem"), CASES)
def test_it_takes_missing_numbers_empty_columns_and_categories_that_it_never_saw(family, problem):
    model, _, target = fitted(family, problem)
    strange, _ = toy(60, seed=1, plans=("never seen", MISSING))
    predicted = predict(model, strange, problem)
    assert predicted.dtype == np.float64
    assert predicted.shape == (60,)
    assert np.isfinite(predicted).all()
    if problem == "binary":
        assert ((predicted >= 0) & (predicted <= 1)).all()
    else:
        assert ((predicted > target.min() - 10) & (predicted < target.max() + 10)).all()


@pytest.mark.parametrize(("family", "problem"), CASES)
def test_predictions_belong_to_the_row_and_not_to_its_place(family, problem):
    model, matrix, _ = fitted(family, problem)
    order = np.random.default_rng(5).permutation(len(matrix))
    np.testing.assert_allclose(
        predict(model, matrix.iloc[order], problem), predict(model, matrix, problem)[order], atol=1e-12
    )


@pytest.mark.parametrize(("family", "problem"), [case for case in CASES if "Dummy" not in case.id])
def test_it_learns_what_there_is_to_learn_and_the_same_seed_learns_the_same(family, problem):
    model, matrix, target = fitted(family, problem)
    predicted = predict(model, matrix, problem)
    assert np.corrcoef(predicted, target)[0, 1] > 0.6
    np.testing.assert_array_equal(predict(fitted(family, problem)[0], matrix, problem), predicted)


@pytest.mark.parametrize(("family", "problem"), [case for case in CASES if "Dummy" not in case.id])
@pytest.mark.parametrize("end", ["low", "high"])
def test_both_ends_of_the_search_space_can_be_fitted(family, problem, end):
    bounds = family.space()
    parameters = {name: (int if b.whole else float)(getattr(b, end)) for name, b in bounds.items()}
    model, matrix, _ = fitted(family, problem, parameters)
    assert np.isfinite(predict(model, matrix, problem)).all()


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_the_dummy_ignores_its_inputs(problem):
    model, matrix, target = fitted(Dummy(), problem)
    expected = target.mean() if problem == "binary" else np.median(target)
    np.testing.assert_allclose(predict(model, matrix.iloc[:3], problem), [expected] * 3)


@pytest.mark.parametrize(("family", "problem"), CASES)
def test_a_file_of_it_holds_no_type_beyond_the_reviewed_ones_and_loads_to_the_same(family, problem, tmp_path):
    import skops.io

    model, matrix, _ = fitted(family, problem)
    skops.io.dump(model, tmp_path / "model.skops")
    assert set(skops.io.get_untrusted_types(file=tmp_path / "model.skops")) <= set(TRUSTED_TYPES)
    again = skops.io.load(tmp_path / "model.skops", trusted=list(TRUSTED_TYPES))
    np.testing.assert_allclose(predict(again, matrix, problem), predict(model, matrix, problem), atol=1e-9)


def test_the_reviewed_list_holds_nothing_that_can_run_code():
    assert all(name.startswith(("numpy.dtype", "sklearn.")) for name in TRUSTED_TYPES)
    assert len(TRUSTED_TYPES) == len(set(TRUSTED_TYPES)) == 3


@pytest.mark.parametrize("family", [family for family in FAMILIES if family is not Dummy])
def test_rare_categories_share_a_column_so_that_no_person_becomes_a_feature(family):
    matrix, signal = toy(400)
    matrix["plan"] = [f"person {n}" if n < 300 else "many" for n in range(400)]
    model = family().build("regression", middle(family()), FEATURES, 0).fit(matrix, signal)
    names = [name for name in model.named_steps["columns"].get_feature_names_out() if "plan" in name]
    assert len(names) <= MAX_CATEGORIES
    assert any("infrequent" in name for name in names)


def test_the_kind_in_the_file_chooses_the_family_and_typos_are_refused():
    union = TypeAdapter(Candidate)
    for family in get_args(get_args(Candidate)[0]):
        assert type(union.validate_python({"kind": family().kind})) is family
    with pytest.raises(ValidationError, match="linear"):
        union.validate_python({"kind": "lineal"})
    with pytest.raises(ValidationError, match="Extra inputs"):
        union.validate_python({"kind": "random_forest", "tree": 5})
