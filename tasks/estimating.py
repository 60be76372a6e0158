"""Task wrappers of estimation: performance without labels, and what became of earlier estimates of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from prefect import task

from tasks.adapters import labelled, registry
from tasks.adapters.registry import ModelVersion
from tasks.core import estimation, fitting, metrics
from tasks.core.errors import DataRejected
from tasks.core.estimation import Estimation, track_record
from tasks.core.estimation.paired import Side
from tasks.core.estimation.rows import Rows
from tasks.core.estimation.track_record import PastEstimate
from tasks.core.features import ROW_ID, design_matrix
from tasks.core.metrics import MetricName
from tasks.core.observations import Observation
from tasks.core.performance import Performance, limit_of
from tasks.core.probation import Look
from tasks.core.probation_estimates import WEIGHT
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
        rows = labelled.with_features(session.store, rows, _columns(facts))
        matrix = design_matrix(rows, facts.features).reset_index(drop=True) if len(rows) else None
    blocks = fitting.days_of(rows) if len(rows) else np.empty(0, "int64")
    return Rows(rows["prediction"].to_numpy("float64"), blocks, rows["label"].to_numpy("float64"), matrix)


@task(name="review estimates", **STEP)
def review_estimates(
    session: Session, performance: Performance, config: Estimation, metric: MetricName, delay: timedelta
) -> Check:
    """The estimator's track record: the journal's past estimates against the labels of the same rows, known by now."""
    past = track_record.past_estimates(session.journal.entries("monitoring"), metric, session.as_of, delay)
    held = _held_against(session, past, performance, metric)
    return track_record.judge_record(held, min_past=config.min_past, max_error=config.max_error)


@task(name="weigh estimates", **STEP)
def weigh_estimates(
    session: Session, performance: Performance, config: Estimation, metric: MetricName, delay: timedelta
) -> Check:
    """The record over estimates that have no rows in common, and the weight that they have earned, as `weight`."""
    entries = session.journal.entries("monitoring")
    past = track_record.past_estimates(entries, metric, session.as_of, delay, apart=True)
    held = _held_against(session, past, performance, metric)
    record = track_record.judge_record(held, min_past=config.min_past, max_error=config.max_error)
    weight = track_record.weight_of(held, config.confidence)
    return replace(record, numbers={**record.numbers, WEIGHT: weight})


def _held_against(
    session: Session, estimates: Sequence[PastEstimate], performance: Performance, metric: MetricName
) -> list[tuple[PastEstimate, float]]:
    """Each past estimate with the realised score of the same rows, where their labels are known by now."""
    held = []
    for past in estimates:
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
    return held


@task(name="gather rivals", **STEP)
def gather_rivals(session: Session, look: Look, metric: MetricName) -> tuple[Side, Side]:
    """Champion and the one before it on the same rows: the window's, and older ones with labels to learn from.

    Both learn from what both predicted since the newest row that either was trained on, so that both know the newest
    concept that labels tell of; each from its own evaluation rows would hold an old world against a new one.
    """
    numbers = look.champion, look.previous
    facts = [facts_of(registry.version_of(session.pipeline, number)) for number in numbers]
    trained = max(one.trained_until for one in facts)
    before = Window(min(trained + _INSTANT, look.window.start), look.window.start)
    known, asked = (_predicted_by_both(session, numbers, span) for span in (before, look.window))
    known = known[known["label"].notna()]
    if metrics.problem_of(metric) == "regression":
        names = list(dict.fromkeys(name for one in facts for name in _columns(one)))
        known, asked = (labelled.with_features(session.store, rows, names) for rows in (known, asked))
    ours, theirs = (
        Side(_side(known, named, one, metric), _side(asked, named, one, metric), one.features)
        for named, one in zip(("prediction", "prediction_before"), facts, strict=True)
    )
    return ours, theirs


def _columns(facts: Facts) -> list[str]:
    return [*facts.features.numerical, *facts.features.categorical]


def _predicted_by_both(session: Session, versions: tuple[int, int], window: Window) -> "pd.DataFrame":
    ours, theirs = (labelled.predictions_in(session.store, one, window, session.as_of) for one in versions)
    both = ours.merge(theirs[[ROW_ID, "prediction"]], on=ROW_ID, suffixes=("", "_before"))
    return both.sort_values(ROW_ID, ignore_index=True)


def _side(rows: "pd.DataFrame", prediction: str, facts: Facts, metric: MetricName) -> Rows:
    wanted = metrics.problem_of(metric) == "regression" and len(rows)
    matrix = design_matrix(rows, facts.features).reset_index(drop=True) if wanted else None
    blocks = fitting.days_of(rows) if len(rows) else np.empty(0, "int64")
    return Rows(rows[prediction].to_numpy("float64"), blocks, rows["label"].to_numpy("float64"), matrix)


def beside(seen: Observation, estimated: Check | None, record: Check) -> Observation:
    """The observation with the estimate beside the realised performance, where there is one."""
    return seen if estimated is None else replace(seen, estimated=estimated, track_record=record)
