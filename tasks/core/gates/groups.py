"""The gate `groups`: how far a measure of the model lies apart between groups of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from pydantic import Field

from tasks.core.duel import MIN_BLOCKS, bounds, effective_blocks, resample
from tasks.core.errors import DataRejected
from tasks.core.gates.evidence import Confidence, GateEvidence, GateKind, NonNegative, column_of, require_one_per_row
from tasks.core.metrics import MetricName, Scorer, problem_of, score, scorer
from tasks.core.results import Check, Number, Verdict
from tasks.core.slicing import Slice, slices_of

Measure = Literal["metric", "selection_rate", "true_positive_rate", "false_positive_rate"]


@dataclass(frozen=True)
class _Group:
    part: Slice
    value: float
    blocks: float
    samples: np.ndarray


@dataclass(frozen=True)
class _Gap:
    name: str
    size: float
    surely_above: float
    surely_below: float


class Groups(GateKind):
    """The gap of a measure between any two groups of a protected column is at most `max_gap`.

    `metric` compares the pipeline's metric. The rates are those of demographic parity and equalized odds (Hardt, Price
    & Srebro 2016): the share that is predicted positive (0.5 or more) of all, of the positive, of the negative rows.
    """

    kind: Literal["groups"] = "groups"
    columns: tuple[str, ...] = Field(min_length=1, description="Columns with the role protected.")
    measure: Measure = "metric"
    max_gap: NonNegative
    confidence: Confidence = 0.95
    min_rows: int = Field(default=100, ge=2, description="Groups with fewer rows that count are not compared.")

    def judge(self, evidence: GateEvidence) -> Check:
        """Pass when every gap is surely within the bound, fail when one is surely beyond it, unknown between.

        Surely within: each pair at 1 - confidence (intersection-union, Berger 1982). Surely beyond: each of m pairs at
        (1 - confidence) / m (Bonferroni). Unknown, too, for a column without two groups that can be compared.
        """
        learnt = [name for name in self.columns if evidence.features is not None and name in evidence.features]
        if learnt:
            return Check(self.kind, Verdict.FAIL, f"{', '.join(learnt)} is protected, and the model was trained on it")
        if self.measure != "metric" and problem_of(evidence.metric) != "binary":
            return Check(self.kind, Verdict.UNKNOWN, f"{self.measure} needs a binary problem; set measure: metric")
        require_one_per_row(evidence)
        groups = {name: self._groups(slices_of(column_of(evidence, name)), evidence) for name in self.columns}
        lone = [name for name, found in groups.items() if len(found) < 2]  # noqa: PLR2004 - a gap needs two
        if lone:
            why = f"{', '.join(lone)} has fewer than two groups of {self.min_rows} rows with enough days and classes"
            return Check(self.kind, Verdict.UNKNOWN, why, {"groups": sum(map(len, groups.values()))})
        return self._answer([pair for found in groups.values() for pair in combinations(found, 2)])

    def _answer(self, pairs: Sequence[tuple[_Group, _Group]]) -> Check:
        gaps = [gap for pair in pairs if (gap := self._gap(*pair, pairs=len(pairs))) is not None]
        if len(gaps) < len(pairs):
            return Check(self.kind, Verdict.UNKNOWN, f"{self.measure} is undefined in too many resamples")
        widest, beyond = max(gaps, key=lambda gap: gap.size), max(gaps, key=lambda gap: gap.surely_above)
        most = max(gap.surely_below for gap in gaps)
        numbers: dict[str, Number] = {
            "gap": widest.size, "low": max(beyond.surely_above, 0.0), "high": most, "max_gap": self.max_gap,
            "pairs": len(pairs),
        }  # fmt: skip
        told = (
            f"{self.measure} is {widest.size:.4g} apart between {widest.name} (surely at least "
            f"{numbers['low']:.4g}, at most {most:.4g}; allowed {self.max_gap:g})"
        )
        if beyond.surely_above > self.max_gap:
            return Check(self.kind, Verdict.FAIL, told, numbers)
        return Check(self.kind, Verdict.PASS if most <= self.max_gap else Verdict.UNKNOWN, told, numbers)

    def _gap(self, a: _Group, b: _Group, *, pairs: int) -> _Gap | None:
        difference, blocks = a.value - b.value, min(a.blocks, b.blocks)
        tail = 1 - self.confidence
        inner = bounds(a.samples - b.samples, difference, blocks, tail=tail)
        outer = bounds(a.samples - b.samples, difference, blocks, tail=tail / (2 * pairs))
        if inner is None or outer is None:
            return None
        (low, high), (lowest, highest) = inner, outer
        name = f"{a.part.name} and {b.part.name}"
        return _Gap(name, abs(difference), max(lowest, -highest), max(high, -low))

    def _groups(self, parts: Sequence[Slice], evidence: GateEvidence) -> list[_Group]:
        metric, actual, counted = self._question(evidence)
        codes = np.unique(evidence.blocks, return_inverse=True)[1]
        found: list[tuple[Slice, float, float, Scorer]] = []
        for part in parts:
            rows = part.rows & counted
            try:
                blocks = effective_blocks(metric, actual[rows], codes[rows])
                value = score(metric, actual[rows], evidence.candidate[rows])
                if rows.sum() >= self.min_rows and blocks >= MIN_BLOCKS:
                    run = scorer(metric, actual[rows], evidence.candidate[rows], codes[rows])
                    found.append((part, value, blocks, _on_known_blocks(run, int(codes[rows].max()) + 1)))
            except DataRejected:
                continue  # no rows, or a metric that is undefined on this group
        if not found:
            return []
        count, rows_in_all = int(codes.max()) + 1, len(codes)
        samples = resample([run for *_, run in found], count, rows_in_all, seed=evidence.seed)
        return [_Group(part, value, blocks, s) for (part, value, blocks, _), s in zip(found, samples, strict=True)]

    def _question(self, evidence: GateEvidence) -> tuple[MetricName, np.ndarray, np.ndarray]:
        """A rate is the accuracy of "all are positive" on the rows that it is counted on."""
        every = np.ones(len(evidence.actual))
        if self.measure == "metric":
            return evidence.metric, evidence.actual, every > 0
        wanted = {"true_positive_rate": 1, "false_positive_rate": 0}.get(self.measure)
        return "accuracy", every, every > 0 if wanted is None else evidence.actual == wanted


def _on_known_blocks(run: Scorer, count: int) -> Scorer:
    return lambda weights: run(weights[:, :count])
