"""Matplotlib: pictures of a candidate on its evaluation part, of policies and of champions over time. Never a row."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import estimators, fitting
from tasks.core.comparison import Run
from tasks.core.features import design_matrix
from tasks.core.fitting import LABEL, Recipe
from tasks.core.small_groups import in_groups
from tasks.core.staleness.curve import Cell

if TYPE_CHECKING:
    import pandas as pd


def draw(model: Any, rows: "pd.DataFrame", recipe: Recipe, worth: Mapping[str, float], folder: Path) -> None:
    """Write the plots of a fitted pipeline, whose features are worth so much to it, as PNG files into a folder.

    Where the recipe names a smallest group, each point stands for as many rows; of fewer rows nothing is drawn.
    """
    least = recipe.features.smallest_group
    fresh = fitting.parts_of(rows, recipe.split).evaluation
    part = rows.iloc[fresh]
    actual = part[LABEL].to_numpy("float64")
    matrix = design_matrix(part, recipe.features)
    predicted = np.asarray(estimators.predict(model, matrix, recipe.problem))
    if len(part) >= least:
        (_curves if recipe.problem == "binary" else _residuals)(actual, predicted, least, folder)
    if worth:
        _importance(worth, folder)


def draw_simulation(runs: Sequence[Run], metric: str, path: Path) -> None:
    """Write one PNG: each policy's score per period, and a mark where a new model began to serve."""
    figure, (axes,) = _figure(1)
    figure.set_size_inches(10, 4.6)
    for run in runs:
        times = [period.as_of for period in run.periods]
        scores = [np.nan if period.score is None else period.score for period in run.periods]
        (line,) = axes.plot(times, scores, label=run.policy, linewidth=1.5, alpha=0.8)
        new = [place for place, period in enumerate(run.periods) if period.replaced]
        axes.plot([times[n] for n in new], [scores[n] for n in new], "o", color=line.get_color(), markersize=4)
    axes.set(xlabel="beginning of the period", ylabel=metric, title="Score per period; a dot: a new model serves")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=90)


def draw_staleness(cells: Sequence[Cell], metric: str, path: Path) -> None:
    """Write one PNG: each version's score per window from its promotion on, and a dot where it served."""
    figure, (axes,) = _figure(1)
    figure.set_size_inches(10, 4.6)
    for version in dict.fromkeys(cell.version for cell in cells):
        mine = [cell for cell in cells if cell.version == version]
        scores = [np.nan if cell.score is None else cell.score for cell in mine]
        (line,) = axes.plot([cell.window.start for cell in mine], scores, label=f"version {version}", linewidth=1.5)
        served = [place for place, cell in enumerate(mine) if cell.serves]
        axes.plot([mine[n].window.start for n in served], [scores[n] for n in served], "o", color=line.get_color())
    axes.set(xlabel="beginning of the window", ylabel=metric, title="Score of every champion; a dot: it served")
    if cells:
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=90)


def _figure(columns: int) -> Any:
    # The object interface: pyplot keeps global state, and flows run in threads.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * columns, 4.2), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(1, columns))


def _curves(actual: np.ndarray, predicted: np.ndarray, least: int, folder: Path) -> None:
    from sklearn.calibration import CalibrationDisplay
    from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

    predicted = in_groups(predicted, least)
    figure, (roc, precision, calibration) = _figure(3)
    RocCurveDisplay.from_predictions(actual, predicted, ax=roc, plot_chance_level=True, name="candidate")
    PrecisionRecallDisplay.from_predictions(actual, predicted, ax=precision, plot_chance_level=True, name="candidate")
    CalibrationDisplay.from_predictions(actual, predicted, ax=calibration, n_bins=10, name="candidate")
    for axes, title in ((roc, "ROC"), (precision, "Precision and recall"), (calibration, "Calibration")):
        axes.set_title(f"{title}, evaluation part")
    figure.savefig(folder / "curves.png", dpi=90)


def _residuals(actual: np.ndarray, predicted: np.ndarray, least: int, folder: Path) -> None:
    figure, (scatter, histogram) = _figure(2)
    residuals = in_groups(predicted - actual, least)
    actual, predicted = in_groups(actual, least), in_groups(predicted, least)
    scatter.hexbin(actual, predicted, gridsize=40, cmap="viridis", mincnt=max(1, least))
    low, high = float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))
    scatter.plot([low, high], [low, high], color="black", linewidth=1)
    scatter.set(xlabel="actual", ylabel="predicted", title="Predicted against actual, evaluation part")
    histogram.hist(residuals, bins=50)
    histogram.set(xlabel="predicted minus actual", ylabel="rows", title="Residuals, evaluation part")
    figure.savefig(folder / "residuals.png", dpi=90)


def _importance(worth: Mapping[str, float], folder: Path) -> None:
    names = sorted(worth, key=lambda name: worth[name])[-20:]
    figure, (axes,) = _figure(1)
    axes.barh(names, [worth[name] for name in names])
    axes.set(xlabel="share of the loss when the column is shuffled", title="Permutation importance")
    figure.savefig(folder / "importance.png", dpi=90)
