"""The triggers on drift of the features, of the predictions and of all columns together: one rule, three signals."""

from typing import Literal

from tasks.core.results import Check, Verdict
from tasks.core.triggers.evidence import TriggerEvidence, TriggerKind


class _Drift(TriggerKind):
    when_unlabelled_only: bool = True

    def _answer(self, kind: str, drift: Check, performance: Check) -> Check:
        if drift.verdict is Verdict.FAIL and self.when_unlabelled_only and performance.passed:
            return Check(kind, Verdict.PASS, f"performance holds, so this is only noted: {drift.reason}", drift.numbers)
        # Whoever asks for a trigger wants to know that it cannot answer, even where the signal by itself is only noted.
        told = {name: number for name, number in drift.numbers.items() if name != "noted"}
        return Check(kind, drift.verdict, drift.reason, told)


class DataDrift(_Drift):
    """The features moved; by default a breach only while labels do not show that the champion still performs."""

    kind: Literal["data_drift"] = "data_drift"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on data drift, quiet where performance passes."""
        return self._answer(self.kind, evidence.data_drift, evidence.performance)


class PredictionDrift(_Drift):
    """The champion's predictions moved; by default a breach only while labels do not show that it still performs."""

    kind: Literal["prediction_drift"] = "prediction_drift"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on prediction drift, quiet where performance passes."""
        return self._answer(self.kind, evidence.prediction_drift, evidence.performance)


class MultivariateDrift(_Drift):
    """A classifier tells the window from the reference; by default a breach only while labels do not show harm."""

    kind: Literal["multivariate_drift"] = "multivariate_drift"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on all columns together, quiet where performance passes; unknown where nobody looked."""
        off = Check(self.kind, Verdict.UNKNOWN, "nobody looked; set `multivariate: true` under `drift`")
        return self._answer(self.kind, evidence.multivariate_drift or off, evidence.performance)
