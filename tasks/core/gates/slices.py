"""The gate `slices`: a better mean must not be paid for by a part of the rows."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from tasks.core.duel import DuelResult, duel
from tasks.core.errors import DataRejected
from tasks.core.gates.evidence import (
    Confidence,
    GateEvidence,
    GateKind,
    NonNegative,
    champion_of,
    column_of,
    require_one_per_row,
)
from tasks.core.metrics import problem_of, score
from tasks.core.results import Check, Number, Verdict
from tasks.core.slicing import Slice, slice_with_most_loss, slices_of


class Slices(GateKind):
    """In no part of the rows is the candidate worse than the champion by more than the margin, beyond noise."""

    kind: Literal["slices"] = "slices"
    columns: tuple[str, ...] = Field(default=(), description="Columns whose values, or quarters, are the parts.")
    search: bool = Field(default=False, description="Also judge the part that a small tree finds to lose most.")
    margin: NonNegative = 0.0
    confidence: Confidence = 0.95
    min_rows: int = Field(default=100, ge=2, description="Smaller parts are not judged.")

    @model_validator(mode="after")
    def _something_to_cut_by(self) -> "Slices":
        if not self.columns and not self.search:
            raise ValueError("name columns, or set search: true")
        return self

    def judge(self, evidence: GateEvidence) -> Check:
        """Fail when a part is worse at a rate of error that holds for all parts together; unknown without any part.

        Each of m parts is judged at (1 - confidence) / m (Bonferroni), so that a candidate that is as good everywhere
        is refused in at most 1 - confidence of cases. A column none of whose parts can be judged makes it unknown.
        """
        champion = champion_of(self.kind, evidence)
        if isinstance(champion, Check):
            return champion
        require_one_per_row(evidence, champion)
        score(evidence.metric, evidence.actual, evidence.candidate)  # refuses what are no predictions
        parts = self._parts(evidence, champion)
        large = [part for part in parts if part.rows.sum() >= self.min_rows]
        results = [(part, self._duel(part, evidence, champion, len(large))) for part in large]
        judged = [(part, found) for part, found in results if found is not None and found.high is not None]
        numbers: dict[str, Number] = {"parts": len(parts), "judged": len(judged), "margin": self.margin}
        wanted = {*self.columns, *(["search"] if self.search else [])}
        silent = sorted(wanted - {part.column for part, _ in judged})
        worst = [(part, one) for part, one in judged if one.high is not None and one.high < -self.margin]
        if worst:
            told = "; ".join(f"{part.name}: {one.reason}" for part, one in worst)
            return Check(self.kind, Verdict.FAIL, f"worse in {len(worst)} of {len(judged)} parts: {told}", numbers)
        if silent or not judged:
            why = f"no part of {', '.join(silent) or 'the rows'} has {self.min_rows} rows and enough days and classes"
            return Check(self.kind, Verdict.UNKNOWN, f"{why}; take a longer evaluation part", numbers)
        told = f"worse in none of {len(judged)} parts ({len(parts) - len(judged)} are too small to be judged)"
        return Check(self.kind, Verdict.PASS, told, numbers)

    def _parts(self, evidence: GateEvidence, champion: np.ndarray) -> list[Slice]:
        parts = [part for name in self.columns for part in slices_of(column_of(evidence, name))]
        if self.search:
            if evidence.features is None:
                raise DataRejected("the features of the rows were not gathered, so no part can be searched for")
            power = 2 if problem_of(evidence.metric) == "binary" else 1
            ours, theirs = (np.abs(p - evidence.actual) ** power for p in (evidence.candidate, champion))
            found = slice_with_most_loss(
                evidence.features, ours - theirs, evidence.blocks, min_rows=self.min_rows, seed=evidence.seed
            )
            parts += [found] if found else []
        return parts

    def _duel(self, part: Slice, evidence: GateEvidence, champion: np.ndarray, parts: int) -> DuelResult | None:
        try:
            return duel(
                evidence.actual[part.rows], champion[part.rows], evidence.candidate[part.rows],
                evidence.blocks[part.rows], metric=evidence.metric, margin=self.margin,
                confidence=1 - 2 * (1 - self.confidence) / parts, min_rows=self.min_rows, seed=evidence.seed,
            )  # fmt: skip
        except DataRejected:
            return None  # a metric that is undefined on this part
