"""The estimator's own track record: what it said while labels were missing, against what they said when they came.

Past estimates come from the journal; the truth is computed by the caller from the labels known now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.core.results import Check, JournalEntry, Number, Verdict, Window

NAME = "track_record"
LONGEST = 12
"""So many newest estimates count: an estimator is as good as it is lately."""


@dataclass(frozen=True)
class PastEstimate:
    """An estimate as it was written down: of which version and rows, the interval, and the loss that was allowed."""

    version: int
    window: Window
    score: float
    low: float
    high: float
    allowed: float


def past_estimates(
    entries: Sequence[JournalEntry], metric: str, as_of: datetime, delay: timedelta
) -> list[PastEstimate]:
    """The newest estimates of the metric whose labels are due by `as_of` (an event's label comes `delay` after it)."""
    found = []
    for decision in (entry.decision for entry in entries if entry.decision.kind == "monitoring"):
        told = (decision.evidence.get("estimated") or {}).get("numbers") or {}
        if told.get("metric") != metric or told.get("score") is None or decision.as_of >= as_of:
            continue
        window = Window(datetime.fromisoformat(told["window_start"]), datetime.fromisoformat(told["window_end"]))
        if window.end + delay <= as_of:
            found.append(PastEstimate(
                int(decision.evidence["version"]), window, float(told["score"]), float(told["low"]),
                float(told["high"]), abs(float(told["limit"]) - float(told["promised"])),
            ))  # fmt: skip
    return sorted(found, key=lambda estimate: estimate.window.end)[-LONGEST:]


def judge_record(held: Sequence[tuple[PastEstimate, float]], *, min_past: int, max_error: float) -> Check:
    """Pass when enough past estimates lay close to the truth; unknown when there are too few; fail otherwise.

    Args:
        held: past estimates with the realised score of the same rows.
        min_past: how many are needed.
        max_error: the largest mean absolute error, as a share of the loss that was allowed at the time.
    """
    inside = sum(one.low <= truth <= one.high for one, truth in held)
    errors = [abs(one.score - truth) / one.allowed if one.allowed else float("inf") for one, truth in held]
    mean = sum(errors) / len(errors) if errors else None
    bias = sum(truth - one.score for one, truth in held) / len(held) if held else None
    numbers: dict[str, Number] = {
        "estimates": len(held), "inside": inside, "error_share": mean, "bias": bias, "max_error": max_error,
    }  # fmt: skip
    if mean is None or len(held) < min_past:
        told = f"the truth of {len(held)} past estimates is known, {min_past} are needed to trust the next"
        return Check(NAME, Verdict.UNKNOWN, told, numbers)
    told = (
        f"{inside} of {len(held)} past estimates held the truth in their interval; they missed it by {mean:.0%} of the "
        f"allowed loss on average, {max_error:.0%} is allowed"
    )
    return Check(NAME, Verdict.PASS if mean <= max_error else Verdict.FAIL, told, numbers)
