"""The gate `clean_process`: what was judged is what would be promoted, in a process of its own."""

from typing import Literal

from tasks.core.gates.evidence import GateEvidence, GateKind, NonNegative, verdict
from tasks.core.results import Check, Number, Verdict


class CleanProcess(GateKind):
    """The registered artefact loads in a fresh process, has the judged SHA-256 and gives the judged predictions."""

    kind: Literal["clean_process"] = "clean_process"
    tolerance: NonNegative = 1e-9

    def judge(self, evidence: GateEvidence) -> Check:
        """Unknown when the fresh process did not report; any reported difference is a fail, NaN included."""
        clean = evidence.clean
        if clean is None:
            return Check(self.kind, Verdict.UNKNOWN, "no fresh process has reported on the artefact; run it again")
        numbers: dict[str, Number] = {name: value for name, value in vars(clean).items() if name != "reason"}
        numbers["tolerance"] = self.tolerance
        if not (clean.loaded and clean.sha_matches):
            what = "is not the judged one" if clean.loaded else "does not load"
            return Check(self.kind, Verdict.FAIL, f"the artefact {what}: {clean.reason}", numbers)
        if clean.largest_difference is None:
            return Check(self.kind, Verdict.UNKNOWN, f"no predictions were compared: {clean.reason}", numbers)
        same = clean.largest_difference <= self.tolerance
        told = f"predictions differ by at most {clean.largest_difference:.3g} (allowed {self.tolerance:g})"
        return Check(self.kind, verdict(same), told, numbers)
