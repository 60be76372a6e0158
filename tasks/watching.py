"""Task wrapper of the sentinel: a judged delivery is held against accepted ones before anything of it is stored."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from prefect import task

from tasks.core.batches import Judged
from tasks.core.classes import target_values
from tasks.core.columns import Column
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.frames import only
from tasks.core.sampling import bounded_sample_batches
from tasks.core.sentinel.deliveries import BATCH, INGESTED, Arrival, Past, delivery_findings
from tasks.core.sentinel.finding import Finding
from tasks.core.sentinel.policy import Policy, answer
from tasks.core.sentinel.rows import in_order, reused_ids
from tasks.retrying import STEP
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 20_000  # of earlier deliveries that are held in memory
_SEED = 0


@task(name="watch delivery", **STEP)
def watch_delivery(
    session: Session, judged: Judged, columns: Sequence[Column], positive: str | None, policy: Policy, one_in: int
) -> Judged:
    """Say what broke in a delivery, by comparison with accepted ones; refuse or warn as the pipeline's file says."""
    stored = [column.name for column in columns if column.role not in {"ignore", "target"}]
    again = _reused(session, judged, stored)
    if again:
        judged = answer(judged, again, policy)
    if judged.refusal or not len(judged.accepted) or not session.store.exists("batches"):
        return judged
    target = next((column.name for column in columns if column.role == "target"), None)
    labels = None if target is None else target_values(judged.accepted[target], positive).to_numpy("float64")
    past = _past(session, judged.accepted[EVENT_TIME], stored, target is not None)
    if judged.replaced is not None:  # a correction resembles what it corrects
        past = replace(past, rows=past.rows[~past.rows[ROW_ID].isin(judged.replaced.rows[ROW_ID])])
    arrival = Arrival(only(judged.accepted, [*stored, ROW_ID, EVENT_TIME]), session.as_of, labels)
    return answer(judged, delivery_findings(arrival, past, columns, one_in, _SEED), policy)


def _past(session: Session, times: "pd.Series[Any]", stored: Sequence[str], with_labels: bool) -> Past:
    """The newest accepted deliveries, and earlier rows of the same time: rows that are sent again come from there."""
    import pyarrow.compute as pc

    known = session.store.read("batches", [BATCH, "kind", "accepted", "last_event", INGESTED])
    known = known[(known["kind"] == "events") & (known["accepted"] > 0)].sort_values(INGESTED, kind="stable")
    backwards = known[::-1]
    newest = backwards[backwards["accepted"].cumsum() - backwards["accepted"] < _ROWS]
    same_time = (pc.field(EVENT_TIME) >= times.min()) & (pc.field(EVENT_TIME) <= times.max())
    where = pc.field(BATCH).isin(list(newest[BATCH])) | same_time
    names = [*dict.fromkeys([*stored, ROW_ID, EVENT_TIME, BATCH, INGESTED])]
    scanned = session.store.scan("events", names, where) if len(known) else iter(())
    rows = bounded_sample_batches(scanned, _ROWS, _SEED)
    ages = [(came - last).total_seconds() for came, last in zip(known[INGESTED], known["last_event"], strict=True)]
    held = min(1.0, len(rows) / max(1, int(newest["accepted"].sum())))
    was_sorted = False
    if with_labels and len(newest):
        mine = pc.field(BATCH) == newest[BATCH].iloc[0]
        was_sorted = in_order(session.store.read("labels", ["label"], mine)["label"].to_numpy("float64"))
    return Past(rows, known["accepted"].to_numpy("float64"), np.array(ages, "float64"), was_sorted, held)


def _reused(session: Session, judged: Judged, stored: Sequence[str]) -> list[Finding]:
    """Whether rows with ids of earlier rows are those rows."""
    import pyarrow.compute as pc

    now = judged.again
    if now is None or not len(now):
        return []
    wanted = pc.field(ROW_ID).isin(list(now[ROW_ID]))
    was = session.store.read("events", [*dict.fromkeys([*stored, ROW_ID, EVENT_TIME])], wanted)
    was = was.drop_duplicates(ROW_ID).set_index(ROW_ID)
    now = now.drop_duplicates(ROW_ID).set_index(ROW_ID)
    both = was.index.intersection(now.index)
    names = [EVENT_TIME, *(name for name in stored if name in was)]
    found = reused_ids(was.loc[both], now.loc[both], names, judged.delivered)
    return [] if found is None else [found]
