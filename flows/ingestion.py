"""The ingestion flow: new deliveries become accepted and quarantined rows, each content once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Any

from prefect import flow

from config.joins import Join
from config.schema import PipelineConfig
from config.settings import load_settings
from flows.naming import is_step, run_name
from flows.running import begin_run, task_runner
from tasks import documenting, ingestion, private, releasing, reporting, watching
from tasks.adapters.leases import Lease
from tasks.adapters.sources import FolderLabels, Listing
from tasks.backfill import Ahead, examine_delivery
from tasks.core import batches, dossiers
from tasks.core.batches import Delivery, Judged
from tasks.core.results import Decision
from tasks.reading import Examined
from tasks.reconciliation import reconcile
from tasks.session import Session


@dataclass(frozen=True)
class _Run:
    """What each step of this run works with."""

    config: PipelineConfig
    session: Session
    lease: Lease
    docs: Path | None = None
    ahead: Ahead = field(default_factory=Ahead)


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
    with (
        session.hold("ingestion") as lease,
        Ahead(partial(task_runner, config.runner), _workers(config, session)) as ahead,
    ):
        run = _Run(config, session, lease, docs, ahead)
        repairs = () if is_step() else reconcile(session).done
        listings, new = list[Listing](), list[Decision]()
        for join, joining in zip(config.joins, config.suite.joins, strict=True):  # before the events that need them
            listings.append(ingestion.list_deliveries(join.source, session, joining.table))
            new += _ingest_joined(run, listings[-1].ready, join)
        listings.append(ingestion.list_deliveries(config.source, session))
        new += _ingest_events(run, listings[-1].ready)
        if isinstance(config.labels, FolderLabels):
            listings.append(ingestion.list_deliveries(config.labels, session, "labels"))
            new += _ingest_labels(run, listings[-1].ready, config.labels)
        index = _build_docs(docs) if new else None
    unsettled = tuple(name for listing in listings for name in listing.unsettled)
    left_out = {name: rule for listing in listings for name, rule in listing.left_out.items()}
    reporting.show_page(
        "ingestion", pipeline, dossiers.ingestion_page(pipeline, new, unsettled, repairs, left_out, index)
    )
    return [f"{decision.evidence['name']}: {decision.outcome}" for decision in new]


def _workers(config: PipelineConfig, session: Session) -> int:
    """Of people whom an older key named the tables tell: each delivery then waits for what those before it change."""
    columns = [*config.columns, *(column for joining in config.suite.joins for column in joining.columns)]
    return 1 if private.older_keys(session, columns, config.suite.protection) else config.runner.workers


def _build_docs(docs: Path) -> str | None:
    with reporting.only_shown():
        return str(documenting.build_data_docs(docs))
    return None


def _keep_docs(run: _Run, delivery: Delivery, judged: Judged) -> None:
    with reporting.only_shown():
        if run.docs is not None:
            documenting.keep_validation(run.docs, delivery, judged, run.session.as_of)


def _kept(session: Session, paths: Sequence[Path], kind: str) -> Iterator[Delivery]:
    """The deliveries that are new, each kept as it is asked for; of one content the first."""
    seen = set[str]()
    for path in paths:
        delivery = ingestion.keep_raw(session, path, kind)
        if delivery is not None and delivery.batch_id not in seen:
            seen.add(delivery.batch_id)
            yield delivery


def _ingest_joined(run: _Run, paths: Sequence[Path], join: Join) -> Iterator[Decision]:
    session, joining = run.session, join.joining(run.config.columns)
    suite = join.suite(joining, run.config.privacy.protection, run.config.validation.engine)
    given: dict[str, Any] = {"source": join.source, "columns": joining.columns, "suite": suite}

    def ingest(delivery: Delivery, examined: Examined | None) -> Decision:
        judged = ingestion.judge_events(session, delivery, **given, examined=examined)
        _keep_docs(run, delivery, judged)
        tables = batches.event_tables(judged, delivery, joining.columns, None, timedelta(0))
        return _publish(run, delivery, tables)

    return starmap(ingest, run.ahead.in_turn(session, _kept(session, paths, joining.table), examine_delivery, given))


def _ingest_events(run: _Run, paths: Sequence[Path]) -> Iterator[Decision]:
    config, session = run.config, run.session
    given: dict[str, Any] = {"source": config.source, "columns": config.columns, "suite": config.suite}

    def ingest(delivery: Delivery, examined: Examined | None) -> Decision:
        judged = ingestion.judge_events(session, delivery, **given, examined=examined)
        _keep_docs(run, delivery, judged)
        judged = releasing.find_replaced(session, delivery, judged, config.suite.corrections)
        rules = config.validation.sentinel, config.drift.one_false_alarm_in
        judged = watching.watch_delivery(session, judged, config.columns, config.positive, *rules)
        tables = batches.event_tables(judged, delivery, config.columns, config.positive, config.labels.delay)
        return _publish(run, delivery, tables)

    return starmap(ingest, run.ahead.in_turn(session, _kept(session, paths, "events"), examine_delivery, given))


def _ingest_labels(run: _Run, paths: Sequence[Path], labels: FolderLabels) -> Iterator[Decision]:
    config, session = run.config, run.session
    identity = [column for column in config.columns if column.role == "id"]
    given: dict[str, Any] = {"labels": labels, "suite": config.suite, "identity": identity}

    def ingest(delivery: Delivery, judged: Judged | None) -> Decision:
        judged = judged or ingestion.judge_labels(session, delivery, **given)
        _keep_docs(run, delivery, judged)
        judged = releasing.find_replaced(session, delivery, judged, config.suite.corrections)
        names = (labels.id, labels.label, labels.known_at or batches.DELIVERED_AT)
        return _publish(run, delivery, batches.late_label_tables(judged, delivery, names, config.positive))

    # What labels are held against is no earlier delivery of labels: the whole verdict is found out ahead.
    return starmap(ingest, run.ahead.in_turn(session, _kept(session, paths, "labels"), ingestion.judge_labels, given))


def _publish(run: _Run, delivery: Delivery, tables: Mapping[str, Any]) -> Decision:
    ingestion.publish_batch(run.session, delivery, tables, run.lease)
    return ingestion.record_batch(run.session, delivery.batch_id)
