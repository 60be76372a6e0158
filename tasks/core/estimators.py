"""Candidate families: from a kind and its parameters to an unfitted scikit-learn pipeline.

Only scikit-learn types go into a pipeline, so that skops can save it and a clean process can load it without our code.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.features import Features
from tasks.core.metrics import Problem

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

MAX_CATEGORIES = 50
"""Rarer categories share one column, so that no single person's value becomes a feature of its own."""


@dataclass(frozen=True)
class Range:
    """Values that a search may try: a float or (whole) number between two bounds, both included."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


Space = Mapping[str, Range]


def middle(space: Space) -> dict[str, float | int]:
    """The middle of every range (of its logarithm, where the search goes by that): a start without any search."""
    chosen: dict[str, float | int] = {}
    for name, bounds in space.items():
        value = math.sqrt(bounds.low * bounds.high) if bounds.log else (bounds.low + bounds.high) / 2
        chosen[name] = round(value) if bounds.whole else value
    return chosen


class _Family(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Linear(_Family):
    """Logistic regression (binary) or ridge regression on imputed, scaled and one-hot encoded columns."""

    kind: Literal["linear"] = "linear"

    def space(self) -> Space:
        """`strength` is the inverse of the L2 penalty."""
        return {"strength": Range(1e-3, 1e2, log=True)}

    def build(self, problem: Problem, parameters: Mapping[str, Any], features: Features, seed: int) -> "Pipeline":
        """An unfitted pipeline."""
        from sklearn.linear_model import LogisticRegression, Ridge

        strength = float(parameters["strength"])
        model = LogisticRegression(C=strength, max_iter=1000) if problem == "binary" else Ridge(alpha=1 / strength)
        return _pipeline(model, features, one_hot_calendar=True)


class HistGradientBoosting(_Family):
    """Histogram gradient boosting on imputed and one-hot encoded columns."""

    kind: Literal["hist_gradient_boosting"] = "hist_gradient_boosting"

    def space(self) -> Space:
        """Learning rate, size of a tree, rows in a leaf, L2 penalty; the number of trees is set by early stopping."""
        return {
            "learning_rate": Range(0.03, 0.3, log=True),
            "max_leaf_nodes": Range(7, 63, log=True, whole=True),
            "min_samples_leaf": Range(5, 60, log=True, whole=True),
            "l2_regularization": Range(1e-3, 10, log=True),
        }

    def build(self, problem: Problem, parameters: Mapping[str, Any], features: Features, seed: int) -> "Pipeline":
        """An unfitted pipeline."""
        from sklearn.compose import ColumnTransformer
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.pipeline import Pipeline

        # One-hot rather than the booster's own categories: those save a function, which skops rightly refuses.
        # Imputed, because scikit-learn 1.9 cannot bin a column without values, and its early stopping holds rows back,
        # so that a column with few values may be left with none.
        plain = [*features.numerical, *(f"calendar_{part}" for part in features.calendar)]
        columns = ColumnTransformer(
            [("categorical", _one_hot(features), list(features.categorical)), ("numerical", _imputer(), plain)]
        )
        estimator = HistGradientBoostingClassifier if problem == "binary" else HistGradientBoostingRegressor
        model = estimator(
            max_iter=200,
            early_stopping=True,
            validation_fraction=0.15,
            n_iter_no_change=10,
            random_state=seed,
            **parameters,
        )
        return Pipeline([("columns", columns), ("model", model)])


class RandomForest(_Family):
    """Random forest on imputed and one-hot encoded columns."""

    kind: Literal["random_forest"] = "random_forest"
    trees: int = Field(default=150, ge=10, description="Number of trees.")

    def space(self) -> Space:
        """Rows in a leaf and the share of columns that a split looks at."""
        return {"min_samples_leaf": Range(2, 50, log=True, whole=True), "max_features": Range(0.2, 1.0)}

    def build(self, problem: Problem, parameters: Mapping[str, Any], features: Features, seed: int) -> "Pipeline":
        """An unfitted pipeline."""
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        estimator = RandomForestClassifier if problem == "binary" else RandomForestRegressor
        return _pipeline(estimator(n_estimators=self.trees, random_state=seed, **parameters), features)


class Dummy(_Family):
    """The baseline that ignores its inputs: class shares (binary) or the median; always fitted, never registered."""

    kind: Literal["dummy"] = "dummy"

    def space(self) -> Space:
        """Nothing to search."""
        return {}

    def build(self, problem: Problem, parameters: Mapping[str, Any], features: Features, seed: int) -> "Pipeline":
        """An unfitted pipeline."""
        from sklearn.dummy import DummyClassifier, DummyRegressor
        from sklearn.pipeline import Pipeline

        model = DummyClassifier(strategy="prior") if problem == "binary" else DummyRegressor(strategy="median")
        return Pipeline([("model", model)])


def _pipeline(model: Any, features: Features, *, one_hot_calendar: bool = False) -> "Pipeline":
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler

    calendar = [f"calendar_{part}" for part in features.calendar]
    encoded = [*features.categorical, *(calendar if one_hot_calendar else [])]
    scaled = [*features.numerical, *([] if one_hot_calendar else calendar)]
    numbers = make_pipeline(_imputer(), StandardScaler())
    columns = ColumnTransformer([("numerical", numbers, scaled), ("categorical", _one_hot(features), encoded)])
    return Pipeline([("columns", columns), ("model", model)])


def _imputer() -> Any:
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)


def _one_hot(features: Features) -> Any:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False,
        min_frequency=features.smallest_group or None,
    )  # fmt: skip


def predict(model: Any, matrix: Any, problem: Problem) -> Any:
    """Probability of the positive class (binary) or the value (regression), as a float64 array of one per row."""
    predicted = model.predict_proba(matrix)[:, 1] if problem == "binary" else model.predict(matrix)
    return predicted.astype("float64")


TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""The reviewed list of types beyond skops' own that a model of ours may hold; anything else is refused at loading."""

Candidate = Annotated[Linear | HistGradientBoosting | RandomForest, Field(discriminator="kind")]
