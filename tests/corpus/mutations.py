"""Switches one rule off where it stands in the code, and asks whether the corpus sees it. One mutant per place.

A refusal that is raised is passed over, a rule's entry or branch is taken out: the function goes on without it, under
every name that it was imported by, because its code is changed and not its name.
"""

import ast
import inspect
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from tests.corpus import corpus
from tests.corpus.case import Case
from tests.corpus.play import _seconds, as_stated, play

_SOURCES = "tasks.adapters.sources"
_NULLS, _ROWS = "ExpectColumnProportionOfNonNullValuesToBeBetween", "ExpectTableRowCountToBeBetween"
RULES: dict[str, tuple[str, ...]] = {
    f"{_SOURCES}.bounds": ("max-size", "field-length"),
    f"{_SOURCES}.delimited": ("count", "header", "empty", "fields", "nul-bytes"),
    f"{_SOURCES}.files": ("file:link", "file:folder", "file:special"),
    f"{_SOURCES}.json_lines": ("empty", "json", "nested"),
    f"{_SOURCES}.packed": ("format", "line-length", "zip-members", "zip-path"),
    f"{_SOURCES}.readable": ("encoding", "field-length", "quotes"),
    "tasks.adapters.expectations": (_ROWS, _NULLS, "ExpectColumnValuesToBeUnique"),
    "tasks.core.batches": ("max_quarantined_share",),
    "tasks.core.classes": ("classes", "class:"),
    "tasks.core.columns": ("type", "characters", "short", "required"),
    "tasks.core.rows": ("columns", "nested", "row:no fields", "row:header", ":missing", ":too early", ":future"),
}
"""Which rules stand in which module, as they are written there."""
PATIENCE = 20  # seconds, after which a case has not become what it states


@dataclass(frozen=True)
class Mutant:
    """One place of one rule."""

    module: str
    rule: str
    place: int

    @property
    def name(self) -> str:
        """How it is told."""
        return f"{self.rule.strip(':')} in {self.module.rsplit('.', 1)[-1]}, place {self.place + 1}"


class _Off(ast.NodeTransformer):
    """Takes the `place`-th statement, entry or branch that names a rule out of a module."""

    def __init__(self, rule: str, place: int) -> None:
        self._rule, self._place, self.seen = rule, place, 0

    def _names(self, node: ast.AST | None) -> bool:
        return node is not None and any(isinstance(one, ast.Constant) and one.value == self._rule
                                        for one in ast.walk(node))  # fmt: skip

    def _here(self) -> bool:
        self.seen += 1
        return self.seen - 1 == self._place

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.copy_location(ast.Pass(), node) if self._names(node) and self._here() else node

    def visit_If(self, node: ast.If) -> ast.AST:
        told = node.body[0]
        if isinstance(told, ast.Return) and self._names(told) and not node.orelse and self._here():
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        for side in ("body", "orelse"):
            one = getattr(node, side)
            if isinstance(one, ast.Constant) and one.value == self._rule and self._here():
                setattr(node, side, ast.copy_location(ast.Constant(""), one))
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        to = node.targets[0]
        if isinstance(to, ast.Subscript) and self._names(to.slice) and self._here():
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        kept = [(key, value) for key, value in zip(node.keys, node.values, strict=True)
                if not (self._names(key) and self._here())]  # fmt: skip
        node.keys, node.values = [key for key, _ in kept], [value for _, value in kept]
        return self.generic_visit(node)

    def visit_List(self, node: ast.List) -> ast.AST:
        node.elts = [one for one in node.elts if not (self._names(one) and self._here())]
        return self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        if self._names(node.elt) and self._here():
            return ast.copy_location(ast.List([], ast.Load()), node)
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Call) and self._names(node.value) and self._here():  # appended to a list
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)


def mutants() -> list[Mutant]:
    """Every place of every rule; a rule without any is a mistake of the list."""
    found = []
    for module, rules in RULES.items():
        for rule in rules:
            places = _mutated(Mutant(module, rule, -1))[1]
            assert places, f"{module} names no {rule}"
            found += [Mutant(module, rule, place) for place in range(places)]
    return found


def _mutated(mutant: Mutant) -> tuple[CodeType, int]:
    path = str(import_module(mutant.module).__file__)
    off = _Off(mutant.rule, mutant.place)
    tree = ast.fix_missing_locations(off.visit(ast.parse(Path(path).read_text("utf-8"))))
    return compile(tree, path, "exec"), off.seen


@contextmanager
def switched_off(mutant: Mutant) -> Iterator[None]:
    """The rule does nothing at that place."""
    codes = {code.co_qualname: code for code in _codes(_mutated(mutant)[0])}
    before = {}
    for function in _functions(import_module(mutant.module)):
        before[function] = function.__code__
        function.__code__ = codes[function.__qualname__]
    try:
        yield
    finally:
        for function, code in before.items():
            function.__code__ = code


def _codes(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)


def _functions(module: Any) -> Iterator[FunctionType]:
    for owner in (module, *(one for one in vars(module).values() if inspect.isclass(one))):
        for one in vars(owner).values():
            function = inspect.unwrap(getattr(one, "__func__", one)) if callable(one) else one
            if not isinstance(function, FunctionType) or function.__code__.co_freevars:
                continue
            if function.__module__ == module.__name__ and function.__code__.co_filename == module.__file__:
                yield function


def told_by(rule: str) -> list[Case]:
    """The cases of the corpus that end by a rule, the smallest first."""

    def names(case: Case) -> set[str]:
        told = [
            *case.refused.split(", "),
            case.left,
            *(one for rules in case.rows.values() for one in rules.split("; ")),
        ]
        return {one.removeprefix("batch:") for one in told}

    def same(one: str) -> bool:
        if rule.startswith(":"):
            return one.endswith(rule)
        return one == rule or one.startswith(f"{rule.removesuffix(':')}:")

    mine = [case for _, case in corpus() if any(same(one) for one in names(case))]
    return sorted(mine, key=lambda case: len(case.content) if isinstance(case.content, bytes) else 0)


def killed_by(mutant: Mutant) -> str:
    """The case that does not become what it states while the rule is off; empty where none sees it."""
    for case in told_by(mutant.rule):
        with switched_off(mutant), tempfile.TemporaryDirectory(prefix="mutant-") as home:
            try:
                with _seconds(PATIENCE):
                    seen = not as_stated(case, play(case, Path(home)))
            except Exception:  # noqa: BLE001 - whatever it says, the delivery has not become what it states
                seen = True
        if seen:
            return case.name
    return ""
