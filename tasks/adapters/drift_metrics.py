"""Evidently measures: drift distances per column, and performance where labels are known, on bounded samples.

Values go in blurred and bucketed (core.pairs), of the named columns only. Verdicts: core.drift. Keeping: drift_reports.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasks.core.drift import Drift
from tasks.core.noise import thresholds_apart
from tasks.core.pairs import Pair, prepare
from tasks.core.sampling import bounded_sample

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_ROW_PLOT = "DATA DRIFT"  # Evidently's plot of means over the row number: with few rows each mean is one row's value


@dataclass(frozen=True)
class DriftMeasurement:
    """What was compared and what came out. `failures` says for a column without a distance why it has none.

    `snapshot` is Evidently's, for drift_reports; None when no column could be measured. `weights`: what each feature
    counts, summing to 1; None: all the same.
    """

    pairs: Mapping[str, Pair]
    distances: Mapping[str, float | None]
    noise: Mapping[str, float | None]
    failures: Mapping[str, str] = field(default_factory=dict)
    prediction: str | None = None
    snapshot: Any = None
    weights: Mapping[str, float] | None = None

    @property
    def features(self) -> dict[str, Pair]:
        """The columns that data drift is judged on."""
        return {name: pair for name, pair in self.pairs.items() if name != self.prediction}

    @property
    def predictions(self) -> dict[str, Pair]:
        """The one column that prediction drift is judged on; empty without a prediction."""
        return {name: pair for name, pair in self.pairs.items() if name == self.prediction}


def measure_drift(  # noqa: PLR0913 - two frames, and how to read them
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    *,
    numerical: Sequence[str],
    categorical: Sequence[str],
    config: Drift,
    seed: int,
    prediction: str | None = None,
) -> DriftMeasurement:
    """Measure the named columns with Evidently on samples of at most `config.max_rows` rows of each side.

    `prediction` names the one of them that is judged on its own. Never raises for what is in the data: a column that is
    missing, empty or refused by Evidently has the distance None, and does not take the others with it.
    """
    samples = [bounded_sample(frame, config.max_rows, seed) for frame in (reference, current)]
    pairs = prepare(samples[0], samples[1], numerical, categorical, config.cycle)
    noise = thresholds_apart(pairs, config, seed, prediction)
    failures = {name: "no values on a side" for name, pair in pairs.items() if not _measurable(pair)}
    wanted = {
        name: (pair, config.method(pair), max(config.configured(pair), noise[name] or 0.0))
        for name, pair in pairs.items()
        if name not in failures
    }
    snapshot, refused = report_on(wanted)
    failures |= refused
    measured = {} if snapshot is None else _values(snapshot)
    distances = {name: measured.get(name) for name in pairs}
    return DriftMeasurement(pairs, distances, noise, failures, prediction, snapshot)


def _measurable(pair: Pair) -> bool:
    return bool(len(pair.reference) and len(pair.current))


_Wanted = Mapping[str, tuple[Pair, str, float]]


def report_on(wanted: _Wanted) -> tuple[Any, dict[str, str]]:
    """Run all columns in one report; when Evidently refuses it, find the columns that it refuses and leave them out."""
    refused: dict[str, str] = {}
    if not wanted:
        return None, refused
    try:
        return _run(wanted), refused
    except Exception:  # noqa: BLE001 - Evidently raises many types for one bad column, and kills the whole report
        for name in wanted:
            try:
                _run({name: wanted[name]})
            except Exception as error:  # noqa: BLE001 - as above; the message may quote values, the type does not
                refused[name] = f"Evidently refused the column ({type(error).__name__})"
    rest = {name: how for name, how in wanted.items() if name not in refused}
    return (_run(rest) if rest else None), refused


def _run(wanted: _Wanted) -> Any:
    from evidently.metrics.column_statistics import ValueDrift

    pairs = {name: pair for name, (pair, _, _) in wanted.items()}
    metrics = [ValueDrift(column=name, method=method, threshold=limit) for name, (_, method, limit) in wanted.items()]
    snapshot = _evaluate(
        metrics,
        _frame({name: pair.current for name, pair in pairs.items()}),
        _frame({name: pair.reference for name, pair in pairs.items()}),
        numerical_columns=[name for name, pair in pairs.items() if pair.numerical],
        categorical_columns=[name for name, pair in pairs.items() if not pair.numerical],
    )
    return _without_row_plots(snapshot)


def _frame(columns: Mapping[str, "NDArray[Any]"]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


def _evaluate(metrics: Sequence[Any], current: "pd.DataFrame", reference: Any, **definition: Any) -> Any:
    from evidently import DataDefinition, Dataset, Report

    described = DataDefinition(**definition)
    sides = [side if side is None else Dataset.from_pandas(side, described) for side in (current, reference)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Report(list(metrics)).run(*sides)


def _without_row_plots(snapshot: Any) -> Any:
    model = snapshot.to_snapshot_model()
    for widgets in (model.widgets, *(result.widget or [] for result in model.metric_results.values())):
        for widget in widgets:
            widget.tabs = [tab for tab in widget.tabs if tab.title != _ROW_PLOT]
    return type(snapshot).load_model(model)


def _values(snapshot: Any) -> dict[str, float]:
    results = snapshot.metric_results.values()
    return {result.metric_value_location.metric.params["column"]: float(result.value) for result in results}


def measure_performance(
    actual: "NDArray[np.float64]", predicted: "NDArray[np.float64]", *, task: Literal["classification", "regression"]
) -> dict[str, float]:
    """Evidently's performance of the predictions whose labels are known; both of shape (n,).

    classification: `actual` is 0 or 1 and `predicted` the probability of 1; gives roc_auc and log_loss. regression:
    gives mae and rmse. Only these numbers leave, no plot. An empty answer where Evidently can't tell (no rows, one
    class only).
    """
    import numpy as np

    if not len(actual) or (task == "classification" and len(np.unique(actual)) < 2):  # noqa: PLR2004 - two classes
        return {}
    return (_classification if task == "classification" else _regression)(actual, predicted)


def _classification(actual: "NDArray[np.float64]", predicted: "NDArray[np.float64]") -> dict[str, float]:
    from evidently import BinaryClassification
    from evidently.metrics.classification import LogLoss, RocAuc

    frame = _frame({"actual": actual.astype(int), "predicted": predicted})
    task = BinaryClassification(target="actual", prediction_probas="predicted", pos_label=1)
    metrics = {"roc_auc": RocAuc(), "log_loss": LogLoss(pr_table=True)}
    return _named(metrics, lambda result: result.value, frame, classification=[task], numerical_columns=["predicted"])


def _regression(actual: "NDArray[np.float64]", predicted: "NDArray[np.float64]") -> dict[str, float]:
    from evidently import Regression
    from evidently.metrics.regression import MAE, RMSE

    frame = _frame({"actual": actual, "predicted": predicted})
    task = Regression(target="actual", prediction="predicted")
    metrics = {"mae": MAE(), "rmse": RMSE()}

    def value(result: Any) -> Any:
        return result.mean.value if hasattr(result, "mean") else result.value

    return _named(metrics, value, frame, regression=[task], numerical_columns=["actual", "predicted"])


def _named(
    metrics: Mapping[str, Any], value: Callable[[Any], Any], frame: "pd.DataFrame", **definition: Any
) -> dict[str, float]:
    results = _evaluate(list(metrics.values()), frame, None, **definition).metric_results
    by_type = {_config(result).params["type"].rpartition(":")[2]: result for result in results.values()}
    return {name: float(value(by_type[type(metric).__name__])) for name, metric in metrics.items()}


def _config(result: Any) -> Any:
    value = result.mean if hasattr(result, "mean") else result
    return value.metric_value_location.metric
