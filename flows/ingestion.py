"""The ingestion flow: new deliveries become accepted and quarantined rows, each content once."""

from datetime import datetime
from pathlib import Path

from prefect import flow

from config.schema import PipelineConfig
from flows.naming import is_step, run_name
from flows.running import begin_run
from tasks import ingestion, releasing, reporting, watching
from tasks.adapters.leases import Lease
from tasks.adapters.sources import FolderLabels
from tasks.core import batches, dossiers
from tasks.core.results import Decision
from tasks.reconciliation import reconcile
from tasks.session import Session


@flow(name="ingestion", flow_run_name=run_name, persist_result=False)
def ingestion_flow(pipeline: str, as_of: datetime | None = None) -> list[str]:
    """Take in what the source has delivered: keep it, read it exactly, validate it, publish each batch once.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        as_of: The moment as which the run decides, with a time zone; empty means now.

    Returns:
        What became of each new delivery: its name and its outcome.
    """
    config, session = begin_run(pipeline, as_of)
    with session.hold("ingestion") as lease:
        repairs = () if is_step() else reconcile(session).done
        events = ingestion.list_deliveries(config.source, session)
        decisions = [_ingest_events(config, session, path, lease) for path in events.ready]
        unsettled, left_out = events.unsettled, dict(events.left_out)
        if isinstance(config.labels, FolderLabels):
            late = ingestion.list_deliveries(config.labels, session)
            decisions += [_ingest_labels(config, session, path, lease) for path in late.ready]
            unsettled += late.unsettled
            left_out |= late.left_out
    new = [decision for decision in decisions if decision is not None]
    reporting.show_page("ingestion", pipeline, dossiers.ingestion_page(pipeline, new, unsettled, repairs, left_out))
    return [f"{decision.evidence['name']}: {decision.outcome}" for decision in new]


def _ingest_events(config: PipelineConfig, session: Session, path: Path, lease: Lease) -> Decision | None:
    delivery = ingestion.keep_raw(session, path, "events")
    if delivery is None:
        return None
    judged = ingestion.judge_events(session, delivery, config.source, config.columns, config.suite)
    judged = releasing.find_replaced(session, delivery, judged, config.suite.corrections)
    judged = watching.watch_delivery(
        session, judged, config.columns, config.positive, config.validation.sentinel, config.drift.one_false_alarm_in
    )
    tables = batches.event_tables(judged, delivery, config.columns, config.positive, config.labels.delay)
    ingestion.publish_batch(session, delivery, tables, lease)
    return ingestion.record_batch(session, delivery.batch_id)


def _ingest_labels(config: PipelineConfig, session: Session, path: Path, lease: Lease) -> Decision | None:
    delivery = ingestion.keep_raw(session, path, "labels")
    if delivery is None or not isinstance(config.labels, FolderLabels):
        return None
    identity = [column for column in config.columns if column.role == "id"]
    judged = ingestion.judge_labels(session, delivery, config.labels, config.suite, identity)
    judged = releasing.find_replaced(session, delivery, judged, config.suite.corrections)
    names = (config.labels.id, config.labels.label, config.labels.known_at or batches.DELIVERED_AT)
    tables = batches.late_label_tables(judged, delivery, names, config.positive)
    ingestion.publish_batch(session, delivery, tables, lease)
    return ingestion.record_batch(session, delivery.batch_id)
