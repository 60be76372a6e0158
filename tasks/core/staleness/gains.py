"""What a retraining brought: successor against predecessor, on the rows that the successor served until replaced.

The duel's four answers; a comparison with a contestant that cannot be asked any more is none of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tasks.core.duel import DuelResult, duel
from tasks.core.staleness.curve import Answers, few_labels, inside
from tasks.core.staleness.plan import Retraining, Rules

NOT_MEASURED, UNSURE = "not measured", "not enough evidence"


@dataclass(frozen=True)
class Part:
    """What a piece of event time adds to a duel: all its rows, those with a label, and those that may be compared."""

    rows: int
    labelled: int
    actual: NDArray[np.float64]
    successor: NDArray[np.float64]
    predecessor: NDArray[np.float64]
    days: NDArray[np.int64]
    refused: str = ""


@dataclass(frozen=True)
class Gain:
    """The answer with its numbers: better, equivalent, worse, not enough evidence; or not measured, with the reason."""

    retraining: Retraining
    answer: str
    reason: str
    rows: int = 0
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def overlaps(retraining: Retraining, answers: Answers) -> bool:
    """Whether the successor served in the window."""
    return retraining.served.start < answers.window.end and answers.window.start < retraining.served.end


def part_of(retraining: Retraining, answers: Answers, trained: Mapping[int, datetime]) -> Part:
    """The rows of a window that a comparison may use: neither contestant was trained on them, both answer."""
    both, served = (retraining.successor, retraining.predecessor), retraining.served
    counts = int(inside(answers.happened, served).sum()), int(inside(answers.times, served).sum())
    refused = next((f"version {one}: {answers.refused[one]}" for one in both if one in answers.refused), "")
    if refused:
        nothing = np.empty(0)
        return Part(*counts, nothing, nothing, nothing, np.empty(0, np.int64), refused)
    kept = answers.fair(both, trained, served)
    ours, theirs = (answers.predicted[one][kept] for one in both)
    days = answers.times[kept].astype("datetime64[D]").astype(np.int64)
    return Part(*counts, answers.actual[kept], ours, theirs, days)


def confidence_of(rules: Rules, comparisons: int) -> float:
    """Of one of so many comparisons that share the stated confidence (Bonferroni: Dunn 1961)."""
    return 1 - (1 - rules.confidence) / max(comparisons, 1)


def judge_gain(retraining: Retraining, parts: Sequence[Part], rules: Rules, comparisons: int) -> Gain:
    """Fight the duel on all parts together; `comparisons` are as many as are shown side by side.

    A part with too few labels is left out as a whole: those that came first may be the odd ones.
    """
    refused = next((part.refused for part in parts if part.refused), "")
    if refused:
        return Gain(retraining, UNSURE, f"{UNSURE}: {refused}")
    mature = [part for part in parts if not few_labels(part.labelled, part.rows, rules)]
    if not mature:
        short = few_labels(sum(part.labelled for part in parts), sum(part.rows for part in parts), rules)
        return Gain(retraining, UNSURE, short)
    found = _duel(mature, rules, comparisons)
    reason = found.reason if found.reason.startswith(found.answer) else f"{found.answer}: {found.reason}"
    if left := sum(part.rows > 0 for part in parts) - len(mature):
        reason += f"; labels are missing for {left} of {left + len(mature)} windows, which are left out"
    return Gain(retraining, found.answer, reason, found.rows, found.difference, found.low, found.high)


def _duel(parts: Sequence[Part], rules: Rules, comparisons: int) -> DuelResult:
    names = ("actual", "predecessor", "successor", "days")
    actual, before, after, days = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return duel(
        actual, before, after, days, metric=rules.metric, margin=rules.margin, min_rows=rules.duel_rows,
        confidence=confidence_of(rules, comparisons), seed=rules.seed,
    )  # fmt: skip
