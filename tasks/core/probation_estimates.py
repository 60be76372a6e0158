"""A look at a champion on probation while labels are missing: both scores estimated, weighed by the estimator's record.

When such looks are due: `probation`; how scores are estimated: `estimation.paired`.
"""

from tasks.core.errors import DataRejected
from tasks.core.estimation import BLIND, METHODS, UNSUPPORTED, Estimation
from tasks.core.estimation.paired import Difference, Side, estimate_difference, shortage_of
from tasks.core.metrics import MetricName, problem_of
from tasks.core.probation import NAME, Probation
from tasks.core.results import Check, Number, Verdict

WEIGHT = "weight"


def judge_estimate(  # noqa: PLR0913 - the evidence, by name
    config: Probation,
    estimation: Estimation,
    record: Check,
    *,
    metric: MetricName,
    champion: Side,
    previous: Side,
    seed: int,
) -> Check:
    """Hold the champion's estimated score against the former one's; both sides have the same rows.

    Fail: even the better end of the interval is below 0 at a look's share of the confidence, and the record passes.
    The interval is wider than stated by one over the root of the record's weight. Anything else is unknown: an
    estimate proves nobody good. `numbers["waiting"]`: nothing was estimated, and more rows may allow it.
    """
    numbers: dict[str, Number] = {
        "estimated": True, "waiting": False, "rows": len(champion.window.predicted),
        "reference_rows": len(champion.reference.predicted), "record": str(record.verdict),
        WEIGHT: record.numbers.get(WEIGHT, 0.0),
    }  # fmt: skip
    if metric in UNSUPPORTED:
        return Check(NAME, Verdict.UNKNOWN, f"{metric} cannot be estimated without labels", numbers)
    if why := shortage_of(metric, champion, max(config.min_rows, estimation.min_rows)):
        return Check(NAME, Verdict.UNKNOWN, f"cannot be estimated: {why}", {**numbers, "waiting": True})
    tail = (1 - config.confidence_of_a_look) / 2
    try:
        found = estimate_difference(metric, champion, previous, tail=tail, seed=seed)
    except DataRejected as error:
        return Check(NAME, Verdict.UNKNOWN, f"cannot be estimated: {error}", numbers)
    numbers |= {"difference": found.value, "stated_low": found.low, "stated_high": found.high}
    return _weighed(config, record, found, metric, numbers)


def _weighed(
    config: Probation, record: Check, found: Difference, metric: MetricName, numbers: dict[str, Number]
) -> Check:
    """What the estimate amounts to at the weight that the record has earned."""
    told = (
        f"estimated without labels, {metric} {found.ours:.6g} against {found.theirs:.6g} of the champion before, a "
        f"gain of {found.value:+.6g}"
    )
    weight = float(numbers[WEIGHT] or 0.0)
    if not record.passed or not weight > 0:
        why = f"{told}; only noted, the estimator has not earned more ({record.reason})"
        return Check(NAME, Verdict.UNKNOWN, why, numbers)
    low, high = (found.value + (end - found.value) / weight**0.5 for end in (found.low, found.high))
    told += (
        f" ({100 * config.confidence_of_a_look:g} % interval {low:+.6g} to {high:+.6g} at the weight {weight:.2g} that "
        f"the estimator has earned; {METHODS[problem_of(metric)]}, {numbers['rows']} rows)"
    )
    numbers = {**numbers, "low": low, "high": high}
    if high < 0:
        return Check(NAME, Verdict.FAIL, f"worse: {told}; {BLIND}", numbers)
    return Check(NAME, Verdict.UNKNOWN, f"not surely worse: {told}; {BLIND}", numbers)
