"""The trigger on estimated performance: it asks only as far as the estimator has earned it."""

from typing import Literal

from tasks.core.results import Check, Verdict
from tasks.core.triggers.evidence import TriggerEvidence, TriggerKind


class EstimatedPerformance(TriggerKind):
    """While labels are missing, the champion's estimated score is beyond the limit (`core.estimation`)."""

    kind: Literal["estimated_performance"] = "estimated_performance"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """Pass where labels are known; fail only when the estimator's own track record passes; else only noted."""
        estimated, record = evidence.estimated, evidence.track_record
        if estimated is None:
            return Check(self.kind, Verdict.PASS, "labels are known: realised performance speaks, nothing is estimated")
        if estimated.verdict is not Verdict.FAIL or (record and record.passed):
            return Check(self.kind, estimated.verdict, estimated.reason, estimated.numbers)
        why = record.reason if record else "the estimator has no track record"
        told = f"only noted, the estimator has not earned more ({why}): {estimated.reason}"
        return Check(self.kind, Verdict.UNKNOWN, told, {**estimated.numbers, "noted": True})
