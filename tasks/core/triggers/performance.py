"""The trigger on realised performance."""

from typing import Literal

from tasks.core.results import Check
from tasks.core.triggers.evidence import TriggerEvidence, TriggerKind


class PerformanceDecay(TriggerKind):
    """The champion is worse than it promised (`core.performance`)."""

    kind: Literal["performance"] = "performance"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on performance, as it stands."""
        return Check(self.kind, evidence.performance.verdict, evidence.performance.reason, evidence.performance.numbers)
