"""Task wrappers of estimation: performance without labels, and what became of earlier estimates of it."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from prefect import task

from tasks.adapters import labelled
from tasks.adapters.registry import ModelVersion
from tasks.core import estimation, fitting, metrics
from tasks.core.errors import DataRejected
from tasks.core.estimation import Estimation, track_record
from tasks.core.estimation.rows import Rows
from tasks.core.features import design_matrix
from tasks.core.metrics import MetricName
from tasks.core.observations import Observation
from tasks.core.performance import Performance, limit_of
from tasks.core.results import Check, Window
from tasks.retrying import STEP
from tasks.session import Session
from tasks.versions import Facts, facts_of

if TYPE_CHECKING:
    import pandas as pd

_INSTANT = timedelta(microseconds=1)


@task(name="estimate performance", **STEP)
def estimate_performance(
    session: Session, version: ModelVersion, performance: Performance, config: Estimation, metric: MetricName, seed: int
) -> Check | None:
    """The champion's probable score on its newest rows, learnt on those it was judged on; None: labels are known."""
    facts = facts_of(version)
    window = Window(max(session.as_of - performance.window, facts.evaluated_until + _INSTANT), session.as_of)
    asked = _predicted(session, version, window)
    if len(asked) and asked["label"].notna().mean() >= performance.min_label_share:
        return None
    judged = _predicted(session, version, Window(facts.trained_until + _INSTANT, facts.evaluated_until + _INSTANT))
    found = estimation.estimate_performance(
        config, metric=metric, reference=_rows(session, facts, judged[judged["label"].notna()], metric),
        window=replace(_rows(session, facts, asked, metric), actual=None), features=facts.features,
        promised=facts.promised, limit=limit_of(performance, metric, facts.promised), seed=seed,
    )  # fmt: skip
    edges = {"window_start": window.start.isoformat(), "window_end": window.end.isoformat()}
    return replace(found, numbers={**found.numbers, **edges})


def _predicted(session: Session, version: ModelVersion, window: Window) -> "pd.DataFrame":
    return labelled.predictions_in(session.store, version.number, window, session.as_of)


def _rows(session: Session, facts: Facts, rows: "pd.DataFrame", metric: MetricName) -> Rows:
    matrix = None
    if metrics.problem_of(metric) == "regression":  # only a loss model looks at the features
        rows = labelled.with_features(session.store, rows, [*facts.features.numerical, *facts.features.categorical])
        matrix = design_matrix(rows, facts.features).reset_index(drop=True) if len(rows) else None
    blocks = fitting.days_of(rows) if len(rows) else np.empty(0, "int64")
    return Rows(rows["prediction"].to_numpy("float64"), blocks, rows["label"].to_numpy("float64"), matrix)


@task(name="review estimates", **STEP)
def review_estimates(
    session: Session, performance: Performance, config: Estimation, metric: MetricName, delay: timedelta
) -> Check:
    """The estimator's track record: the journal's past estimates against the labels of the same rows, known by now."""
    held = []
    for past in track_record.past_estimates(session.journal.entries("monitoring"), metric, session.as_of, delay):
        rows = labelled.predictions_in(session.store, past.version, past.window, session.as_of)
        known = rows[rows["label"].notna()]
        if len(known) and len(known) >= performance.min_label_share * len(rows):
            try:
                truth = metrics.score(
                    metric, known["label"].to_numpy("float64"), known["prediction"].to_numpy("float64")
                )
            except DataRejected:
                continue  # no truth to be held against: one class only
            held.append((past, truth))
    return track_record.judge_record(held, min_past=config.min_past, max_error=config.max_error)


def beside(seen: Observation, estimated: Check | None, record: Check) -> Observation:
    """The observation with the estimate beside the realised performance, where there is one."""
    return seen if estimated is None else replace(seen, estimated=estimated, track_record=record)
