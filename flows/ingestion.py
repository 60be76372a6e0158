"""The ingestion flow: new deliveries become accepted and quarantined rows, each content once."""

from datetime import datetime, timedelta
from pathlib import Path

from prefect import flow

from config.joins import Join
from config.schema import PipelineConfig
from config.settings import load_settings
from flows.naming import is_step, run_name
from flows.running import begin_run
from tasks import documenting, ingestion, releasing, reporting, watching
from tasks.adapters.leases import Lease
from tasks.adapters.sources import FolderLabels, Listing
from tasks.core import batches, dossiers
from tasks.core.batches import Delivery, Judged
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
    docs = documenting.folder_of(load_settings().home, pipeline)
    with session.hold("ingestion") as lease:
        repairs = () if is_step() else reconcile(session).done
        listings, decisions = list[Listing](), list[Decision | None]()
        for join, joining in zip(config.joins, config.suite.joins, strict=True):  # before the events that need them
            listings.append(ingestion.list_deliveries(join.source, session, joining.table))
            decisions += [_ingest_joined(config, session, path, join, lease, docs) for path in listings[-1].ready]
        listings.append(ingestion.list_deliveries(config.source, session))
        decisions += [_ingest_events(config, session, path, lease, docs) for path in listings[-1].ready]
        if isinstance(config.labels, FolderLabels):
            listings.append(ingestion.list_deliveries(config.labels, session, "labels"))
            decisions += [_ingest_labels(config, session, path, lease, docs) for path in listings[-1].ready]
        new = [decision for decision in decisions if decision is not None]
        index = _build_docs(docs) if new else None
    unsettled = tuple(name for listing in listings for name in listing.unsettled)
    left_out = {name: rule for listing in listings for name, rule in listing.left_out.items()}
    reporting.show_page(
        "ingestion", pipeline, dossiers.ingestion_page(pipeline, new, unsettled, repairs, left_out, index)
    )
    return [f"{decision.evidence['name']}: {decision.outcome}" for decision in new]


def _build_docs(docs: Path) -> str | None:
    with reporting.only_shown():
        return str(documenting.build_data_docs(docs))
    return None


def _keep_docs(session: Session, delivery: Delivery, judged: Judged, docs: Path | None) -> None:
    with reporting.only_shown():
        if docs is not None:
            documenting.keep_validation(docs, delivery, judged, session.as_of)


def _ingest_joined(
    config: PipelineConfig, session: Session, path: Path, join: Join, lease: Lease, docs: Path | None = None
) -> Decision | None:
    joining = join.joining(config.columns)
    delivery = ingestion.keep_raw(session, path, joining.table)
    if delivery is None:
        return None
    suite = join.suite(joining, config.privacy.protection, config.validation.engine)
    judged = ingestion.judge_events(session, delivery, join.source, joining.columns, suite)
    _keep_docs(session, delivery, judged, docs)
    tables = batches.event_tables(judged, delivery, joining.columns, None, timedelta(0))
    ingestion.publish_batch(session, delivery, tables, lease)
    return ingestion.record_batch(session, delivery.batch_id)


def _ingest_events(
    config: PipelineConfig, session: Session, path: Path, lease: Lease, docs: Path | None = None
) -> Decision | None:
    delivery = ingestion.keep_raw(session, path, "events")
    if delivery is None:
        return None
    judged = ingestion.judge_events(session, delivery, config.source, config.columns, config.suite)
    _keep_docs(session, delivery, judged, docs)
    judged = releasing.find_replaced(session, delivery, judged, config.suite.corrections)
    judged = watching.watch_delivery(
        session, judged, config.columns, config.positive, config.validation.sentinel, config.drift.one_false_alarm_in
    )
    tables = batches.event_tables(judged, delivery, config.columns, config.positive, config.labels.delay)
    ingestion.publish_batch(session, delivery, tables, lease)
    return ingestion.record_batch(session, delivery.batch_id)


def _ingest_labels(
    config: PipelineConfig, session: Session, path: Path, lease: Lease, docs: Path | None = None
) -> Decision | None:
    delivery = ingestion.keep_raw(session, path, "labels")
    if delivery is None or not isinstance(config.labels, FolderLabels):
        return None
    identity = [column for column in config.columns if column.role == "id"]
    judged = ingestion.judge_labels(session, delivery, config.labels, config.suite, identity)
    _keep_docs(session, delivery, judged, docs)
    judged = releasing.find_replaced(session, delivery, judged, config.suite.corrections)
    names = (config.labels.id, config.labels.label, config.labels.known_at or batches.DELIVERED_AT)
    tables = batches.late_label_tables(judged, delivery, names, config.positive)
    ingestion.publish_batch(session, delivery, tables, lease)
    return ingestion.record_batch(session, delivery.batch_id)
