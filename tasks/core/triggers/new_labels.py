"""The trigger on new labelled rows."""

from typing import Literal

from pydantic import Field

from tasks.core.results import Check, Verdict
from tasks.core.triggers.evidence import TriggerEvidence, TriggerKind


class NewLabels(TriggerKind):
    """Enough rows got their label since the champion was trained."""

    kind: Literal["new_labels"] = "new_labels"
    at_least: int = Field(ge=1)

    def fires(self, evidence: TriggerEvidence) -> Check:
        """Unknown without a known count."""
        count = evidence.new_labels
        if count is None:
            return Check(self.kind, Verdict.UNKNOWN, f"it is not known how many labels are new ({self.at_least} ask)")
        told = f"{count} new labelled rows, {self.at_least} ask for a retraining"
        verdict = Verdict.FAIL if count >= self.at_least else Verdict.PASS
        return Check(self.kind, verdict, told, {"new_labels": count, "at_least": self.at_least})
