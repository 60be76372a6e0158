"""Stored reports that name code to run or cannot be read, by Evidently's own loader: nothing runs, others are shown."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from config.settings import HARDENING, PROJECT
from tasks.adapters import stored_reports
from tasks.adapters.drift_metrics import DriftMeasurement
from tasks.adapters.drift_reports import _NAMESPACE, ReportFacts, publish_report
from tests.tasks.adapters.hostile import CALLS, EVIL, NAMES, damaged

PLACES = ("report", "metadata.json", "dashboard.json")
NUMBER = {"rows": 3.0}


def renamed(told: Any, name: str) -> Any:
    """The same with this name as every type."""
    if isinstance(told, dict):
        return {key: name if key == "type" else renamed(value, name) for key, value in told.items()}
    return [renamed(value, name) for value in told] if isinstance(told, list) else told


def hostile(sound: dict[str, Any]) -> dict[str, bytes]:
    """By name: what stands in the place of a sound file."""
    told = {f"{name!r} everywhere": renamed(sound, name) for name in NAMES}
    told |= {f"{name!r} at the top": sound | {"type": name} for name in NAMES}
    told |= {
        "calls": sound | CALLS,
        "calls inside": sound | {"metadata": CALLS, "metric_results": {"a" * 32: CALLS}, "name": CALLS},
        "a zone": sound | {"timestamp": "2025-01-01T00:00:00Z", "created_at": "2025-01-01T00:00:00Z"},
        "half a letter": sound | {"name": "\ud800", "metadata": {"\ud800": "x"}},
        "another's": sound | {"id": str(uuid.uuid5(_NAMESPACE, "sound"))},
        "not a number": sound | {"name": float("nan"), "timestamp": float("inf")},
        "nothing measured": sound | {"metric_results": {"a" * 32: {"type": "evidently:metric_result_v2:SingleValue",
                                                                   "display_name": "x", "value": 1.0}}},
    }  # fmt: skip
    return {name: json.dumps(one).encode() for name, one in told.items()} | damaged(sound)


class Workspace:
    """A project with a sound report, and one with a hostile file and a sound report; importing `evil` leaves a mark."""

    def __init__(self, home):
        self.folder, self.mark = home / "evidently", home / "executed"
        (home / "evil.py").write_text(EVIL.format(mark=str(self.mark)))
        self.sound, self.bad = self.publish("sound"), self.publish("bad")
        self.beside = self.publish("bad", "beside")[1]

    def path(self, place):
        project, report = self.bad
        return self.folder / project / (f"snapshots/{report}.json" if place == "report" else place)

    def put(self, place, name):
        path = self.path(place)
        path.write_bytes(hostile(json.loads(path.read_bytes()))[name])

    def publish(self, name, key="w"):
        facts = ReportFacts(key, datetime(2025, 1, 1, tzinfo=UTC), numbers=NUMBER)
        *_, project, _, report = publish_report(self.folder, name, DriftMeasurement({}, {}, {}), facts).split("/")
        return project, report


def read(folder):
    """The ids of each project's reports, as the pages of Evidently's UI list them, sort them and send them."""
    from evidently.ui.service.base import SeriesFilter
    from evidently.ui.service.storage.local import InMemoryDataStorage, JsonFileProjectMetadataStorage, LocalState

    state = LocalState.load(str(folder), None)
    points, stored = InMemoryDataStorage(str(folder), state), JsonFileProjectMetadataStorage(str(folder), state)
    everything = [SeriesFilter(tags=[], metadata={}, metric="*", metric_labels={})]
    found = {}
    for project in asyncio.run(stored.list_projects(None)):
        reports = asyncio.run(stored.list_snapshots(project.id))
        series = asyncio.run(points.get_data_series(project.id, everything, None, None))
        sent = [project.name, project.description, [[one.name, one.tags, one.metadata] for one in reports]]
        json.dumps([*sent, [one.params for one in series.series]], ensure_ascii=False).encode()
        found[project.name] = {str(one.id) for one in reports}
    return found


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    yield Workspace(tmp_path)
    sys.modules.pop("evil", None)


@pytest.fixture
def distrustful(monkeypatch):
    """Evidently as our server has it, for one test."""
    from evidently import pydantic_utils
    from evidently.ui.service.storage.local import base

    monkeypatch.setattr(pydantic_utils, "ALLOWED_TYPE_PREFIXES", ["evidently.", "evil."])
    monkeypatch.setattr(base, "load_project", base.load_project)
    monkeypatch.setattr(base.LocalState, "reload_snapshot", base.LocalState.reload_snapshot)
    stored_reports.distrust()


def test_who_asks_while_a_report_is_looked_at_sees_what_was_sound_before(workspace, distrustful, monkeypatch):
    from evidently.ui.service.storage.local import LocalState

    state, (project, report) = LocalState.load(str(workspace.folder), None), map(uuid.UUID, workspace.bad)
    sound, meanwhile, check = dict(state.snapshots[project]), [], stored_reports._check_snapshot

    def looking(*given):
        meanwhile.append(dict(state.snapshots[project]))
        check(*given)

    monkeypatch.setattr(stored_reports, "_check_snapshot", looking)
    request = iter(state.snapshots[project].items())
    listed = [next(request)]
    workspace.put("report", "a zone")
    state.reload_snapshot(state.projects[project], report)
    assert dict(listed + list(request)) == sound, "a request that had begun goes on"
    assert meanwhile == [sound]
    assert set(state.snapshots[project]) == {uuid.UUID(workspace.beside)} == set(sound) - {report}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", list(hostile({})))
@pytest.mark.usefixtures("distrustful")
def test_nothing_runs_and_the_others_are_shown(workspace, place, name, caplog):
    workspace.put(place, name)
    found = read(workspace.folder)
    assert found.pop("sound") == {workspace.sound[1]}
    if place == "metadata.json":
        whole = bool(found)
    else:
        assert workspace.beside in found["bad"]
        whole = workspace.bad[1] in found["bad"]
    assert whole or workspace.path(place).name in caplog.text
    if place == "dashboard.json":
        asked_for_its_dashboard(workspace)
    assert not workspace.mark.exists()
    assert "evidently.cli.__main__" not in sys.modules


def asked_for_its_dashboard(workspace):
    from evidently.ui.service.storage.local import LocalState

    try:
        LocalState(str(workspace.folder), None).read_dashboard(workspace.bad[0])
    except (ValueError, TypeError, RecursionError):  # one page says that it cannot be shown
        return


@pytest.mark.parametrize("name", list(damaged({})))
def test_a_damaged_dashboard_is_written_anew_with_the_next_check(workspace, name):
    sound = json.loads(workspace.path("dashboard.json").read_bytes())
    workspace.put("dashboard.json", name)
    workspace.publish("bad")
    again = json.loads(workspace.path("dashboard.json").read_bytes())
    assert [panel["title"] for panel in again["panels"]] == [panel["title"] for panel in sound["panels"]]


def test_without_our_distrust_one_file_takes_all_projects_down(workspace):
    workspace.put("report", "cut")
    with pytest.raises(ValueError, match="line 1"):
        read(workspace.folder)


def test_a_file_that_names_code_does_run_where_its_module_is_allowed(workspace, monkeypatch):
    from evidently import pydantic_utils

    monkeypatch.setattr(pydantic_utils, "ALLOWED_TYPE_PREFIXES", ["evidently.", "evil."])
    workspace.put("report", "'evil.Thing' everywhere")
    with suppress(Exception):  # whatever it says, it has run
        read(workspace.folder)
    assert workspace.mark.exists()


def test_a_variable_of_somebody_allows_nothing_in_our_processes(workspace):
    workspace.put("report", "'evil.Thing' everywhere")
    script = (
        "import sys; from evidently.ui.service.storage.local import LocalState\n"
        "try: LocalState.load(sys.argv[1], None)\n"
        "except ValueError as error: print(error)"
    )
    given = os.environ | {"EVIDENTLY_TYPE_PREFIXES": "evil.", "PYTHONPATH": f"{PROJECT}:{workspace.folder.parent}"}
    done = subprocess.run([sys.executable, "-c", script, str(workspace.folder)], env=given | HARDENING, check=True,
                          capture_output=True, text=True)  # fmt: skip
    assert "is malformed" in done.stdout
    assert not workspace.mark.exists()
    assert len(hostile({})) >= 20
