"""What one fit means: from labelled rows and a recipe to a fitted pipeline and its score on later rows.

Choosing among fits belongs to the search, judging to the gates. A recipe's key names a fit for ever.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import estimators, metrics
from tasks.core.errors import DataRejected
from tasks.core.estimators import Candidate, Dummy
from tasks.core.features import EVENT_TIME, Features, design_matrix
from tasks.core.small_groups import without_rare_names
from tasks.core.splits import Parts, Split, backtests, split_parts
from tasks.core.strategies import TrainingRows

if TYPE_CHECKING:
    import pandas as pd

LABEL = "label"


@dataclass(frozen=True)
class Recipe:
    """Everything besides the rows and the code that a fit depends on."""

    problem: metrics.Problem
    metric: metrics.MetricName
    features: Features
    split: Split
    family: Candidate | Dummy
    parameters: Mapping[str, Any]
    history: TrainingRows
    seed: int

    def as_text(self) -> str:
        """Canonical JSON."""
        return json.dumps(
            {
                "problem": self.problem,
                "metric": self.metric,
                "features": self.features.record(),
                "split": self.split.model_dump(mode="json"),
                "family": self.family.model_dump(mode="json"),
                "parameters": dict(self.parameters),
                "history": self.history.model_dump(mode="json"),
                "seed": self.seed,
            },
            sort_keys=True,
        )

    def key(self, snapshot_digest: str, code_digest: str) -> str:
        """SHA-256 that is equal exactly when snapshot, code and recipe are."""
        return hashlib.sha256(json.dumps([snapshot_digest, code_digest, self.as_text()]).encode()).hexdigest()


@dataclass(frozen=True)
class Fit:
    """A fitted pipeline and the positions of the rows that it has seen."""

    model: Any
    seen: np.ndarray


def parts_of(frame: "pd.DataFrame", split: Split) -> Parts:
    """The parts of a labelled frame by its event time."""
    return split_parts(_times(frame), split)


def backtest(frame: "pd.DataFrame", recipe: Recipe) -> float:
    """The mean score of the folds' tuning parts, each predicted by a fit on the rows before it that the recipe takes.

    An older fold than the newest counts only where every kind of rows that the split offers can teach: all recipes of a
    search are compared on the same folds.
    """
    times = _times(frame)
    newest, *older = backtests(times, recipe.split)
    scores = []
    for train, tuning in (newest, *(fold for fold in older if _is_for_all(frame, fold, recipe))):
        fit = _fit(frame, recipe.history.kept(times, train), recipe)
        scores.append(score_on(frame, tuning, fit.model, recipe))
    return float(np.mean(scores))


def fit_train_part(frame: "pd.DataFrame", recipe: Recipe) -> Fit:
    """Fit on the train part only (those rows of it that the recipe takes): tuning and evaluation stay unseen."""
    return _fit(frame, recipe.history.kept(_times(frame), parts_of(frame, recipe.split).train), recipe)


def fit_for_evaluation(frame: "pd.DataFrame", recipe: Recipe) -> Fit:
    """Fit on train and tuning rows together; the evaluation part stays unseen."""
    return _fit(frame, seen_positions(frame, recipe.split, recipe.history), recipe)


def seen_positions(frame: "pd.DataFrame", split: Split, history: TrainingRows) -> np.ndarray:
    """Positions of the rows that a model of this split and history was fitted on; all others are fresh to it."""
    parts = parts_of(frame, split)
    return np.sort(history.kept(_times(frame), np.concatenate([parts.train, parts.tuning])))


def days_of(frame: "pd.DataFrame") -> np.ndarray:
    """The UTC day of each row as an int: rows of one day stay together when rows are resampled."""
    return _times(frame).astype("datetime64[D]").astype("int64")


def predict_rows(frame: "pd.DataFrame", positions: np.ndarray, model: Any, recipe: Recipe) -> np.ndarray:
    """Predictions (float64, one per position)."""
    matrix = design_matrix(frame.iloc[positions], recipe.features)
    return np.asarray(estimators.predict(model, matrix, recipe.problem))


def score_on(frame: "pd.DataFrame", positions: np.ndarray, model: Any, recipe: Recipe) -> float:
    """The recipe's metric on some rows."""
    actual = frame[LABEL].to_numpy("float64")[positions]
    return metrics.score(recipe.metric, actual, predict_rows(frame, positions, model, recipe))


def dummy_predictions(seen: "pd.DataFrame", count: int, recipe: Recipe) -> np.ndarray:
    """What the baseline, fitted on the labels of the seen rows, predicts for `count` rows (float64)."""
    model = Dummy().build(recipe.problem, {}, recipe.features, recipe.seed)
    target = seen[LABEL].to_numpy("float64")
    model.fit(np.zeros((len(seen), 1)), target.astype("int64") if recipe.problem == "binary" else target)
    return np.asarray(estimators.predict(model, np.zeros((count, 1)), recipe.problem)) if count else np.empty(0)


def _fit(frame: "pd.DataFrame", positions: np.ndarray, recipe: Recipe) -> Fit:
    rows = frame.iloc[np.sort(positions)]
    target = rows[LABEL].to_numpy("float64")
    _refuse_rows(target, recipe.history, recipe)
    target = target.astype("int64") if recipe.problem == "binary" else target
    model = recipe.family.build(recipe.problem, recipe.parameters, recipe.features, recipe.seed)
    weights = recipe.history.weights(_times(rows))
    # The estimator alone learns by weight: what a column's median or its categories are needs no forgetting.
    last = {} if weights is None else {f"{model.steps[-1][0]}__sample_weight": weights}
    matrix, least = design_matrix(rows, recipe.features), recipe.features.smallest_group
    model.fit(without_rare_names(matrix, recipe.features.categorical, least), target, **last)
    return Fit(model, np.sort(positions))


def _is_for_all(frame: "pd.DataFrame", fold: tuple[np.ndarray, np.ndarray], recipe: Recipe) -> bool:
    """Whether a fold teaches something by every kind of training rows, and has a score."""
    (train, tuning), target, times = fold, frame[LABEL].to_numpy("float64"), _times(frame)
    try:
        for history in recipe.split.history:
            _refuse_rows(target[history.kept(times, train)], history, recipe)
    except DataRejected:
        return False
    return recipe.problem != "binary" or len(np.unique(target[tuning])) > 1


def _refuse_rows(target: np.ndarray, history: TrainingRows, recipe: Recipe) -> None:
    if len(target) < recipe.split.min_rows:
        raise DataRejected(
            f"Only {len(target)} training rows lie within {history.label}; at least {recipe.split.min_rows} are "
            "needed. Lengthen split.history or lower split.min_rows."
        )
    if recipe.problem == "binary":
        _refuse_lone_classes(target)


def _refuse_lone_classes(target: np.ndarray) -> None:
    classes, counts = np.unique(target, return_counts=True)
    if len(classes) < 2:  # noqa: PLR2004 - two classes are what binary means
        raise DataRejected(
            f"All {len(target)} training rows are of one class; a classifier cannot learn from them. "
            "Check the labels (and `positive`), or wait for more of them."
        )
    if counts.min() < 2:  # noqa: PLR2004 - early stopping holds rows of each class back
        raise DataRejected(
            f"Only 1 of {len(target)} training rows is of the other class; a classifier cannot learn from it. "
            "Check the labels (and `positive`), or wait for more of them."
        )


def _times(frame: "pd.DataFrame") -> np.ndarray:
    import pandas as pd

    return pd.to_datetime(frame[EVENT_TIME], utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")
