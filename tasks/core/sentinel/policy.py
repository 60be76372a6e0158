"""What follows when the sentinel finds a delivery broken: it is refused whole, or accepted with a warning."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from tasks.core.batches import Judged, refuse_whole
from tasks.core.sentinel.finding import Finding

Policy = Literal["refuse", "warn"]
# Rows that came are sound even where others did not; that they are few is told, and no reason to lose them.
_ONLY_TOLD = frozenset({"volume", "missing values", "other categories"})


def answer(judged: Judged, findings: Sequence[Finding], policy: Policy) -> Judged:
    """Refuse a judged delivery whole for what broke, or carry the findings along as warnings."""
    stop = [finding for finding in findings if policy == "refuse" and finding.kind not in _ONLY_TOLD]
    told = [finding for finding in findings if finding not in stop]
    judged = replace(judged, warnings=(*judged.warnings, *map(sentence, told)))
    if not stop:
        return judged
    reasons: dict[str, list[str]] = {}
    for finding in stop:
        reasons.setdefault(f"sentinel:{finding.kind}", []).append(sentence(finding))
    reasons[f"sentinel:{stop[-1].kind}"].append("correct it, or set validation.sentinel to warn if it is meant")
    return refuse_whole(judged, {name: "; ".join(told) for name, told in reasons.items()})


def sentence(finding: Finding) -> str:
    """A finding with its columns, on one line without the sign that separates rules."""
    columns = f" in {', '.join(finding.columns)}" if finding.columns else ""
    rows = f" ({finding.rows} of {finding.of} rows)" if finding.of else ""
    return f"sentinel: {finding.kind}{columns}: {finding.reason}{rows}".replace(";", ",")
