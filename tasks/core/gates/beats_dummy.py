"""The gate `beats_dummy`: the candidate against the baseline that ignores all features."""

from typing import Literal

from pydantic import Field

from tasks.core.gates.contest import LOOKS, contest
from tasks.core.gates.evidence import Confidence, GateEvidence, GateKind, NonNegative
from tasks.core.results import Check, Verdict


class BeatsDummy(GateKind):
    """The candidate is better than the dummy by more than the margin, beyond the noise of the evaluation rows."""

    kind: Literal["beats_dummy"] = "beats_dummy"
    margin: NonNegative = 0.0
    confidence: Confidence = 0.95
    min_rows: int = Field(default=30, ge=1)
    looks: int = Field(default=LOOKS, ge=1, description="How many comparisons a row may decide before it is spent.")

    def judge(self, evidence: GateEvidence) -> Check:
        """Pass when the whole interval lies above the margin, fail when the whole lies below it, unknown between."""
        result, numbers = contest(self, evidence, evidence.dummy)
        if result.low is None or result.high is None:
            return Check(self.kind, Verdict.UNKNOWN, result.reason, numbers)
        told = f"against the dummy (margin {self.margin:g}): {result.reason}"
        if result.low > self.margin:
            return Check(self.kind, Verdict.PASS, told, numbers)
        return Check(self.kind, Verdict.FAIL if result.high <= self.margin else Verdict.UNKNOWN, told, numbers)
