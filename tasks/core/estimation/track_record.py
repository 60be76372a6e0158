"""The estimator's own track record: what it said while labels were missing, against what they said when they came.

Past estimates come from the journal; the truth is computed by the caller from the labels known now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist

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
    entries: Sequence[JournalEntry], metric: str, as_of: datetime, delay: timedelta, *, apart: bool = False
) -> list[PastEstimate]:
    """The newest estimates of the metric whose labels are due by `as_of` (an event's label comes `delay` after it).

    `apart`: only such as have no event time in common. Estimates of one month, made every day, are one proof, not many.
    """
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
    in_order = sorted(found, key=lambda estimate: estimate.window.end)
    return (_apart(in_order) if apart else in_order)[-LONGEST:]


def _apart(estimates: Sequence[PastEstimate]) -> list[PastEstimate]:
    """From the newest backwards, those that end before the one kept last begins."""
    kept: list[PastEstimate] = []
    for one in reversed(estimates):
        if not kept or one.window.end <= kept[-1].window.start:
            kept.append(one)
    return kept[::-1]


def weight_of(held: Sequence[tuple[PastEstimate, float]], confidence: float) -> float:
    """How much of the precision that it states an estimator has proven, 0 to 1: the weight of its next estimate.

    One over the upper 95 % bound of the variance of its errors, each in units of the standard error that it stated
    (chi-square: errors count from 0, so that a bias is an error). Few estimates prove little: three flawless ones
    weigh 1, three that scatter as stated about 0.12, twelve about 0.44. `confidence`: of the past intervals' sides.
    """
    from scipy.stats import chi2

    if not held:
        return 0.0
    sides = NormalDist().inv_cdf(confidence)
    units = [(truth - one.score) * 2 * sides / (one.high - one.low) if one.high > one.low else float("inf")
             for one, truth in held]  # fmt: skip
    total = sum(unit**2 for unit in units)
    return 1.0 if total == 0 else min(1.0, float(chi2.ppf(0.05, len(held))) / total)


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
