"""Task wrappers of the ingestion stage: list, keep, read, judge, stage and publish deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.logging import get_run_logger

from tasks import private
from tasks.adapters import expectations
from tasks.adapters.expectations import Validation
from tasks.adapters.faults import fault_point
from tasks.adapters.leases import Lease
from tasks.adapters.sources import FolderLabels, Listing
from tasks.core import batches
from tasks.core.batches import Delivery, Judged, Suite
from tasks.core.changed_deliveries import compared
from tasks.core.classes import Unknown
from tasks.core.columns import Column, convert, delivered
from tasks.core.errors import DataRejected
from tasks.core.features import ROW_ID
from tasks.core.frames import others
from tasks.core.joins import JOINED, is_joined
from tasks.core.printable import printable
from tasks.core.results import Decision
from tasks.core.rows import refuse_unusable, shape_faults, time_faults
from tasks.core.schema_changes import columns_before
from tasks.reading import Examined, accepted_before, evaluated_in, examine, standing
from tasks.retrying import STEP
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd

_EVERY_DAY = ("labels", "quarantine", "events", "batches")
"""Tables that deliveries write to in an ordinary run, in which the fault points are passed."""


@task(name="list deliveries", **STEP)
def list_deliveries(source: Any, session: Session, kind: str = "events") -> Listing:
    """What a source has ready; sources that fetch or generate put what is due into the inbox first."""
    room = (kind, source.kind) if is_joined(kind) else (source.kind,)
    inbox = session.store.cache_path("inbox", *room, "deliveries").parent
    known = session.store.read("batches", ["name", "kind"])
    # Names tell how far a source was read: another one of the same kind has a watermark of its own.
    source.deliver(session.as_of, inbox, set(known.loc[known["kind"] == kind, "name"]))
    listing: Listing = source.listing(inbox)
    if listing.unsettled:
        get_run_logger().info("left alone, still being written: %s", ", ".join(listing.unsettled))
    for name, rule in listing.left_out.items():
        get_run_logger().warning("left out, no file of the source's folder: %s (%s)", name, rule)
    return listing


def _keeping(parameters: dict[str, Any]) -> str:
    return f"keep {printable(parameters['path'].name)}"


@task(name="keep raw", task_run_name=_keeping, **STEP)  # type: ignore[arg-type]  # Prefect's protocol has a class method
def keep_raw(session: Session, path: Path, kind: str) -> Delivery | None:
    """Keep a copy by content; None when this content was ingested before, under whatever name."""
    sha256 = session.store.keep_raw(path)
    fault_point("ingestion.raw_kept")
    delivery = Delivery(printable(path.name), sha256, kind, session.as_of)
    return None if session.store.committed("batches", delivery.batch_id) else delivery


@task(name="judge events", task_run_name="judge {delivery.name}", **STEP)
def judge_events(
    session: Session,
    delivery: Delivery,
    source: Any,
    columns: Sequence[Column],
    suite: Suite,
    examined: Examined | None = None,
) -> Judged:
    """Judge a delivery of rows beside what was accepted before; an unreadable one is refused whole, as a result.

    Joined sources are judged as events are, with their own columns. `examined`: what was found out of it ahead.
    """
    before = columns_before(session.store.read("batches"), delivery.kind)
    if examined is None or examined.rejected is not None:  # how a refusal is told depends on what came before
        examined = examine(session, delivery, source, columns, suite, before)
    if examined.rejected is not None or examined.frame is None:
        return batches.unreadable(*(examined.rejected or ("unusable", "it was not read")))
    fault_point("ingestion.validated")
    frame, faults, again = examined.frame, dict(examined.faults), list(examined.again)
    known = accepted_before(session, frame[ROW_ID], delivery, suite)
    if known.any():
        faults["row_id:already accepted"] = list(frame.index[known])
    if again:  # the first of them is judged as if it had come alone
        aside = set(again)
        faults = {rule: [n for n in numbers if n not in aside] for rule, numbers in faults.items()}
        faults[batches.REPEATED] = again
    answer, found = examined.answer, examined.found
    target = next((column.name for column in columns if column.role == "target"), None)
    of_known_ids = frame.loc[list(faults.get("row_id:already accepted", ()))]
    judged = _judged(frame, faults | answer.rows | found.rows, answer, target, suite, found.refusals)
    judged = replace(judged, again=of_known_ids)
    if suite.rows is not None:
        return judged
    return compared(judged, examined.columns, examined.rows, delivered(columns), suite, before)


def _judged(
    frame: "pd.DataFrame",
    rules: dict[str, list[int]],
    answer: Validation,
    target: str | None,
    suite: Suite,
    personal: dict[str, str],
) -> Judged:
    unknown = Unknown()
    if target is not None:  # what is out for another reason says nothing about the classes
        out = {number for numbers in rules.values() for number in numbers}
        unknown = suite.classes.unknown(frame.loc[others(frame.index, out), target])
    refusals = dict(zip(answer.refusals, answer.refusals, strict=True)) | unknown.refusals | personal
    judged = batches.judge_rows(frame, rules | unknown.rows, refusals, suite.max_share, answer.checks)
    return replace(judged, asked=answer.asked)


@task(name="judge labels", task_run_name="judge {delivery.name}", **STEP)
def judge_labels(
    session: Session, delivery: Delivery, labels: FolderLabels, suite: Suite, identity: Sequence[Column] = ()
) -> Judged:
    """Read and convert a labels delivery; rows without an id, a label or a time are quarantined.

    `identity` are the id columns of the events: what a label's id is called in the tables follows from them.
    """
    kind = "string" if suite.classes.positive is not None else "number"
    personal = next((column.privacy for column in identity), None)
    columns = [
        Column(name=labels.id, role="id", type="string", required=True, privacy=personal),
        Column(name=labels.label, role="feature", type=kind, required=True),
    ]
    if labels.known_at is not None:
        form = labels.known_format
        columns.append(Column(name=labels.known_at, role="time", type="datetime", required=True, format=form))
    try:
        text = labels.read(session.store.raw_path(delivery.sha256))
        text = text if suite.rows is None else text.loc[list(suite.rows)]
        refuse_unusable(text, columns)
    except DataRejected as error:
        return batches.unreadable(error.rule, str(error))
    converted = convert(text, columns)
    faults = converted.faults | shape_faults(text, [column.name for column in columns])

    def accepted(rows: "pd.DataFrame") -> "pd.Series":
        return standing(session, rows[labels.id].map(batches.row_id_of, na_action="ignore"))

    found = private.look(converted.frame, columns, suite.protection)
    frame = private.protect(session, converted.frame, columns, suite.protection, accepted)
    known = {}
    if labels.known_at is None:
        frame[batches.DELIVERED_AT] = batches.event_times(frame, columns, delivery.ingested_at)
    else:
        known = time_faults(frame[labels.known_at].dropna(), columns[-1], session.now, "known_at")
    always = expectations.always(columns)
    some = [rule for rule in always if suite.rows is None or rule.on_fail == "quarantine"]
    may_be_empty = () if suite.rows is None else list(frame.columns)
    answer = expectations.validate(frame, some, may_be_empty, suite.engine, evaluated_in(session))
    rules = faults | known | answer.rows | found.rows
    return _judged(frame, rules, answer, labels.label, Suite(classes=suite.classes), found.refusals)


@task(name="publish batch", task_run_name="publish {delivery.name}", **STEP)
def publish_batch(session: Session, delivery: Delivery, tables: Mapping[str, "pd.DataFrame"], lease: Lease) -> None:
    """Stage all tables of a delivery, then append each once; whoever lost the lease publishes nothing."""

    def before(table: str) -> None:
        if table in _EVERY_DAY or is_joined(table):
            fault_point(f"ingestion.published.{JOINED if is_joined(table) else table}")
        session.leases.check(lease)

    session.store.stage(delivery.batch_id, tables)
    fault_point("ingestion.staged")
    session.leases.check(lease)
    session.store.publish(delivery.batch_id, before_each=before)
    fault_point("ingestion.published")


@task(name="record batch", task_run_name="record {batch_id}", **STEP)
def record_batch(session: Session, batch_id: str) -> Decision:
    """Write what became of a published batch into the journal, from the tables themselves."""
    import pyarrow.compute as pc

    mine = pc.field("_batch_id") == batch_id
    batch = session.store.read("batches", where=mine).iloc[0]
    decision = batches.decision_of(
        batch, session.store.read("quarantine", ["rule"], mine), session.pipeline, session.as_of
    )
    session.record(replace(decision, run_id=session.run_id))
    fault_point("ingestion.journaled")
    return decision
