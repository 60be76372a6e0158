"""Performance: does the champion still keep what it promised at its promotion? Judges realised labels only.

What a breach asks for is a matter of `triggers`; how labels become mature is a matter of the store.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tasks.core.duel import bootstrap, bounds, effective_blocks, shortage
from tasks.core.durations import Duration
from tasks.core.errors import DataRejected
from tasks.core.metrics import MetricName, gain, greater_is_better, score
from tasks.core.results import Check, Number, Verdict

NAME = "performance"
# Where a model without any skill stands; a relative loss counts from here, so that 10 % of a roc_auc of 0.8 is 10 % of
# its 0.3 above chance and not of 0.8.
_NO_SKILL: dict[MetricName, float] = {"roc_auc": 0.5}


class Performance(BaseModel):
    """When a champion counts as decayed. `max_loss` is a share of the promised score, or metric units if not relative.

    `min_label_share`: share of the window's rows whose labels are known; below it the known ones may be the odd ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=30)
    max_loss: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    relative: bool = True
    min_rows: int = Field(default=100, ge=1)
    min_label_share: float = Field(default=0.8, ge=0, le=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)


def limit_of(config: Performance, metric: MetricName, promised: float) -> float:
    """The promised score worsened by `max_loss`, in metric units and in the metric's own direction."""
    skill = abs(promised - _NO_SKILL.get(metric, 0.0))
    loss = config.max_loss * (skill if config.relative else 1.0)
    return promised - loss if greater_is_better(metric) else promised + loss


def judge_performance(  # noqa: PLR0913 - the evidence, by name
    config: Performance,
    *,
    metric: MetricName,
    actual: np.ndarray,
    predicted: np.ndarray,
    blocks: np.ndarray,
    promised: float | None,
    label_share: float | None,
    seed: int,
) -> Check:
    """Judge the labelled rows of one window, all of shape (rows,); `blocks` holds one block id (a day) per row.

    `label_share`: of all rows that were scored in the window; None where there are none.
    pass: the score is within the limit. fail: so far beyond it that the one-sided bootstrap bound is beyond it, too,
    and not on one half of the window's blocks (older, newer) only: a shock that passes is no decay.
    Otherwise unknown, and `numbers["waiting"]` tells whether time alone can settle it (more labels, more rows).
    """
    numbers: dict[str, Number] = {
        "score": None, "low": None, "high": None, "promised": promised, "limit": None, "rows": len(actual),
        "label_share": label_share, "waiting": False,
    }  # fmt: skip
    if promised is None or not np.isfinite(promised):
        return Check(NAME, Verdict.UNKNOWN, "the champion has no promised score to be held against", numbers)
    limit = numbers["limit"] = limit_of(config, metric, promised)
    if why := lack_of_labels(label_share, config.min_label_share):
        return Check(NAME, Verdict.UNKNOWN, why, {**numbers, "waiting": True})
    try:
        if why_not := shortage(metric, actual, blocks, min_rows=config.min_rows):
            return Check(NAME, Verdict.UNKNOWN, why_not, {**numbers, "waiting": True})
        told = _score(metric, actual, predicted, blocks, config.confidence, seed)
    except DataRejected as error:
        return Check(NAME, Verdict.UNKNOWN, f"the score cannot be computed: {error}", numbers)
    value, interval = told
    numbers |= {"score": value}
    if interval is None:
        return Check(
            NAME, Verdict.UNKNOWN, f"{metric} is undefined in too many resamples", {**numbers, "waiting": True}
        )
    found = hold_against(NAME, metric, limit, {**numbers, "low": interval[0], "high": interval[1]}, value)
    breach = found.verdict is Verdict.FAIL
    return _unless_in_one_half(found, config, metric, (actual, predicted, blocks), seed) if breach else found


def lack_of_labels(share: float | None, least: float) -> str | None:
    """Why the labels of a window do not suffice, by their share of its scored rows (None: there are none); or None."""
    if share is None:
        return "no row of the window was scored; wait until a batch of it is"
    return None if share >= least else f"labels are known for {share:.0%} of the rows, {least:.0%} are needed; wait"


def _score(
    metric: MetricName, actual: np.ndarray, predicted: np.ndarray, blocks: np.ndarray, confidence: float, seed: int
) -> tuple[float, tuple[float, float] | None]:
    """The score and what bounds it from each side with that confidence."""
    value = score(metric, actual, predicted)
    samples = bootstrap(metric, actual, [predicted], blocks, seed=seed)[0]
    return value, bounds(samples, value, effective_blocks(metric, actual, blocks), tail=1 - confidence)


def _unless_in_one_half(
    found: Check, config: Performance, metric: MetricName, rows: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> Check:
    """The breach, or unknown where one half of its window may keep the promise and the other is surely worse than it.

    Then it only begins or has passed again: a shock, for all that is known. `rows`: actual, predicted, blocks. Halves
    that cannot carry a score of their own change nothing.
    """
    days = np.unique(rows[2])
    newer = rows[2] >= days[len(days) // 2]
    numbers, limit, held = dict(found.numbers), float(found.numbers["limit"] or 0), {}
    for name, half in (("older", ~newer), ("newer", newer)):
        actual, predicted, blocks = (part[half] for part in rows)
        try:
            if shortage(metric, actual, blocks, min_rows=config.min_rows):
                return found
            value, interval = _score(metric, actual, predicted, blocks, config.confidence, seed)
        except DataRejected:
            return found
        if interval is None:
            return found
        numbers[f"{name}_half"] = value
        held[name] = interval if greater_is_better(metric) else (interval[1], interval[0])  # the worse end first
    for name, other, what in (("older", "newer", "it only begins"), ("newer", "older", "it has passed again")):
        worse, better = held[name]
        if gain(metric, better, limit) >= 0 and gain(metric, worse, held[other][1]) > 0:
            why = f"a shock, for all that is known ({what}; {name} half {metric} {numbers[f'{name}_half']:.6g})"
            return Check(NAME, Verdict.UNKNOWN, f"{why}: {found.reason}", {**numbers, "waiting": True})
    return replace(found, numbers=numbers)


def hold_against(name: str, metric: MetricName, limit: float, numbers: dict[str, Number], value: float) -> Check:
    """Compare a score and its bounds (`low`, `high` in the numbers) with the limit, as the check of that name.

    The better end of the interval is the one that must be beyond the limit for a fail.
    """
    low, high = numbers["low"], numbers["high"]
    best = high if greater_is_better(metric) else low
    promised = numbers["promised"]
    told = f"{metric} {value:.6g} ({low:.6g} to {high:.6g}), promised {promised:.6g}, limit {limit:.6g}"
    if gain(metric, value, limit) >= 0:
        return Check(name, Verdict.PASS, f"within the limit: {told}", numbers)
    if isinstance(best, float) and gain(metric, best, limit) < 0:
        return Check(name, Verdict.FAIL, f"beyond the limit: {told}", numbers)
    return Check(name, Verdict.UNKNOWN, f"worse than the limit, but within noise: {told}", {**numbers, "waiting": True})
