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
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from tests.corpus import corpus
from tests.corpus.case import Case
from tests.corpus.play import as_stated, play, seconds
from tests.corpus.rules import Rule, rules

PATIENCE = 20  # seconds, after which a case has not become what it states


@dataclass(frozen=True)
class Mutant:
    """One place of one rule."""

    rule: Rule
    place: int

    @property
    def name(self) -> str:
        """How it is told."""
        return f"{self.rule.name} in {self.rule.module.rsplit('.', 1)[-1]}, place {self.place + 1}"


class _Off(ast.NodeTransformer):
    """Takes the `place`-th statement, entry or branch that names a rule out of a module."""

    def __init__(self, rule: Rule, place: int) -> None:
        self._rule, self._function, self._place, self.seen = rule.written, rule.function, place, 0
        self._may_say_nothing = False

    def _names(self, node: ast.AST | None) -> bool:
        return node is not None and any(self._is(one) for one in ast.walk(node))

    def _is(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Constant):
            return node.value == self._rule
        return isinstance(node, ast.Attribute) and ast.unparse(node) == self._rule

    def _here(self) -> bool:
        self.seen += 1
        return self.seen - 1 == self._place

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.copy_location(ast.Pass(), node) if self._names(node) and self._here() else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if self._function not in {"", node.name}:
            return node
        self._may_say_nothing = node.returns is not None and "None" in ast.unparse(node.returns)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        told = node.body[-1]
        if isinstance(told, ast.Return) and self._names(told.value) and not node.orelse:
            return ast.copy_location(ast.Pass(), node) if self._here() else node
        return self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """What a function says at its end becomes nothing; where it has to say something, another name."""
        if isinstance(node.value, ast.Call) and self._may_say_nothing and self._names(node.value):
            node.value = None if self._here() else node.value
        elif isinstance(node.value, ast.Tuple | ast.Call):
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else node.value.args
            for place, one in enumerate(parts):
                if isinstance(one, ast.Constant) and self._is(one) and self._here():
                    parts[place] = ast.copy_location(ast.Constant(""), one)
        return node if node.value is None else self.generic_visit(node)

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

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        mine = self._names(node.key) or (isinstance(node.key, ast.Name) and node.key.id == self._rule)
        return ast.copy_location(ast.Dict([], []), node) if mine and self._here() else self.generic_visit(node)

    def visit_List(self, node: ast.List) -> ast.AST:
        node.elts = [one for one in node.elts if not (self._names(one) and self._here())]
        return self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        if self._names(node.elt) and self._here():
            return ast.copy_location(ast.List([], ast.Load()), node)
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        if isinstance(node.iter, ast.Tuple):  # one thing that is looked for of several
            node.iter.elts = [one for one in node.iter.elts if not (self._names(one) and self._here())]
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        called = isinstance(node.value, ast.Call | ast.Yield)
        if called and self._names(node.value) and self._here():  # appended to a list, or one of what is gone through
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)


def mutants() -> list[Mutant]:
    """Every place of every rule, once for all names that it gives; a rule without any is a mistake of what is known."""
    found: dict[tuple[str, str, str, int], Mutant] = {}
    for rule in rules():
        places = _mutated(Mutant(rule, -1))[1]
        assert places, f"no place of {rule}"
        for place in range(places):
            found.setdefault((rule.module, rule.function, rule.written, place), Mutant(rule, place))
    return [*found.values()]


def _mutated(mutant: Mutant) -> tuple[CodeType, int]:
    path = str(import_module(mutant.rule.module).__file__)
    off = _Off(mutant.rule, mutant.place)
    tree = ast.fix_missing_locations(off.visit(ast.parse(Path(path).read_text("utf-8"))))
    return compile(tree, path, "exec"), off.seen


@contextmanager
def switched_off(mutant: Mutant) -> Iterator[None]:
    """The rule does nothing at that place."""
    codes = {code.co_qualname: code for code in _codes(_mutated(mutant)[0])}
    before = {}
    for function in _functions(import_module(mutant.rule.module)):
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
    mine = [case for _, case in corpus() if any(fnmatchcase(name, rule) for name in told_in(case))]
    return sorted(mine, key=lambda case: len(case.content) if isinstance(case.content, bytes) else 0)


def told_in(case: Case) -> set[str]:
    """The rules that a case names; what stands in every suite is called without its column."""
    told = [*case.refused.split(", "), case.left, *(one for names in case.rows.values() for one in names.split("; "))]
    always = {one.removeprefix("batch:").partition(":")[0] for one in told if "Expect" in one and not case.rules}
    return ({*told} | always) - {""}


def killed_by(mutant: Mutant) -> str:
    """The case that does not become what it states while the rule is off; empty where none sees it."""
    for case in told_by(mutant.rule.name):
        with switched_off(mutant), tempfile.TemporaryDirectory(prefix="mutant-") as home:
            try:
                with seconds(PATIENCE):
                    seen = not as_stated(case, play(case, Path(home)))
            except Exception:  # noqa: BLE001 - whatever it says, the delivery has not become what it states
                seen = True
        if seen:
            return case.name
    return ""
