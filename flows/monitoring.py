"""The monitoring flow: does the champion still do what it promised? A breach starts a retraining by itself."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from prefect import flow

from config.schema import PipelineConfig
from config.settings import load_settings
from config.setup import setup_of
from flows.naming import is_step, run_name
from flows.probation import watch
from flows.promotion import reconsider
from flows.running import begin_run
from flows.trial import review_trial
from tasks import carding, estimating, monitoring, promotion, reporting
from tasks.adapters.registry import ModelVersion
from tasks.core import dossiers
from tasks.core.championship import PROMOTED
from tasks.core.errors import NoChampion
from tasks.core.observations import Context
from tasks.core.results import Check, Window
from tasks.links import report_link, version_links
from tasks.reconciliation import reconcile
from tasks.session import Session


@flow(name="monitoring", flow_run_name=run_name, persist_result=False)
def monitoring_flow(pipeline: str, as_of: datetime | None = None) -> tuple[str, str]:
    """Compare the newest window with the champion's training data and its promise; start a retraining on a breach.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        as_of: The moment as which the run decides, with a time zone; empty means now.

    Returns:
        The outcome (quiet, noted, waiting, alerted, broken data, triggered, proposed, suppressed; promoted, where
        a challenger that waited for evidence became champion instead; rolled back, where the champion does worse than
        the one before it) and the reason.

    Raises:
        NoChampion: the registry answers that the pipeline has no champion yet.
    """
    config, session = begin_run(pipeline, as_of)
    with session.hold("monitoring"):
        if not is_step():
            reconcile(session)
            again = reconsider(config, session)
            if again and again[0] == PROMOTED:
                return again  # the new champion has scored nothing yet that could be checked
        champion = promotion.read_champion(session)
        if champion is None:
            raise NoChampion(f"{pipeline} has no champion yet. Train one first: keepfit run training {pipeline}")
        return watch(config, session) or _check(config, session, champion)


def _check(config: PipelineConfig, session: Session, champion: ModelVersion) -> tuple[str, str]:
    seed, drift = config.search.seed, config.drift
    window = Window(session.as_of - drift.window, session.as_of)
    context = Context(session.pipeline, champion.number, window, session.as_of, session.run_id)
    performance = monitoring.measure_performance(
        session, champion, config.performance, config.metric, config.labels.delay, seed
    )
    estimated = estimating.estimate_performance(
        session, champion, config.performance, config.estimation, config.metric, seed
    )
    record = estimating.review_estimates(
        session, config.performance, config.estimation, config.metric, config.labels.delay
    )
    current = monitoring.sample_current(session, champion, window, drift, seed)
    reference = monitoring.sample_reference(session, champion, drift, seed)
    alike = monitoring.select_season(session, champion, reference, window.end, drift, seed)
    measured = monitoring.measure_drift(alike, current, champion, config.features, drift, seed)
    judged = monitoring.judge_window(reference, current, config.features, drift, measured, performance)
    judged = monitoring.judge_together(judged, reference, current, config.features, drift, seed)
    seen = estimating.beside(judged, estimated, record)
    workspace = load_settings().home / "evidently"
    path = monitoring.publish_report(session, workspace, context, measured, seen, config.metric)
    monitoring.log_report(champion, context, measured)
    again = _look_again(config, session, champion, reference)
    decision = monitoring.decide_remedy(session, context, seen, config.triggers, config.governor, champion)
    if decision.outcome == "triggered":
        monitoring.start_retraining(session, decision)
    again += review_trial(config, session)  # last: whatever is wrong with a challenger, the champion was checked
    links = {**report_link(path), **version_links(session.pipeline, champion.number, champion.run_id)}
    page = dossiers.monitoring_page(decision, (*seen.checks().values(), *again), seen.columns, links)
    with reporting.only_shown():
        carding.write_card(session, champion, setup_of(config))
    reporting.show_page("monitoring", session.pipeline, page)
    return decision.outcome, decision.reason


def _look_again(config: PipelineConfig, session: Session, champion: ModelVersion, reference: Any) -> list[Check]:
    """Check again what corrected deliveries touched since it was checked; written down, and nothing is started."""
    drift, seed, said = config.drift, config.search.seed, []
    for look in monitoring.find_relooks(session, champion):
        window, then = look.decision.window, replace(session, as_of=look.decision.as_of)
        if window is None:
            continue
        performance = monitoring.measure_performance(
            then, champion, config.performance, config.metric, config.labels.delay, seed
        )
        current = monitoring.sample_current(session, champion, window, drift, seed)
        alike = monitoring.select_season(session, champion, reference, window.end, drift, seed)
        measured = monitoring.measure_drift(alike, current, champion, config.features, drift, seed)
        seen = monitoring.judge_window(reference, current, config.features, drift, measured, performance)
        decision = monitoring.record_relook(session, look, seen)
        said.append(Check(f"again: {window}", decision.verdict, decision.reason))
    return said
