"""Evidently's pictures of two distributions without their small groups, where a pipeline names the smallest one.

What was measured stays: distances and verdicts are of all rows. What may be shown of them: core.small_groups.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tasks.adapters.drift_metrics import DriftMeasurement, report_on
from tasks.core.small_groups import coarse


def without_small_groups(measured: DriftMeasurement, least: int) -> DriftMeasurement:
    """The same with pictures in which whatever is shown stands for `least` rows; 0: as it is.

    A column of which nothing may be shown, or of which Evidently draws nothing, has its distance and no picture.
    """
    if not least or measured.snapshot is None:
        return measured
    model = measured.snapshot.to_snapshot_model().copy(deep=True)
    pictures = _pictures(measured, least)
    for result in model.metric_results.values():
        for widget in (widget for widget in result.widget if widget.tabs):
            widget.tabs = pictures.get(_column(result), [])
    model.widgets = [widget for result in model.metric_results.values() for widget in result.widget]
    return replace(measured, snapshot=type(measured.snapshot).load_model(model))


def _pictures(measured: DriftMeasurement, least: int) -> Mapping[str, list[Any]]:
    pairs = {name: pair for name in measured.pairs if (pair := coarse(measured.pairs[name], least)) is not None}
    # Any distance does: it is not looked at.
    wanted = {name: (pair, "wasserstein" if pair.numerical else "jensenshannon", 1.0) for name, pair in pairs.items()}
    drawn, _ = report_on(wanted)
    results = {} if drawn is None else drawn.to_snapshot_model().metric_results
    return {_column(result): [tab for widget in result.widget for tab in widget.tabs] for result in results.values()}


def _column(result: Any) -> str:
    return str(result.metric_value_location.metric.params["column"])
