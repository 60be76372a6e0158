"""What a rule of the data may say as an expression: comparisons of columns, and nothing that calls or reaches.

Pandas evaluates a row condition as code: one that names anything but columns could run whatever it likes.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

_QUOTED = re.compile(r"`[^`]*`")  # a column whose name is no identifier, as pandas writes it
_QUESTIONS = {"isna", "isnull", "notna", "notnull"}
_ALLOWED = (
    ast.Expression, ast.BoolOp, ast.boolop, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop,
    ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip


def fault_of(arguments: Any) -> str | None:
    """Why the arguments of an expectation are refused, or None where they may stand."""
    for name, value in _items(arguments):
        if name == "$PARAMETER":
            return "$PARAMETER is an expression that Great Expectations evaluates; write the value itself"
        if name == "row_condition" and isinstance(value, str) and not _is_plain(value):
            return (
                f"row_condition {value!r:.80} is not allowed: compare columns with values, for example "
                "\"plan == 'basic' and age > 18\"; of calls there are .isna() and .notna()"
            )
    return None


def _items(held: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(held, dict):
        for name, value in held.items():
            yield name, value
            yield from _items(value)
    elif isinstance(held, list | tuple):
        for value in held:
            yield from _items(value)


def _is_plain(condition: str) -> bool:
    try:
        tree = ast.parse(_QUOTED.sub("column", condition).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _plain(tree)


def _plain(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr=asked), args=[], keywords=[]):
            return asked in _QUESTIONS
        case ast.Name(id=name):
            return not name.startswith("__")
    return isinstance(node, _ALLOWED) and all(_plain(child) for child in ast.iter_child_nodes(node))
