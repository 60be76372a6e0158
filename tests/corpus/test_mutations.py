"""No rule of a delivery is there in vain: switched off, one place at a time, a case that names it fails."""

import ast
import logging
from pathlib import Path

import pytest

from tests.corpus.mutations import RULES, Mutant, killed_by, mutants, switched_off, told_by

SOURCES = Path(__file__).parents[2] / "tasks"
FETCHING = {"api"}
"""Sources whose refusals end the fetching, so that no delivery comes of it; tests/tasks/adapters tell them."""


@pytest.fixture(autouse=True)
def _silent():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_rule_that_is_switched_off_is_missed(mutant):
    assert killed_by(mutant), f"{len(told_by(mutant.rule))} cases name the rule, and none of them sees that it is off"


def test_every_refusal_that_a_reader_raises_is_put_to_the_test():
    named = set()
    for path in (*(SOURCES / "adapters" / "sources").glob("*.py"), SOURCES / "core" / "rows.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(call, ast.Call)
                and getattr(call.func, "id", "") == "DataRejected"
                and path.stem not in FETCHING
            ):
                rule = call.args[1] if len(call.args) > 1 else ast.Constant(None)
                named.add((path.stem, rule.value if isinstance(rule, ast.Constant) else ""))
    known = {(module.rsplit(".", 1)[-1], rule) for module, rules in RULES.items() for rule in rules}
    assert named - known == {("readable", "")}  # which passes a reason on; each of them stands in RULES


def test_a_rule_is_on_again_afterwards():
    mutant = Mutant("tasks.core.rows", "row:header", 0)
    case = told_by("row:header")[0]
    assert killed_by(mutant) == case.name
    with switched_off(mutant):
        pass
    assert not killed_by(Mutant("tasks.core.rows", "row:header", -1))
