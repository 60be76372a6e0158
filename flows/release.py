"""The release flow: rows of the quarantine are judged again by the present rules, because a person asked for it."""

from datetime import timedelta

from prefect import flow

from config.schema import PipelineConfig
from flows.running import begin_run
from tasks import ingestion, releasing, reporting, watching
from tasks.adapters.leases import Lease
from tasks.adapters.sources import FolderLabels
from tasks.core import batches, corrections, delivery_pages
from tasks.core.batches import Judged
from tasks.core.corrections import Release
from tasks.core.joins import is_joined
from tasks.core.results import Decision
from tasks.reconciliation import reconcile
from tasks.session import Session


@flow(name="release", flow_run_name="{pipeline}", persist_result=False)
def release_flow(pipeline: str, what: str, who: str, why: str) -> list[str]:
    """Judge quarantined rows again; those that break no rule any more are in, once, as a batch of their own.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        what: A batch (its id, the beginning of it, or its name), or a rule; of a delivery that was refused whole all.
        who: Who asked for it.
        why: Why, for the journal.

    Returns:
        What became of each delivery, a sentence each.
    """
    config, session = begin_run(pipeline)
    with session.hold("ingestion") as lease:
        reconcile(session)
        found = releasing.find_quarantined(session, what, config.suite.corrections)
        told = [_release(config, session, release, (who, why), lease) for release in found]
    lines = [line for line, _ in told]
    done = [decision for _, decision in told if decision is not None]
    page = delivery_pages.release_page(pipeline, what, (who, why), lines, done)
    reporting.show_page("release", pipeline, page)
    return lines


def _release(
    config: PipelineConfig, session: Session, release: Release, asked: tuple[str, str], lease: Lease
) -> tuple[str, Decision | None]:
    name, outstanding = str(release.batch["name"]), release.numbers
    judged = releasing.judge_again(session, release, config)
    if release.whole and release.batch["kind"] == "events":
        rules = config.validation.sentinel, config.drift.one_false_alarm_in
        judged = watching.watch_delivery(session, judged, config.columns, config.positive, *rules)
    if judged.refusal or not len(judged.accepted):
        return f"{name}: nothing is in: {judged.refusal or 'every row breaks a rule still'}", None
    decision = _publish(config, session, release, judged, asked, lease)
    rows = "the delivery" if outstanding is None else f"{len(judged.accepted)} of {len(outstanding)} rows"
    return f"{name}: {rows} released", decision


def _publish(
    config: PipelineConfig, session: Session, release: Release, judged: Judged, asked: tuple[str, str], lease: Lease
) -> Decision:
    delivery = corrections.release_delivery(release, judged, session.as_of)
    if isinstance(config.labels, FolderLabels) and delivery.kind == "labels":
        names = (config.labels.id, config.labels.label, config.labels.known_at or batches.DELIVERED_AT)
        tables = batches.late_label_tables(judged, delivery, names, config.positive)
    elif is_joined(delivery.kind):
        tables = batches.event_tables(judged, delivery, config.join_of(delivery.kind)[1].columns, None, timedelta(0))
    else:
        tables = batches.event_tables(judged, delivery, config.columns, config.positive, config.labels.delay)
    tables = corrections.release_tables(tables, release, judged, *asked)
    ingestion.publish_batch(session, delivery, tables, lease)
    return ingestion.record_batch(session, delivery.batch_id)
