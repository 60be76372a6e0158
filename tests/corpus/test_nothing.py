"""Where there is nothing to look at nothing passes: no rows, or a column without any value, under every own rule.

Expectations that a pipeline asks for are put to the same in tests/tasks/adapters/test_every_expectation.
"""

import logging
from dataclasses import replace

import pytest

from tasks.core.columns import delivered
from tasks.core.results import Verdict
from tests.corpus import corpus
from tests.corpus.case import Case, sheet
from tests.corpus.mutations import told_in
from tests.corpus.play import LABELS, play

WITHOUT_A_NAME = {"event_time": "time", "row_id": "id", "batch": "target"}
"""Rules that name no column look at the one of this role: its times, whether it came before, its classes."""


@pytest.fixture(autouse=True)
def _silent():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def suites() -> list[Case]:
    """A case for each suite by which anything of the corpus is refused or set aside, expectations aside."""
    known: dict[str, Case] = {}
    for _, case in corpus():
        if (case.refused or case.rows) and not case.rules:
            roles = [column.role for column in case.columns]
            known.setdefault(repr((case.kind, roles, case.suite, case.join, bool(case.before), case.sentinel)), case)
    return [*known.values()]


def concerned(case: Case) -> set[str]:
    """The columns that the rules of a case look at."""
    names = LABELS.values() if case.kind == "labels" else [one.name for one in delivered(case.columns)]
    told = {part for name in told_in(case) for part in name.removeprefix("batch:").split(":")}
    roles = {WITHOUT_A_NAME.get(name.split(":")[0]) for name in told_in(case)}
    told |= {one.name for one in case.columns if one.role in roles}
    return {*names} & told


def emptied(case: Case, column: str | None) -> Case:
    """Under the same rules a plain file without rows, or with all values but those of a column."""
    names = [*LABELS.values()] if case.kind == "labels" else [one.name for one in delivered(case.columns)]
    count = 30 if column else 0
    told = [{name: "" if name == column else _value(case, name, number) for name in names} for number in range(count)]
    return replace(case, content=sheet(told, names), file="nothing.csv", source={})


def _value(case: Case, name: str, number: int) -> str:
    column = next(one for one in case.columns if one.name == name)
    if column.type == "datetime":
        return (case.as_of.replace(hour=number % 24)).strftime(column.format or "%Y-%m-%dT%H:%M:%S")
    if column.type in {"integer", "number"}:
        return str(number)
    if column.type == "boolean":
        return "true"
    return case.positive or "no" if column.role == "target" else f"a{number if column.role == 'id' else ''}"


def _pairs() -> list[tuple[Case, str]]:
    """For each rule a column that it looks at, and each column that any of them names; optional ones may be empty."""
    found: dict[str, tuple[Case, str]] = {}
    for _, case in corpus():
        declared = {one.name: one for one in case.columns}
        for name in sorted(concerned(case) if (case.refused or case.rows) and not case.rules else ()):
            if not declared[name].optional:
                rules = {rule.partition(":")[0] for rule in told_in(case) if name in rule} or {""}
                found |= {key: (case, name) for rule in rules if (key := rule or f"{case.kind} {name}") not in found}
    return [*found.values()]


SUITES = suites()


@pytest.mark.parametrize("case", SUITES, ids=lambda case: case.name)
def test_no_rows_never_pass(case, tmp_path):
    played = play(emptied(case, None), tmp_path / "home")
    assert played.outcome == "refused", played.spoken
    assert played.decision.verdict is not Verdict.PASS
    assert "batch:ExpectTableRowCountToBeBetween" in played.refusals
    assert (len(played.events), len(played.labels), played.counts) == (0, 0, (0, 0, 0))


@pytest.mark.parametrize(("case", "column"), _pairs(), ids=[f"{case.name}: {column}" for case, column in _pairs()])
def test_a_column_without_any_value_never_passes(case, column, tmp_path):
    played = play(emptied(case, column), tmp_path / "home")
    assert played.outcome == "refused", played.spoken
    assert played.decision.verdict is not Verdict.PASS
    assert any(rule.endswith(f":{column}") for rule in played.refusals), played.refusals
    assert (len(played.events), len(played.labels)) == (0, 0)
