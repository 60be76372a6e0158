"""Keeps what Evidently measured: an HTML file for MLflow, and the workspace whose history the Evidently UI shows.

Only aggregates are written. Measuring: drift_metrics.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.adapters.drift_metrics import DriftMeasurement

_NAMESPACE = uuid.UUID("6d0a3a1c-52f5-4b52-9a0e-6b65657066aa")
NUMBER, PERFORMANCE = "KeepfitNumber", "KeepfitPerformance"
DRIFTED_SHARE, ROWS, CHAMPION = "drifted share", "rows", "champion"


@dataclass(frozen=True)
class ReportFacts:
    """What stands on a report besides Evidently's own: `key` makes publishing idempotent, `as_of` is its moment (UTC).

    `numbers` and `performance` become lines of the project's dashboard; name the numbers DRIFTED_SHARE, ROWS and
    CHAMPION (the version that was checked: its steps are promotions and rollbacks).
    """

    key: str
    as_of: datetime
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    performance: Mapping[str, float] = field(default_factory=dict)


def save_html(measurement: DriftMeasurement, path: Path) -> bool:
    """Write Evidently's report as one HTML file; False, and no file, when there is nothing to show."""
    if measurement.snapshot is None:
        return False
    path.write_text(measurement.snapshot.get_html_str(as_iframe=False), encoding="utf-8")
    return True


def publish_report(workspace: Path, project: str, measurement: DriftMeasurement, facts: ReportFacts) -> str:
    """Add the check to the project's history in a local Evidently workspace; returns the path of its page in the UI.

    The project is created on first use. Ids follow from names and keys, and files appear whole: publishing twice, by
    two processes or after a crash, leaves one project and one report. A dashboard that people changed is left alone.
    """
    from evidently.ui.storage.local.base import LocalState

    state = LocalState(str(workspace))
    project_id = uuid.uuid5(_NAMESPACE, project)
    snapshot_id = uuid.uuid5(project_id, facts.key)
    _create_project(workspace / str(project_id), project, project_id)
    model = _model(measurement, facts)
    target = workspace / str(project_id) / "snapshots" / f"{snapshot_id}.json"
    if snapshot_id not in state.list_snapshots(project_id):
        _write_whole(target, model.dict())
    return f"/projects/{project_id}/reports/{snapshot_id}"


def _create_project(folder: Path, name: str, project_id: uuid.UUID) -> None:
    from evidently.sdk.models import ProjectModel
    from evidently.ui.storage.local.base import DASHBOARD_FILE_NAME, PROJECT_FILE_NAME, SNAPSHOTS_DIR_NAME

    (folder / SNAPSHOTS_DIR_NAME).mkdir(parents=True, exist_ok=True)
    dashboard = _dashboard().dict()
    if _is_to_be_written(folder / DASHBOARD_FILE_NAME, dashboard):
        _write_whole(folder / DASHBOARD_FILE_NAME, dashboard)
    if not (folder / PROJECT_FILE_NAME).exists():
        project = ProjectModel(id=project_id, name=name, description=f"Monitoring checks of the pipeline {name}")
        _write_whole(folder / PROJECT_FILE_NAME, project.dict())


def _is_to_be_written(path: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether there is none that can be read yet, or the one of earlier days, without the champion and unchanged."""
    from evidently.legacy.utils import NumpyEncoder

    if not path.exists():
        return True
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        panels = [{**panel, "id": None} for panel in found["panels"]]
        tabs = [tab["title"] for tab in found["tabs"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return True  # damaged: Evidently can show it as little
    new = json.loads(json.dumps(wanted, cls=NumpyEncoder))
    before = [{**panel, "id": None} for panel in new["panels"] if panel["title"] != "Champion"]
    return panels == before and tabs == [tab["title"] for tab in new["tabs"]]


def _write_whole(target: Path, content: Mapping[str, Any]) -> None:
    """Write beside the workspace and move in.

    The UI watches the workspace: half a file ends its watcher, and a rename inside the workspace is not noticed.
    """
    from evidently.legacy.utils import NumpyEncoder

    workspace = target.parents[2] if target.parent.name == "snapshots" else target.parents[1]
    staging = workspace.with_name(f"{workspace.name}.staging")
    staging.mkdir(parents=True, exist_ok=True)
    temporary = staging / f"{uuid.uuid4()}.json"
    temporary.write_text(json.dumps(content, cls=NumpyEncoder), encoding="utf-8")
    temporary.replace(target)


def _dashboard() -> Any:
    from evidently.sdk.models import DashboardModel, DashboardPanelPlot, DashboardTabModel, PanelMetric

    def line(title: str, subtitle: str, metric: str, legend: str = "{{name}}", **labels: str) -> Any:
        values = [PanelMetric(metric=metric, metric_labels=labels, legend=legend)]
        style = {"plot_type": "line"}
        return DashboardPanelPlot(title=title, subtitle=subtitle, size="full", values=values, plot_params=style)

    panels = [
        line("Drifted columns", "Share of the columns beyond their threshold", NUMBER, name=DRIFTED_SHARE),
        line("Distance per column", "From the champion's training data", "ValueDrift", "{{column}}"),
        line("Performance", "Of the champion where labels are known", PERFORMANCE),
        line("Champion", "The version that was checked; each step is a promotion or a rollback", NUMBER, name=CHAMPION),
        line("Rows", "In the window", NUMBER, name=ROWS),
    ]
    tab = DashboardTabModel(title="Checks", panels=[panel.id for panel in panels])
    return DashboardModel(tabs=[tab], panels=panels)


def _model(measurement: DriftMeasurement, facts: ReportFacts) -> Any:
    """Evidently's snapshot with our numbers in front, as counters and as points of the dashboard's lines."""
    from evidently.core.serialization import ReportModel, SnapshotModel

    kinds = [(NUMBER, facts.numbers), (PERFORMANCE, facts.performance)]
    own = [_single(kind, name, value) for kind, values in kinds for name, value in values.items()]
    results = {result.metric_value_location.metric.metric_id: result for result in own}
    widgets = [widget for result in own for widget in result.widget]
    if measurement.snapshot is not None:
        measured = measurement.snapshot.to_snapshot_model().copy(deep=True)
        for result in measured.metric_results.values():
            # A threshold that follows the number of rows would begin a new line in the dashboard with every check.
            result.metric_value_location.metric.params.pop("threshold", None)
        results |= measured.metric_results
        widgets += measured.widgets
    return SnapshotModel(
        report=ReportModel(items=[]), name=facts.key, timestamp=_naive(facts.as_of),
        metadata=dict(facts.metadata), tags=list(facts.tags),
        metric_results=results, top_level_metrics=list(results), widgets=widgets, tests_widgets=[],
    )  # fmt: skip


def _naive(moment: datetime) -> datetime:
    """UTC without the zone: Evidently compares with times that have none."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _single(kind: str, name: str, value: float) -> Any:
    from evidently.core.metric_types import MetricConfig, SingleValue, single_value_location
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    params = {"type": f"evidently:metric_v2:{kind}", "name": name}
    config = MetricConfig(metric_id=uuid.uuid5(_NAMESPACE, f"{kind} {name}").hex, params=params)
    result = SingleValue(value=value, display_name=name)
    result.metric_value_location = single_value_location(config)
    result.widget = [counter(title="", counters=[CounterData(name, f"{value:.4g}")])]
    return result
