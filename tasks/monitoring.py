"""Task wrappers of the monitoring stage: sample both sides, measure, judge, report, decide, start what is decided."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from prefect import task

from tasks.adapters import drift_metrics, drift_plots, drift_reports, fits, labelled, orchestrator, tracking
from tasks.adapters.drift_metrics import DriftMeasurement
from tasks.adapters.faults import fault_point
from tasks.adapters.registry import ModelVersion
from tasks.core import approval, championship, fitting, observations, relooks, season
from tasks.core.data_signals import data_signals
from tasks.core.drift import Drift, judge_drift
from tasks.core.features import EVENT_TIME, ROW_ID, Features
from tasks.core.governor import Governor, breaker_is_open, govern
from tasks.core.importance import column_weights
from tasks.core.metrics import MetricName
from tasks.core.multivariate import judge_multivariate
from tasks.core.observations import PREDICTION, Context, Observation
from tasks.core.performance import Performance, judge_performance
from tasks.core.relooks import Relook
from tasks.core.results import Check, Decision, JournalEntry, Verdict, Window
from tasks.core.sampling import bounded_sample, bounded_sample_batches
from tasks.core.triggers import Trigger, TriggerEvidence, choose_remedy, past_evidence
from tasks.retrying import STEP
from tasks.session import Session
from tasks.training import labelled_rows
from tasks.versions import Facts, facts_of

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


@task(name="sample current", **STEP)
def sample_current(session: Session, version: ModelVersion, window: Window, drift: Drift, seed: int) -> "pd.DataFrame":
    """A bounded sample of the window's rows, streamed, with the version's predictions beside it."""
    import pyarrow.compute as pc

    facts = facts_of(version)
    names = [ROW_ID, EVENT_TIME, *facts.features.numerical, *facts.features.categorical]
    inside = (pc.field(EVENT_TIME) >= window.start) & (pc.field(EVENT_TIME) < window.end)
    tables = (table for table in ("events", "requests") if session.store.exists(table))
    batches = chain.from_iterable(session.store.scan(table, names, inside) for table in tables)
    rows = bounded_sample_batches(batches, drift.max_rows, seed)
    rows = rows if len(rows.columns) else rows.reindex(columns=names)
    predicted = labelled.predictions_in(session.store, version.number, window, session.as_of)
    values, times = predicted["prediction"].to_numpy("float64"), predicted[EVENT_TIME]
    return observations.with_predictions(rows, values, seed, times)


@task(name="sample reference", **STEP)
def sample_reference(session: Session, version: ModelVersion, drift: Drift, seed: int) -> "pd.DataFrame":
    """A bounded sample of the champion's own training rows, with its predictions on the rows it was judged on."""
    facts = facts_of(version)
    kept = session.store.cache_path("references", f"{facts.key}-{drift.max_rows}-{seed}.parquet")
    rows = fits.kept_table(kept, _read_by(facts))
    if rows is None:
        unfinished = kept.with_name(f".{kept.name}.{session.run_id}")
        rows = bounded_sample(_training_rows(session, facts), drift.max_rows, seed)
        rows.to_parquet(unfinished)
        unfinished.replace(kept)
    predicted = _judged_predictions(session, version, facts)
    return observations.with_predictions(rows, predicted["prediction"].to_numpy("float64"), seed, predicted[EVENT_TIME])


@task(name="select season", **STEP)
def select_season(
    session: Session, version: ModelVersion, reference: "pd.DataFrame", end: datetime, drift: Drift, seed: int
) -> "pd.DataFrame":
    """What a window that ends then is compared with: the whole reference, or what the version saw in its season."""
    if drift.season == "none":
        return reference
    facts = facts_of(version)
    kept = season.in_season(_training_rows(session, facts), end, drift, facts.features.timezone)
    rows = bounded_sample(kept, drift.max_rows, seed)
    predicted = _judged_predictions(session, version, facts)
    return season.predictions_in_season(rows, predicted, end, drift, facts.features.timezone, seed)


def _training_rows(session: Session, facts: Facts) -> "pd.DataFrame":
    """The rows that the version was fitted on, in the columns that it reads."""
    rows = labelled_rows(session.store, facts.snapshot)
    seen = rows.iloc[fitting.seen_positions(rows, facts.split, facts.history)]
    return seen[_read_by(facts)]


def _read_by(facts: Facts) -> list[str]:
    return [ROW_ID, EVENT_TIME, *facts.features.numerical, *facts.features.categorical]


def _judged_predictions(session: Session, version: ModelVersion, facts: Facts) -> "pd.DataFrame":
    """The version's predictions of the rows that it was judged on."""
    judged_on = Window(
        facts.trained_until + timedelta(microseconds=1), facts.evaluated_until + timedelta(microseconds=1)
    )
    return labelled.predictions_in(session.store, version.number, judged_on, session.as_of)


@task(name="measure drift", **STEP)
def measure_drift(
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    version: ModelVersion,
    features: Features,
    drift: Drift,
    seed: int,
) -> DriftMeasurement:
    """Distances per column and of the predictions, by Evidently; beside them what each column counts."""
    measured = drift_metrics.measure_drift(
        reference, current, numerical=[*features.numerical, PREDICTION], categorical=list(features.categorical),
        config=drift, seed=seed, prediction=PREDICTION,
    )  # fmt: skip
    fault_point("monitoring.measured")
    known = facts_of(version).importance if drift.weights == "importance" else {}
    shown = drift_plots.without_small_groups(measured, features.smallest_group)
    return replace(shown, weights=column_weights(measured.features, known))


@task(name="measure performance", **STEP)
def measure_performance(
    session: Session, version: ModelVersion, performance: Performance, metric: MetricName, delay: timedelta, seed: int
) -> Check:
    """The champion's score on the rows whose labels are due, held against what it promised at its promotion."""
    facts = facts_of(version)
    end = session.as_of - delay
    start = max(end - performance.window, facts.trained_until + timedelta(microseconds=1))
    rows = labelled.predictions_in(session.store, version.number, Window(start, max(start, end)), session.as_of)
    known = rows[rows["label"].notna()]
    return judge_performance(
        performance, metric=metric, actual=known["label"].to_numpy("float64"),
        predicted=known["prediction"].to_numpy("float64"),
        blocks=fitting.days_of(known) if len(known) else np.empty(0, "int64"), promised=facts.promised,
        label_share=len(known) / len(rows) if len(rows) else None, seed=seed,
    )  # fmt: skip


@task(name="judge window", **STEP)
def judge_window(
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    features: Features,
    drift: Drift,
    measured: DriftMeasurement,
    performance: Check,
) -> Observation:
    """All verdicts of the window."""
    kinds = {"numerical": features.numerical, "categorical": features.categorical}
    least = features.smallest_group
    signals = data_signals(reference, current, **kinds, config=drift, least=least) if len(current) else ()
    data_drift, columns = judge_drift(
        measured.features, measured.distances, measured.noise, drift, weights=measured.weights
    )
    predictions, _ = judge_drift(
        measured.predictions, measured.distances, measured.noise, drift, name="prediction drift"
    )
    data = observations.broken_data(signals, len(current))
    return Observation(data, data_drift, predictions, performance, columns, len(current))


@task(name="judge columns together", **STEP)
def judge_together(
    seen: Observation, reference: "pd.DataFrame", current: "pd.DataFrame", features: Features, drift: Drift, seed: int
) -> Observation:
    """Add what a classifier says that has to tell the window from the reference, where the pipeline asks for it."""
    if not drift.together:
        return seen
    kinds = {"numerical": features.numerical, "categorical": features.categorical}
    return replace(seen, multivariate_drift=judge_multivariate(reference, current, **kinds, config=drift, seed=seed))


@task(name="publish report", **STEP)
def publish_report(
    session: Session, workspace: Path, context: Context, measured: DriftMeasurement, seen: Observation, metric: str
) -> str:
    """Put the check into the pipeline's history in the Evidently UI; returns the page's path there."""
    drifted = seen.columns and sum(c.verdict is Verdict.FAIL for c in seen.columns) / len(seen.columns)
    score = seen.performance.numbers.get("score")
    facts = drift_reports.ReportFacts(
        key=f"{context.version} {context.window.start.isoformat()} {context.window.end.isoformat()}",
        as_of=context.as_of, tags=[f"version {context.version}"],
        metadata={"window": str(context.window), "run": context.run_id},
        numbers={drift_reports.DRIFTED_SHARE: float(drifted or 0), drift_reports.ROWS: float(seen.rows),
                 drift_reports.CHAMPION: float(context.version)},
        performance={} if score is None else {metric: float(score)},
    )  # fmt: skip
    path = drift_reports.publish_report(workspace, session.pipeline, measured, facts)
    fault_point("monitoring.reported")
    return path


@task(name="log report", **STEP)
def log_report(version: ModelVersion, context: Context, measured: DriftMeasurement) -> None:
    """Put the check's Evidently report beside the champion's own run in MLflow."""
    with TemporaryDirectory(prefix="keepfit-") as folder:
        if drift_reports.save_html(measured, Path(folder) / "evidently.html"):
            tracking.log_files(version.run_id, Path(folder), f"monitoring/{context.as_of:%Y-%m-%dT%H%M}")


@task(name="decide remedy", **STEP)
def decide_remedy(
    session: Session,
    context: Context,
    seen: Observation,
    triggers: Sequence[Trigger],
    governor: Governor,
    version: ModelVersion,
) -> Decision:
    """Choose the remedy, ask the governor about a retraining, and write the one decision into the journal."""
    facts = facts_of(version)
    new_labels = labelled.count_after(session.store, facts.evaluated_until, session.as_of)
    age, entries = session.as_of - facts.evaluated_until, session.journal.entries()
    evidence = TriggerEvidence(
        data=seen.data, data_drift=seen.data_drift, prediction_drift=seen.prediction_drift,
        performance=seen.performance, champion_age=age, new_labels=new_labels,
        multivariate_drift=seen.multivariate_drift, estimated=seen.estimated, track_record=seen.track_record,
        past=past_evidence(entries, version.number, session.as_of),
    )  # fmt: skip
    remedy = choose_remedy(triggers, evidence)
    governed = ask_governor(session, governor, entries, new_labels) if remedy.kind == "retrain" else None
    told = {"champion_age_s": age.total_seconds(), "new_labels": new_labels}
    return _record(session, observations.decide(context, seen, remedy, governed, told), governor)


@task(name="decide first training", **STEP)
def decide_first_training(session: Session, context: Context, governor: Governor) -> Decision:
    """Without a champion: ask for the first training, under the governor's limits like any other."""
    new_labels = labelled.count_after(session.store, datetime.min.replace(tzinfo=UTC), session.as_of)
    governed = ask_governor(session, governor, session.journal.entries(), new_labels)
    return _record(session, observations.decide(context, None, observations.FIRST, governed), governor)


def _record(session: Session, decision: Decision, governor: Governor) -> Decision:
    """Write the decision, and that the circuit breaker is open when that is what stands in the way."""
    if decision.outcome == observations.PROPOSED:
        now = championship.reign(session.journal.entries())
        bound = approval.terms(governor.approval, now.receipt if now else 0, session.now, decision.evidence)
        decision = replace(decision, evidence=bound)
    written = session.record(decision).decision
    fault_point("monitoring.decided")
    governed = written.evidence.get("governor")
    if governed and breaker_is_open(Check(**governed)):
        alert = session.record(championship.breaker_alert(session.journal.entries(), written)).decision
        _log.error("%s: %s", session.pipeline, alert.reason)
    return written


def ask_governor(session: Session, governor: Governor, entries: Sequence[JournalEntry], new_labels: int) -> Check:
    """Whether a retraining may start now, by the governor's limits and the pipeline's history."""
    live = session.leases.holder(f"training/{session.pipeline}") is not None
    past = championship.past_trainings(entries, live)
    return govern(governor, history=past, now=session.as_of, new_labels=new_labels, lease_held=live)


@task(name="start retraining", **STEP)
def start_retraining(session: Session, decision: Decision) -> str:
    """Start the training that was decided, once per token, and write that it was sent."""
    token = str(decision.evidence["token"])
    on_demand = not championship.answers_breach(decision)
    run_id = orchestrator.start_training(session.pipeline, token, decision.reason, decision.as_of, on_demand=on_demand)
    fault_point("monitoring.triggered")
    sent = replace(
        decision, key=f"sent:{token}", kind="trigger", outcome="sent", verdict=Verdict.PASS,
        reason="the retraining run was created", evidence={"token": token, "flow_run": run_id}, run_id=session.run_id,
    )  # fmt: skip
    session.record(sent)
    fault_point("monitoring.journaled")
    return run_id


@task(name="find second looks", **STEP)
def find_relooks(session: Session, champion: ModelVersion) -> list[Relook]:
    """The champion's checks that a corrected delivery has touched since."""
    return relooks.due(session.journal.entries(), champion.number)


@task(name="record second look", **STEP)
def record_relook(session: Session, look: Relook, seen: Observation) -> Decision:
    """Write down what a second look says differently from the first; it starts nothing."""
    decision = relooks.told(look, seen, session.as_of, session.run_id)
    session.record(decision)
    return decision
