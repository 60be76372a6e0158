"""Performance without labels: what the champion's score probably is on rows whose labels are still missing.

Methods after NannyML's "how it works" pages (CBPE, DLE) and Bialek et al. 2024, arXiv:2401.08348, one per file. Whether
an estimate may trigger anything is a matter of the estimator's `track_record`.
"""

from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tasks.core.duel import MIN_BLOCKS, shortage
from tasks.core.errors import DataRejected
from tasks.core.estimation.confidence import by_confidence
from tasks.core.estimation.loss_model import by_loss
from tasks.core.estimation.rows import Rows, worth
from tasks.core.features import Features
from tasks.core.metrics import MetricName, problem_of
from tasks.core.performance import hold_against
from tasks.core.results import Check, Number, Verdict

NAME = "estimated"
METHODS = {"binary": "confidence-based (CBPE)", "regression": "loss model (DLE)"}
UNSUPPORTED: frozenset[MetricName] = frozenset({"r2"})
"""Metrics that no row has a share in: they need the labels' own spread."""
BLIND = "it assumes that labels depend on the features as on the evaluation rows: blind to a change of concept"

_MOST_ROWS = 10_000  # of either side: more rows change the estimate less than the interval is wide


class Estimation(BaseModel):
    """How performance is estimated while labels are missing, and how well the estimator has to have done before.

    `min_past`: past estimates whose truth is known by now. `max_error`: their mean absolute error, as a share of the
    loss that `performance.max_loss` allows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_rows: int = Field(default=200, ge=50)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    min_past: int = Field(default=3, ge=1)
    max_error: float = Field(default=0.5, gt=0, allow_inf_nan=False)


def estimate_performance(  # noqa: PLR0913 - the evidence, by name
    config: Estimation,
    *,
    metric: MetricName,
    reference: Rows,
    window: Rows,
    features: Features,
    promised: float,
    limit: float,
    seed: int,
) -> Check:
    """Estimate the metric on the window from the reference, and hold it against the limit as a realised score is.

    fail: even the better end of the interval is beyond the limit. `numbers["waiting"]`: more rows would help.
    """
    method = METHODS[problem_of(metric)]
    numbers: dict[str, Number] = {
        "score": None, "low": None, "high": None, "promised": promised, "limit": limit, "metric": metric,
        "rows": len(window.predicted), "reference_rows": len(reference.predicted), "method": method, "waiting": False,
    }  # fmt: skip
    rng, tail = np.random.default_rng(seed), 1 - config.confidence
    try:
        if why := _shortage(config, metric, reference, window):
            return Check(NAME, Verdict.UNKNOWN, f"cannot be estimated: {why[0]}", {**numbers, "waiting": why[1]})
        known, asked = (_bounded(side, rng) for side in (reference, window))
        if problem_of(metric) == "binary":
            value, low, high = by_confidence(metric, known, asked, tail=tail, rng=rng)
        else:
            value, low, high = by_loss(metric, known, asked, features, tail=tail, seed=seed)
    except DataRejected as error:
        return Check(NAME, Verdict.UNKNOWN, f"cannot be estimated: {error}", numbers)
    told = hold_against(NAME, metric, limit, {**numbers, "low": low, "high": high}, value)
    reason = f"without labels, {told.reason}; {method} on {len(window.predicted)} rows; {BLIND}"
    return replace(told, reason=reason, numbers={**told.numbers, "score": value})


def _shortage(config: Estimation, metric: MetricName, reference: Rows, window: Rows) -> tuple[str, bool] | None:
    """Why nothing can be estimated, and whether more rows of the window would change that."""
    if metric in UNSUPPORTED:
        return f"{metric} needs the spread of the labels themselves; choose mae or rmse", False
    if reference.actual is None:
        return "the evaluation rows have no labels", False
    if why := shortage(metric, reference.actual, reference.blocks, min_rows=config.min_rows):
        return f"of the champion's evaluation part, {why}", False
    if len(window.predicted) < config.min_rows:
        return f"the window has {len(window.predicted)} rows, at least {config.min_rows} are needed", True
    if round(worth(window.blocks)) < MIN_BLOCKS:
        return f"the window's rows weigh as much as {worth(window.blocks):.1f} days, {MIN_BLOCKS} are needed", True
    return None


def _bounded(side: Rows, rng: np.random.Generator) -> Rows:
    rows = len(side.predicted)
    if gaps := int((~np.isfinite(side.predicted)).sum()):
        raise DataRejected(f"{gaps} of {rows} predictions are NaN or infinite; all must be finite")
    return side if rows <= _MOST_ROWS else side.take(np.sort(rng.choice(rows, _MOST_ROWS, replace=False)))
