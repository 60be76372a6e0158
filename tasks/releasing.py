"""Task wrappers of corrections and releases: what a delivery replaces, and rows of the quarantine judged again."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect import task

from tasks import ingestion
from tasks.core import corrections
from tasks.core.batches import Delivery, Judged, Suite
from tasks.core.corrections import BATCH, OF_BATCH, Release
from tasks.core.errors import NoSuchChoice
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.joins import is_joined
from tasks.core.superseding import Corrections, Replaced, span_of
from tasks.retrying import STEP
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd


@task(name="find replaced rows", **STEP)
def find_replaced(session: Session, delivery: Delivery, judged: Judged, policy: Corrections) -> Judged:
    """Which rows of which earlier batches a judged delivery takes the place of, as the pipeline's file says."""
    if policy == "refuse" or judged.refusal or not len(judged.accepted) or not session.store.exists("batches"):
        return judged
    found = _replaced(session, delivery, judged, policy)
    if found is None or found.empty:
        return judged
    times = session.store.read("events", [ROW_ID, EVENT_TIME], _one_of(ROW_ID, found[ROW_ID]))
    return replace(judged, replaced=Replaced(found, span_of(times[EVENT_TIME])))


def _replaced(session: Session, delivery: Delivery, judged: Judged, policy: Corrections) -> "pd.DataFrame | None":
    if policy == "by_name":
        where = _one_of(BATCH, corrections.earlier_of(session.store.read("batches"), delivery))
    elif delivery.kind == "events":
        where = _one_of(ROW_ID, judged.accepted[ROW_ID])
    else:  # of labels of one row the last that became known counts, and what was known before stays known
        return None
    return session.store.read(delivery.kind, [BATCH, ROW_ID], where).rename(columns={BATCH: OF_BATCH})


def _one_of(name: str, values: Iterable[Any]) -> Any:
    """The Arrow filter: a column's value is one of these."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.field(name).isin(pa.array(list(values), pa.string()))


@task(name="find quarantined rows", **STEP)
def find_quarantined(session: Session, wanted: str, policy: Corrections) -> list[Release]:
    """What stands in the quarantine under a batch or a rule. Raises NoSuchChoice."""
    store = session.store
    known = store.read("batches")
    if known.empty:
        raise NoSuchChoice(f"Nothing was delivered to {session.pipeline} yet, so that nothing can be released.")
    quarantine = store.read("quarantine")
    if quarantine.empty:
        raise NoSuchChoice(f"Nothing of {session.pipeline} stands in quarantine, so that nothing can be released.")
    gone = corrections.superseded_whole(known, store.read("superseded", [OF_BATCH]), policy)
    released = store.read("released", [OF_BATCH, "_row_number"])
    return corrections.releases(wanted, known, quarantine, released, gone)


@task(name="judge again", **STEP)
def judge_again(session: Session, release: Release, config: Any) -> Judged:
    """Judge quarantined rows by the present rules: a whole delivery as such, single rows by the rules of rows."""
    delivery, rows = corrections.delivery_of(release), None if release.whole else release.numbers
    suite: Suite = config.suite if rows is None else replace(config.suite, max_share=1.0, rows=rows)
    if is_joined(delivery.kind):
        join, joining = config.join_of(delivery.kind)
        whole = join.suite(joining, config.privacy.protection, suite.engine)
        of_rows = replace(whole, max_share=suite.max_share, rows=rows)
        judged = ingestion.judge_events.fn(session, delivery, join.source, joining.columns, of_rows)
    elif delivery.kind == "labels":
        identity = [column for column in config.columns if column.role == "id"]
        judged = ingestion.judge_labels.fn(session, delivery, config.labels, suite, identity)
    else:
        judged = ingestion.judge_events.fn(session, delivery, config.source, config.columns, suite)
    return corrections.admitted(release, judged)
