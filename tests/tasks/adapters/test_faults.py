"""Fault points: armed only by the environment, at the named place, and every name is really placed in the code."""

import ast
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.adapters.faults import ERASURE_POINTS, FAULT_POINTS, fault_point
from tasks.core.errors import ConfigInvalid

ROOT = Path(__file__).parents[3]
CODE = """
from tasks.adapters.faults import fault_point
for name in ("scoring.predicted", "scoring.published", "scoring.predicted"):
    fault_point(name)
    print(name, flush=True)
"""


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        [sys.executable, "-c", CODE], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_nothing_happens_unless_armed():
    ended = run()
    assert ended.returncode == 0
    assert ended.stdout.split() == ["scoring.predicted", "scoring.published", "scoring.predicted"]


@pytest.mark.parametrize(
    ("armed", "passed"),
    [
        ("scoring.predicted", []),
        ("scoring.published", ["scoring.predicted"]),
        ("scoring.predicted:2", ["scoring.predicted", "scoring.published"]),
    ],
)
def test_it_kills_at_the_named_passage(armed, passed):
    ended = run(KEEPFIT_FAULT=armed)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == passed


def test_it_terminates_when_asked():
    assert run(KEEPFIT_FAULT="scoring.predicted", KEEPFIT_FAULT_SIGNAL="TERM").returncode == -signal.SIGTERM


@pytest.mark.parametrize("text", ["scoring.predictd", "scoring.predicted:0", "scoring.predicted:x"])
def test_a_wrong_setting_is_refused(monkeypatch, text):
    monkeypatch.setenv("KEEPFIT_FAULT", text)
    with pytest.raises(ConfigInvalid):
        fault_point("scoring.predicted")


def test_a_wrong_signal_is_refused(monkeypatch):
    monkeypatch.setenv("KEEPFIT_FAULT", "scoring.predicted")
    monkeypatch.setenv("KEEPFIT_FAULT_SIGNAL", "HUP")
    with pytest.raises(ConfigInvalid, match="KILL, TERM, STOP"):
        fault_point("scoring.predicted")


def test_an_unknown_point_is_refused_even_when_nothing_is_armed():
    with pytest.raises(ConfigInvalid, match="is no fault point"):
        fault_point("ingestion.nowhere")


def placed_points() -> list[str]:
    """Patterns of the names with which `fault_point` is called in flows/ and tasks/; `{...}` in a name matches any."""
    files = [file for room in ("flows", "tasks") for file in (ROOT / room).rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    calls = [node for node in nodes if getattr(node.func, "id", getattr(node.func, "attr", "")) == "fault_point"]
    return [pattern(call.args[0]) for call in calls]


def pattern(argument: ast.expr) -> str:
    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[a-z_]+" for part in parts)


@pytest.mark.parametrize("name", [*FAULT_POINTS, *ERASURE_POINTS])
def test_every_fault_point_is_placed_in_the_code(name):
    assert any(re.fullmatch(found, name) for found in placed_points()), f"nothing in flows/ or tasks/ calls {name}"


def test_every_placed_name_is_a_fault_point():
    known = (*FAULT_POINTS, *ERASURE_POINTS)
    strangers = [found for found in placed_points() if not any(re.fullmatch(found, name) for name in known)]
    assert strangers == []
