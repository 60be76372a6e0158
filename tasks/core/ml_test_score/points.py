"""The 28 tests' vocabulary: a point with its reason and its proof, and a test that earns it from what is known."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.core.ml_test_score.known import Known


@dataclass(frozen=True)
class Point:
    """What a test earns: 1 (done by itself, every time), 0.5 (by hand, or recorded only) or 0; why; what proves it."""

    worth: float
    why: str
    proof: str = ""


@dataclass(frozen=True)
class Question:
    """One of the 28: its mark in the paper's tables (Data 1 .. Monitor 7), its title, and how it is earned."""

    mark: str
    title: str
    earn: Callable[[Known], Point]


def nothing(why: str) -> Point:
    """Not earned, and why."""
    return Point(0.0, why)


def by_gate(gate: str, why: str, worth: float = 1.0) -> Callable[[Known], Point]:
    """Earned where the version passed the gate in its newest judgement."""

    def earn(known: Known) -> Point:
        entry = known.passed(gate)
        if entry is None:
            return nothing(f"the gate {gate} was not passed, or is not in the file")
        return Point(worth, why, known.explains(entry))

    return earn
