"""The gate `suspicious_features`: a model that is too good to be true has often been given the answer."""

from typing import Literal

from pydantic import Field

from tasks.core.gates.evidence import GateEvidence, GateKind
from tasks.core.metrics import checked_actual, problem_of
from tasks.core.results import Check, Number, Verdict
from tasks.core.slicing import as_numbers


class SuspiciousFeatures(GateKind):
    """No feature alone predicts the target almost perfectly, and no few of them add up or multiply to it."""

    kind: Literal["suspicious_features"] = "suspicious_features"
    allow: tuple[str, ...] = Field(default=(), description="Features that a person has looked at and found sound.")

    def judge(self, evidence: GateEvidence) -> Check:
        """Unknown where there is nothing to look at; every suspicion is named with its reason."""
        from tasks.core.leaks import FEWEST_ROWS, find_leaks  # it loads pandas, which a configuration must not

        actual = checked_actual(evidence.metric, evidence.actual)
        if evidence.features is None or len(actual) < FEWEST_ROWS:
            why = f"{len(actual)} rows with features, at least {FEWEST_ROWS} are needed to suspect one"
            return Check(self.kind, Verdict.UNKNOWN, why, {"rows": len(actual)})
        if actual.min() == actual.max():
            return Check(self.kind, Verdict.UNKNOWN, "the target does not vary, so no feature can give it away")
        looked_at = [name for name in evidence.features.columns if name not in self.allow]
        numbers: dict[str, Number] = {"features": len(looked_at), "allowed": len(self.allow), "rows": len(actual)}
        columns = as_numbers(evidence.features[looked_at])
        leaks = find_leaks(columns, actual, problem_of(evidence.metric) == "binary")
        if not leaks:
            return Check(self.kind, Verdict.PASS, f"none of {len(looked_at)} features gives the target away", numbers)
        told = "; ".join(f"{', '.join(leak.columns)}: {leak.reason}" for leak in leaks)
        hint = "give the column the role ignore, or allow it here if its value is known when the model is asked"
        return Check(self.kind, Verdict.FAIL, f"{told}. Next: {hint}", {**numbers, "suspicious": len(leaks)})
