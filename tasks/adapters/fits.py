"""Fitted models by their key, kept in the store's cache: the same snapshot, code and recipe is never fitted twice.

A lost cache costs a fit and nothing else. What counts as a version's artefact is the registry's copy, not this one.
"""

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from tasks.adapters.cleanroom import load_model, save_model_file
from tasks.adapters.registry import MODEL_FILE, file_sha256
from tasks.adapters.store import Store
from tasks.core import fitting, metrics
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.fitting import LABEL, Recipe
from tasks.core.importance import importances

if TYPE_CHECKING:
    import pandas as pd

_FACTS, _EVALUATION = "fit.json", "evaluation.parquet"
_EVALUATED = ("prediction", "dummy")
_ALSO: dict[str, tuple[metrics.MetricName, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "brier"),
    "regression": ("mae", "rmse", "r2"),
}


@dataclass(frozen=True)
class Fitted:
    """What is known of a fit: its key, the SHA-256 of its file, scores by name, and the event times it has seen.

    `importance`: what each feature is worth to it on the evaluation part, summing to 1; empty: not known.
    """

    key: str
    sha256: str
    scores: dict[str, float]
    trained_until: str
    evaluated_until: str
    importance: dict[str, float] = field(default_factory=dict)


_FITTED: TypeAdapter[Fitted] = TypeAdapter(Fitted)


def find(store: Store, key: str, recipe: Recipe) -> Fitted | None:
    """A whole and unchanged fit of that key, or None."""
    folder = store.cache_path("fits", key)
    try:
        fitted = _FITTED.validate_json((folder / _FACTS).read_bytes())
        datetime.fromisoformat(fitted.trained_until), datetime.fromisoformat(fitted.evaluated_until)
        whole = fitted.key == key and math.isfinite(fitted.scores.get(f"evaluation_{recipe.metric}", math.nan))
        return fitted if whole and file_sha256(folder / MODEL_FILE) == fitted.sha256 else None
    except (OSError, ValueError):
        return None


def load(store: Store, key: str) -> Any:
    """The fitted pipeline."""
    return load_model(store.cache_path("fits", key) / MODEL_FILE)


def evaluation(store: Store, key: str) -> "pd.DataFrame | None":
    """`_row_id`, `prediction` and `dummy` of the evaluation part, as predicted right after the fit; None: not kept."""
    kept = kept_table(store.cache_path("fits", key) / _EVALUATION, (ROW_ID, *_EVALUATED))
    try:
        return None if kept is None else kept.astype(dict.fromkeys(_EVALUATED, "float64"))
    except (ValueError, TypeError):
        return None


def kept_table(path: Path, columns: Sequence[str]) -> "pd.DataFrame | None":
    """These columns of a table in the cache; None where it is not there, or damaged."""
    import pandas as pd

    try:
        return pd.read_parquet(path)[list(columns)]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def make(store: Store, key: str, rows: "pd.DataFrame", recipe: Recipe) -> Fitted:
    """Fit, measure on the evaluation part, and keep all of it: the folder appears whole or not at all."""
    began = perf_counter()
    fit = fitting.fit_for_evaluation(rows, recipe)
    seconds = perf_counter() - began
    fresh = fitting.parts_of(rows, recipe.split).evaluation
    predicted = fitting.predict_rows(rows, fresh, fit.model, recipe)
    final = store.cache_path("fits", key)
    folder = final.with_name(f".{final.name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_model_file(fit.model, folder / MODEL_FILE)
    _write_evaluation(
        folder, rows, fresh, predicted, fitting.dummy_predictions(rows.iloc[fit.seen], len(fresh), recipe)
    )
    fitted = Fitted(
        key=key,
        sha256=file_sha256(folder / MODEL_FILE),
        scores=_scores(rows, fresh, predicted, recipe) | {"fit_seconds": seconds, "training_rows": len(fit.seen)},
        trained_until=rows[EVENT_TIME].iloc[fit.seen].max().isoformat(),
        evaluated_until=rows[EVENT_TIME].iloc[fresh].max().isoformat(),
        importance=importances(fit.model, rows.iloc[fresh], recipe),
    )
    (folder / _FACTS).write_text(json.dumps(asdict(fitted)), encoding="utf-8")
    shutil.rmtree(final, ignore_errors=True)
    folder.rename(final)
    return fitted


def _scores(rows: "pd.DataFrame", fresh: np.ndarray, predicted: np.ndarray, recipe: Recipe) -> dict[str, float]:
    actual = rows[LABEL].to_numpy("float64")[fresh]
    names = dict.fromkeys((recipe.metric, *_ALSO[recipe.problem]))
    scores = {f"evaluation_{name}": float(metrics.score(name, actual, predicted)) for name in names}
    return scores | {"evaluation_rows": float(len(fresh))}


def _write_evaluation(
    folder: Path, rows: "pd.DataFrame", fresh: np.ndarray, predicted: np.ndarray, dummy: np.ndarray
) -> None:
    import pandas as pd

    ids = rows[ROW_ID].to_numpy()[fresh]
    table = pd.DataFrame({ROW_ID: ids, "prediction": predicted, "dummy": dummy})
    table.to_parquet(folder / _EVALUATION)
