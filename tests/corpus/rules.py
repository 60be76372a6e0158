"""The names of the rules that refuse a delivery or a row, read from the code that gives them, and where each stands.

What a rule does is not looked at here.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import get_args

from tasks.core.batches import BATCH, REPEATED
from tasks.core.privacy.classes import CLASSES, DETECTED
from tasks.core.schema_changes import ChangeKind
from tasks.core.sentinel.finding import Kind
from tasks.core.sentinel.policy import _ONLY_TOLD

BEGIN = ("tasks.ingestion", "tasks.reading", "tasks.joining", "tasks.private", "tasks.watching")
"""Where deliveries are judged; what these import, and what that imports, may name a rule."""
HOLES: Mapping[tuple[str, str], Sequence[str]] = {
    ("time_faults", "name"): ("event_time", "known_at"),
    ("judge_found", "kind"): DETECTED,
    ("refusals", "column.privacy"): CLASSES,
}
"""What may stand in a place of a rule's name, by function; in any other place stands a column."""
SHARES = ("judge_found", "rule", [f"{BATCH}privacy:{kind}:*" for kind in DETECTED])
"""A function that makes rules of rows refuse the delivery, what it calls them, and which they are."""
NEVER = {"known_at:missing"}
"""A label without a time is `required:`; its time is looked at where there is one only."""
STEMS = {"convert": "{}:*", "judge_rows": BATCH + "{}"}
"""Functions that name rules by one word, and what becomes of it."""
ATTRIBUTES = {"join.rule": "join:*", "batches.REPEATED": REPEATED}
"""Names that are written elsewhere than where rows are put under them."""
_NAME = re.compile(r"[a-z_]+:[a-z ]+")


@dataclass(frozen=True)
class Rule:
    """One name (`*` stands for a column), the module and the function that give it, and how it is written there."""

    name: str
    module: str
    written: str
    function: str = ""


def rules() -> list[Rule]:
    """Every rule that the code can give, each once for every module that gives it."""
    sources = {module: Path(str(import_module(module).__file__)).read_text("utf-8") for module in modules()}
    found = [rule for module, source in sources.items() for rule in rules_of(module, ast.parse(source))]
    return [rule for rule in dict.fromkeys(found) if rule.name not in NEVER]


def modules() -> list[str]:
    """What the judging of deliveries imports of ours."""
    seen: dict[str, None] = {}
    waiting = [*BEGIN]
    while waiting:
        name = waiting.pop()
        if name in seen or (path := _path(name)) is None:
            continue
        seen[name] = None
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tasks"):
                waiting += [str(node.module), *(f"{node.module}.{one.name}" for one in node.names)]
    return sorted(seen)


def _path(module: str) -> Path | None:
    path = Path(__file__).parents[2].joinpath(*module.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


def rules_of(module: str, tree: ast.Module) -> Iterator[Rule]:
    """The rules that a module gives."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        if function.name == SHARES[0]:
            yield from (Rule(name, module, SHARES[1], function.name) for name in SHARES[2])
        for node in ast.walk(function):
            yield from (Rule(name, module, written) for written, name in _refused(node, tree))
            told = (*_keyed(node, function.name), *_asked(node, function.name))
            yield from (Rule(name, module, written, function.name) for written, name in told)
    kinds = {f"sentinel:{kind}": kind for kind in get_args(Kind) if kind not in _ONLY_TOLD}
    listed = kinds if ".sentinel." in module and not module.endswith(".finding") else {}
    listed |= {f"schema-{kind}": kind for kind in get_args(ChangeKind)} if module.endswith(".schema_changes") else {}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    yield from (Rule(BATCH + name, module, kind) for name, kind in listed.items() if kind in texts)


def _refused(node: ast.AST, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What the second argument of a DataRejected says; without one nothing of a delivery is meant."""
    if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DataRejected" and len(node.args) > 1):
        return
    given = [node.args[1]]
    if isinstance(node.args[1], ast.Name):  # which a function of the module chose, beside how it is told
        given = [one.value.elts[0] for one in ast.walk(tree)
                 if isinstance(one, ast.Return) and isinstance(one.value, ast.Tuple)]  # fmt: skip
    for one in given:
        if isinstance(one, ast.Constant):
            yield str(one.value), BATCH + str(one.value)


def _keyed(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    """What rows or reasons are put under, and what a listing answers."""
    if isinstance(node, ast.keyword) and node.arg == "refusals" and isinstance(node.value, ast.Dict):
        constants = [key for key in node.value.keys if isinstance(key, ast.Constant)]
        yield from ((str(key.value), BATCH + str(key.value)) for key in constants)
    for key in _keys(node):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield from _plain(key.value, function)
        elif isinstance(key, ast.JoinedStr) and not isinstance(node, ast.Return):
            yield from _filled(key, function)
        elif isinstance(key, ast.Attribute) and (written := ast.unparse(key)) in ATTRIBUTES:
            yield written, ATTRIBUTES[written]


def _keys(node: ast.AST) -> Sequence[ast.expr | None]:
    if isinstance(node, ast.Dict):
        return node.keys
    if isinstance(node, ast.DictComp):
        return [node.key]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        return [node.targets[0].slice]
    if isinstance(node, ast.Return):
        return [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
    return []


def _plain(text: str, function: str) -> Iterator[tuple[str, str]]:
    if _NAME.fullmatch(text):
        yield text, text
    elif function in STEMS and text.isidentifier():
        yield text, STEMS[function].format(text)


def _filled(key: ast.JoinedStr, function: str) -> Iterator[tuple[str, str]]:
    words = [str(part.value) for part in key.values if isinstance(part, ast.Constant)]
    if not any(":" in word for word in words) or words == [":"]:  # no rule, or two names that are rules themselves
        return
    names = [""]
    for part in key.values:
        fills = [str(part.value)] if isinstance(part, ast.Constant) else ["*"]
        if isinstance(part, ast.FormattedValue):
            fills = [*HOLES.get((function, ast.unparse(part.value)), "*")]
        names = [name + fill for name in names for fill in fills]
    whole = BATCH if function == "refusals" else ""
    yield from ((words[0], whole + name) for name in names)


def _asked(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    """Expectations that stand in every suite; what quarantines rows refuses the delivery where it names none."""
    is_one = function == "always" and isinstance(node, ast.keyword) and node.arg == "expect"
    if is_one and isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
        yield str(node.value.value), str(node.value.value)
