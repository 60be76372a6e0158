"""What the pictures of a candidate show of its rows: with a smallest group no point, bar or cell stands for fewer."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tasks.adapters import plots
from tasks.core import fitting
from tasks.core.estimators import Linear
from tasks.core.features import EVENT_TIME, Features
from tasks.core.fitting import LABEL, Recipe
from tasks.core.splits import Split

SPLIT = Split(history=("40d",), tuning=0.2, evaluation=0.4)
ROWS, LEAST = 1_000, 20


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws a fitted model's evaluation part; gives the axes of the picture, or none, and how many rows it has."""
    from matplotlib.figure import Figure

    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k)))

    def draw(problem, least):
        rng = np.random.default_rng(1)
        x = rng.normal(size=ROWS)
        y = (x + rng.normal(size=ROWS) > 0).astype(float) if problem == "binary" else x + rng.normal(size=ROWS)
        at = pd.date_range("2024-01-01", periods=ROWS, freq="h", tz="UTC")
        frame = pd.DataFrame({"x": x, EVENT_TIME: at, LABEL: y})
        metric = "roc_auc" if problem == "binary" else "mae"
        features = Features(("x",), (), smallest_group=least)
        recipe = Recipe(problem, metric, features, SPLIT, Linear(), {"strength": 1.0}, SPLIT.history[0], 0)
        plots.draw(fitting.fit_for_evaluation(frame, recipe).model, frame, recipe, {}, tmp_path)
        of = len(fitting.parts_of(frame, SPLIT).evaluation)
        return SimpleNamespace(axes=figures[-1].axes if figures else [], rows=of)

    return draw


@pytest.mark.parametrize("least", [0, LEAST])
def test_curves_of_a_classifier_have_a_step_for_enough_rows(drawn, least):
    found = drawn("binary", least)
    steps = [len(np.unique(axes.lines[0].get_xydata(), axis=0)) for axes in found.axes]
    assert all((count <= found.rows // LEAST + 2) == bool(least) for count in steps[:2]), steps
    assert 2 <= steps[2] <= 10, "the bins of the calibration"


@pytest.mark.parametrize("least", [0, LEAST])
def test_cells_and_bars_of_residuals_stand_for_enough_rows(drawn, least):
    scatter, histogram = drawn("regression", least).axes
    cells = scatter.collections[0].get_array().compressed()
    bars = np.array([bar.get_height() for bar in histogram.patches])
    for counts in (cells[cells > 0], bars[bars > 0]):
        assert (counts.min(initial=LEAST) >= LEAST) == bool(least)
    assert bars.sum() == drawn("regression", least).rows


def test_of_too_few_rows_nothing_is_drawn(drawn):
    assert drawn("regression", 2 * ROWS).axes == []
