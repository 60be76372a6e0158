"""The gate `beats_champion`: the duel, and what its four answers mean for promotion."""

from typing import Literal

from pydantic import Field

from tasks.core.gates.contest import LOOKS, contest
from tasks.core.gates.evidence import Confidence, GateEvidence, GateKind, NonNegative, champion_of, verdict
from tasks.core.results import Check, Verdict


class BeatsChampion(GateKind):
    """The duel: the candidate beats the champion on the same rows (or is not worse, where `accept` says so)."""

    kind: Literal["beats_champion"] = "beats_champion"
    margin: NonNegative
    confidence: Confidence = 0.95
    min_rows: int = Field(default=200, ge=1)
    looks: int = Field(default=LOOKS, ge=1, description="How many comparisons a row may decide before it is spent.")
    accept: tuple[Literal["better", "equivalent"], ...] = Field(default=("better",), min_length=1)

    def judge(self, evidence: GateEvidence) -> Check:
        """Pass without a champion only where the registry said that there is none."""
        champion = champion_of(self.kind, evidence)
        if isinstance(champion, Check):
            return champion
        result, numbers = contest(self, evidence, champion)
        if result.answer == "not enough evidence":
            return Check(self.kind, Verdict.UNKNOWN, result.reason, numbers)
        return Check(self.kind, verdict(result.answer in self.accept), result.reason, numbers)
