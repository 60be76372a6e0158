"""No rule of a delivery is there in vain: switched off, one place at a time, a case that names it fails."""

import ast
import logging
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from config.settings import PROJECT
from tests.corpus import corpus
from tests.corpus.mutations import Mutant, killed_by, mutants, switched_off, told_by, told_in
from tests.corpus.rules import Rule, rules, rules_of

MUTANTS = mutants()
NAMES = sorted({rule.name for rule in rules()})


@pytest.fixture(autouse=True)
def _silent():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_rule_that_is_switched_off_is_missed(mutant):
    cases = told_by(mutant.rule.name)
    assert killed_by(mutant), f"{len(cases)} cases name the rule, and none of them sees that it is off"


def test_every_rule_that_the_code_can_give_has_a_delivery_and_a_place():
    assert [name for name in NAMES if not told_by(name)] == []
    assert {(rule.module, rule.function, rule.written) for rule in rules()} == {
        (one.rule.module, one.rule.function, one.rule.written) for one in MUTANTS
    }


def test_every_rule_that_a_delivery_ends_by_is_one_that_the_code_gives():
    asked = {rule.rule for _, case in corpus() for rule in case.rules}
    told = {name for _, case in corpus() for name in told_in(case)}
    strange = {name for name in told if not any(fnmatchcase(name, rule) for rule in NAMES)}
    strange = {name for name in strange if name.removeprefix("batch:").split(":")[0] not in NAMES}
    assert {name.removeprefix("batch:") for name in strange} <= asked


def test_a_new_rule_would_be_seen_however_it_is_written():
    written = """
def read(path):
    raise DataRejected("Too new.", "too-new")

def faults(frame, column, moment):
    found = {f"new:{column.name}": [1]}
    found["row:new"] = [2]
    return found

def left(path):
    return "file:new"

def always(columns):
    return [Expectation(expect="ExpectNew")]
"""
    assert {rule.name for rule in rules_of("tasks.new", ast.parse(written))} == {
        "batch:too-new", "new:*", "row:new", "file:new", "ExpectNew",
    }  # fmt: skip


def test_every_rule_stands_in_the_page_for_users():
    page = Path(PROJECT, "docs", "sources.md").read_text("utf-8")
    for name in NAMES:
        word = name.removeprefix("batch:").removesuffix(":*")
        told = any(one in page for one in (word, word.split(":")[0] + ":COLUMN", f"`{word.split(':')[-1]}`"))
        general = ("schema-", "privacy:", "sentinel:", "Expect", "join")
        assert told or word.startswith(general), name


def test_a_rule_is_on_again_afterwards():
    rule = next(rule for rule in rules() if rule.name == "row:header")
    assert killed_by(Mutant(rule, 0)) == told_by("row:header")[0].name
    with switched_off(Mutant(rule, 0)):
        pass
    assert not killed_by(Mutant(rule, -1))
    assert Rule("row:header", "tasks.core.rows", "row:header", "shape_faults") == rule
