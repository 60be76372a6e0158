"""What a flow's body asks of the world is a task, with a task's retries: one passing fault must not end a run."""

import ast
import importlib
from collections.abc import Iterator

import pytest
from prefect import Flow, Task

from config.settings import PROJECT

FLOWS = sorted(path.stem for path in (PROJECT / "flows").glob("*.py") if path.stem != "__init__")

# What is no task, and why one fault of it ends no run that a second try would have saved.
TRIED_AGAIN = {
    "session.hold": "in itself",
    "session.require_records": "in itself",
    "erasure_requests.requested": "in the flow: Prefect is not given its answer, a person's name",
}
OF_TASKS = {"run_search", "simulation.fit_ahead", "simulation.play_all"}
ITS_SILENCE_IS_AN_ANSWER = {
    "orchestrator.answers", "rollback.follow", "rollback.roll_back.fn", "training.record_failure", "tell_incidents",
}  # fmt: skip
ASKS_NOBODY = {
    "Meter.start", "code_digest", "collect_garbage_rarely", "documenting.folder_of", "erasure.traces_of",
    "estimating.beside", "known_recipe", "private.older_keys", "probation.alert", "probation.evidence_of",
    "probing.key_of", "promotion.gates_of", "training.provenance_tags", "tried_again", "verification.alert",
    "version_links", "report_link",
}  # fmt: skip
KNOWN = {*TRIED_AGAIN, *OF_TASKS, *ITS_SILENCE_IS_AN_ANSWER, *ASKS_NOBODY}


def asked_outside_of_tasks(module: object, text: str) -> Iterator[str]:
    """Calls of a session, and of functions of `tasks` that are neither tasks nor of the core."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        first, *rest = name.split(".")
        if first in {"session", "then"}:
            yield name
            continue
        found = getattr(module, first, None)
        for part in rest:
            found = getattr(found, part, None)
        of = getattr(found, "__module__", None) or ""
        ours = of.startswith("tasks.") and not of.startswith(("tasks.core.", "tasks.reporting"))
        if ours and not isinstance(found, Task | Flow | type):
            yield name


def asked_by(name: str) -> set[str]:
    text = (PROJECT / "flows" / f"{name}.py").read_text(encoding="utf-8")
    return set(asked_outside_of_tasks(importlib.import_module(f"flows.{name}"), text))


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_asks_the_world_through_tasks_only(name):
    assert asked_by(name) <= KNOWN


def test_nothing_is_excused_that_no_flow_does():
    assert set().union(*map(asked_by, FLOWS)) == KNOWN


def test_what_is_asked_outside_of_a_task_is_seen():
    module = importlib.import_module("flows.scoring")
    text = "session.journal.entries()\nscoring.batches_of_interest.fn(1)\nscoring.find_unscored(1)\ndossiers.answer(1)"
    assert list(asked_outside_of_tasks(module, text)) == ["session.journal.entries", "scoring.batches_of_interest.fn"]
