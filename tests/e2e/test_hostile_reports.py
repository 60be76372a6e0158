"""Evidently's own server, as the stack starts it, beside hostile files: nothing runs, and the rest is shown."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest

from tasks.adapters.drift_metrics import DriftMeasurement
from tasks.adapters.drift_reports import ReportFacts, publish_report
from tests.e2e.servers import evidently_server
from tests.tasks.adapters.hostile import EVIL
from tests.tasks.adapters.test_stored_reports import PLACES, hostile

pytestmark = pytest.mark.e2e
_OPEN = build_opener(ProxyHandler({}))


def published(home: Path, project: str, key: str = "w") -> tuple[str, str]:
    facts = ReportFacts(key, datetime(2025, 1, 1, tzinfo=UTC), numbers={"rows": 3.0})
    page = publish_report(home / "evidently", project, DriftMeasurement({}, {}, {}), facts)
    *_, project_id, _, report = page.split("/")
    return project_id, report


def spoilt(home: Path) -> Iterator[str]:
    """A project for each hostile file and each place; gives their ids."""
    for place in PLACES:
        for name in hostile({}):
            project, report = published(home, f"{place} {name}")
            path = home / "evidently" / project / (f"snapshots/{report}.json" if place == "report" else place)
            path.write_bytes(hostile(json.loads(path.read_bytes()))[name])
            yield project


def asked(url: str) -> Any:
    with _OPEN.open(url, timeout=60) as answer:
        return json.loads(answer.read())


def until_shown(url: str, project: str, report: str, after: str) -> None:
    """Wait for a report: what was changed before it has been read then, because changes are taken up in their order."""
    deadline = time.monotonic() + 20
    while report not in {one["id"] for one in asked(f"{url}/api/projects/{project}/reports")}:
        assert time.monotonic() < deadline, f"the server no longer sees what is published: {after}"
        time.sleep(0.05)


def test_nothing_runs_and_the_others_are_shown_also_when_a_file_is_spoilt_later(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(EVIL.format(mark=str(tmp_path / "executed")))
    sound, report = published(tmp_path, "sound")
    bad = list(spoilt(tmp_path))
    with evidently_server(tmp_path, PYTHONPATH=str(tmp_path), EVIDENTLY_TYPE_PREFIXES="evil.") as url:
        shown = {one["id"] for one in asked(f"{url}/api/projects")}
        assert sound in shown
        assert shown < {sound, *bad}
        for page in ("info", "reports", f"{report}/data", f"{report}/metadata"):
            assert asked(f"{url}/api/projects/{sound}/{page}")
        file = tmp_path / "evidently" / sound / "snapshots" / f"{report}.json"
        for name, content in hostile(json.loads(file.read_bytes())).items():
            file.write_bytes(content)
            until_shown(url, sound, published(tmp_path, "sound", f"after {name}")[1], name)
    assert not (tmp_path / "executed").exists()
    assert f"{file.name} in its workspace" in (tmp_path / "evidently.log").read_text()
