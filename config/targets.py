"""Which targets a pipeline's file may declare: its type has to suit the problem, and its classes have to be of it."""

from collections.abc import Sequence

from tasks.core.columns import Column
from tasks.core.conversion import FALSE_WORDS, TRUE_WORDS
from tasks.core.metrics import Problem


def refuse_unusable_target(target: Column, problem: Problem, positive: str | None, negatives: Sequence[str]) -> None:
    """Raise ValueError where a target cannot be what the problem asks for."""
    numeric = target.type in {"integer", "number"}
    if target.type == "datetime" or (problem == "regression" and not numeric):
        raise ValueError(f"the target {target.name} cannot be of type {target.type} in a {problem} problem")
    if target.type in {"category", "string"} and positive is None:
        raise ValueError(f"the target {target.name} holds texts, so `positive` has to say which of them counts as 1")
    if numeric and positive is not None and not _is_number(positive):
        raise ValueError(f"the target {target.name} is of type {target.type}, so `positive` has to be a number")
    if numeric and not all(map(_is_number, negatives)):
        raise ValueError(f"the target {target.name} is of type {target.type}, so `negatives` have to be numbers")
    if target.type == "boolean" and positive is not None and positive.lower() not in {*TRUE_WORDS, *FALSE_WORDS}:
        raise ValueError(f"the target {target.name} is of type boolean, so `positive` has to be a word for yes or no")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
