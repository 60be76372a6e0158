"""The gate `floor`: an absolute bound on the candidate's own score."""

from typing import Literal

from pydantic import FiniteFloat, model_validator

from tasks.core.gates.evidence import GateEvidence, GateKind, verdict
from tasks.core.metrics import greater_is_better, score
from tasks.core.results import Check, Number, Verdict


class Floor(GateKind):
    """The candidate's own score reaches an absolute bound; set the side that fits the metric's direction."""

    kind: Literal["floor"] = "floor"
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> "Floor":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("set exactly one of at_least (roc_auc, r2, ...) and at_most (mae, log_loss, ...)")
        return self

    def judge(self, evidence: GateEvidence) -> Check:
        """Unknown when the bound stands on the wrong side for the metric: such a floor would stop good models only."""
        metric, bound = evidence.metric, self.at_most if self.at_least is None else self.at_least
        upward = greater_is_better(metric)
        if upward != (self.at_least is not None):
            side = "at_least" if upward else "at_most"
            return Check(
                self.kind, Verdict.UNKNOWN, f"the floor of {metric} has to be set with {side}; change the YAML"
            )
        value = score(metric, evidence.actual, evidence.candidate)
        passed = bound is not None and (value >= bound if upward else value <= bound)
        sign = (">=" if passed else "<") if upward else ("<=" if passed else ">")
        numbers: dict[str, Number] = {"score": value, "bound": bound, "rows": len(evidence.actual)}
        return Check(self.kind, verdict(passed), f"{metric} {value:.6g} {sign} {bound:.6g}", numbers)
