"""A model file is asked in a process that knows none of our code, and answers there what it answered after the fit."""

import os
import pickle
import zipfile
from typing import get_args

import numpy as np
import pytest

from tasks.adapters.cleanroom import (
    ask_in_clean_process,
    load_in_clean_process,
    load_model,
    predict_in_clean_process,
    save_model_file,
)
from tasks.core.errors import ArtefactMismatch
from tasks.core.estimators import Candidate, predict
from tests.tasks.core.test_estimators import FEATURES, fitted, toy

FAMILIES = get_args(get_args(Candidate)[0])


@pytest.mark.parametrize("problem", ["binary", "regression"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_predicts_the_same_in_a_clean_process(tmp_path, family, problem):
    model, _, _ = fitted(family(), problem)
    save_model_file(model, tmp_path / "model.skops")
    # Other rows than those of the fit, with a category that it never saw, under an index of their own.
    matrix = toy(90, seed=3, plans=("a", "b", "new"))[0].set_index(np.arange(900, 990))
    expected = predict(model, matrix, problem)
    answer = ask_in_clean_process(tmp_path / "model.skops", matrix, problem, tries=2)
    answered = answer.predicted
    assert 0 < answer.seconds < 60
    assert answer.memory > 10_000_000
    np.testing.assert_allclose(answered, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        predict(load_model(tmp_path / "model.skops"), matrix, problem), expected, rtol=0, atol=1e-9
    )
    if problem == "binary" and family is FAMILIES[0]:
        load_in_clean_process(tmp_path / "model.skops", FEATURES)


class Evil:
    """Of a type that is on no list."""

    def __init__(self):
        self.x = 1


def test_a_type_that_is_not_on_the_list_is_refused_in_both_places(tmp_path):
    import skops.io

    model, matrix, _ = fitted(FAMILIES[0](), "binary")
    model.named_steps["model"].extra = Evil()
    skops.io.dump(model, tmp_path / "model.skops")
    with pytest.raises(ArtefactMismatch, match="UntrustedTypesFoundException"):
        predict_in_clean_process(tmp_path / "model.skops", matrix, "binary")
    with pytest.raises(ArtefactMismatch, match="cannot be loaded"):
        load_model(tmp_path / "model.skops")


class Planted:
    def __reduce__(self):
        return (os.mkdir, (os.environ["PLANTED"],))


@pytest.mark.parametrize("kind", ["pickle", "not a file", "cut"])
def test_a_file_that_is_no_model_is_refused_and_no_code_of_it_runs(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("PLANTED", str(tmp_path / "planted"))
    path = tmp_path / "model.skops"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Planted()))
    if kind == "cut":
        save_model_file(fitted(FAMILIES[0](), "binary")[0], path)
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ArtefactMismatch):
        load_model(path)
    if kind == "pickle":
        with pytest.raises(ArtefactMismatch):
            predict_in_clean_process(path, toy(5)[0], "binary")
    assert not (tmp_path / "planted").exists()


def test_the_process_inherits_no_python_path_and_its_message_no_cells(tmp_path, monkeypatch):
    # A module of that name on an inherited path would take skops' place.
    (tmp_path / "skops.py").write_text("raise SystemExit('taken over')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    model, matrix, _ = fitted(FAMILIES[0](), "regression")
    save_model_file(model, tmp_path / "model.skops")
    assert len(predict_in_clean_process(tmp_path / "model.skops", matrix, "regression")) == len(matrix)
    broken = matrix.assign(age="canary-4711")
    with pytest.raises(ArtefactMismatch) as caught:
        predict_in_clean_process(tmp_path / "model.skops", broken, "regression")
    assert "canary-4711" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_model_file_appears_whole(tmp_path):
    model, _, _ = fitted(FAMILIES[0](), "binary")
    save_model_file(model, tmp_path / "model.skops")
    assert [path.name for path in tmp_path.iterdir()] == ["model.skops"]
    assert zipfile.is_zipfile(tmp_path / "model.skops")
    assert not any(name.endswith((".pkl", ".pickle")) for name in zipfile.ZipFile(tmp_path / "model.skops").namelist())
