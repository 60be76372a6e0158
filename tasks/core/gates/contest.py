"""The duel as gates hold it: on rows that are not spent, at the confidence that the holdout ledger leaves them.

What an answer means is the business of the gate that asks.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from tasks.core.duel import DuelResult, duel
from tasks.core.gates.evidence import GateEvidence, require_one_per_row
from tasks.core.ledger import confidence_at
from tasks.core.results import Number

# An attacker who sees every score and combines what looked good at the last look stays within the stated 5 % up to this
# number of looks (4.9 %, three times 200 000 holdouts), and no further: 8 % at 8 looks, 38 % at 20 (test_contest).
LOOKS = 4


class Rules(Protocol):
    """What a gate that holds a duel sets; `looks` is how many comparisons a row may decide."""

    @property
    def margin(self) -> float: ...  # noqa: D102

    @property
    def confidence(self) -> float: ...  # noqa: D102

    @property
    def min_rows(self) -> int: ...  # noqa: D102

    @property
    def looks(self) -> int: ...  # noqa: D102


def contest(rules: Rules, evidence: GateEvidence, rival: np.ndarray) -> tuple[DuelResult, dict[str, Number]]:
    """The candidate against a rival (predictions of shape (rows,)), and the numbers of it; raises DataRejected."""
    rows = len(evidence.actual)
    before = np.zeros(rows, dtype=int) if evidence.looks is None else evidence.looks
    require_one_per_row(evidence, rival, before)
    kept = before < rules.looks
    look = 1 + int(before[kept].max(initial=0))
    confidence = confidence_at(rules.confidence, look)
    result = duel(
        evidence.actual[kept], rival[kept], evidence.candidate[kept], evidence.blocks[kept], metric=evidence.metric,
        margin=rules.margin, confidence=confidence, min_rows=rules.min_rows, seed=evidence.seed,
    )  # fmt: skip
    spent = rows - int(kept.sum())
    if told := _ledger(spent, rows, look, rules.looks):
        result = replace(result, reason=f"{result.reason}; {told}")
    kinds = ("answer", "difference", "low", "high", "rows", "blocks")
    numbers: dict[str, Number] = {name: getattr(result, name) for name in kinds}
    return result, {**numbers, "margin": rules.margin, "look": look, "confidence": confidence, "spent": spent}


def _ledger(spent: int, rows: int, look: int, limit: int) -> str:
    if spent:
        return (
            f"{spent} of {rows} rows have decided {limit} comparisons before and are spent: wait for newer labelled "
            "rows, or hold back a longer evaluation part"
        )
    return f"look {look} of {limit} at these rows" if look > 1 else ""
