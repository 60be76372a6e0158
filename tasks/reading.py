"""From the texts of a kept delivery to typed rows that may be stored, with the faults of single rows. No verdicts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import batches, corrections
from tasks.core.batches import Delivery, Suite
from tasks.core.columns import Column, convert
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.privacy.protection import Found
from tasks.core.rows import refuse_unusable, shape_faults, time_faults
from tasks.core.schema_changes import columns_before
from tasks.private import make_private
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd


def typed(
    session: Session, delivery: Delivery, text: "pd.DataFrame", columns: Sequence[Column], suite: Suite
) -> tuple["pd.DataFrame", dict[str, Any], Found]:
    """The rows as they may be stored, the rules that single rows break, and what of them is personal. DataRejected."""
    used = [column for column in columns if column.role != "ignore"]
    refuse_unusable(text, used, columns_before(session.store.read("batches")))
    converted = convert(text, used)
    faults = converted.faults | shape_faults(text, [column.name for column in used])

    def accepted(rows: "pd.DataFrame") -> "pd.Series":
        return standing(session, batches.row_ids(rows, columns, delivery.batch_id))

    frame, found = make_private(session, converted.frame, used, suite.protection, accepted)
    frame = frame.assign(**{EVENT_TIME: batches.event_times(frame, columns, delivery.ingested_at)})
    frame[ROW_ID] = batches.row_ids(frame, columns, delivery.batch_id)
    timed = next((column for column in columns if column.role == "time"), None)
    faults |= time_faults(frame[EVENT_TIME], timed, session.now, "event_time")
    known = _accepted(session, frame[ROW_ID], delivery, suite)
    if known.any():
        faults["row_id:already accepted"] = list(frame.index[known])
    return frame, faults, found


def _accepted(session: Session, ids: "pd.Series", delivery: Delivery, suite: Suite) -> "pd.Series":
    """Which of these rows were accepted before and stay; earlier ids are looked through piece by piece."""
    import pyarrow.compute as pc

    if suite.corrections == "by_id" and suite.rows is None:
        return ids.isna()
    where = None
    if suite.corrections == "by_name":
        olds = corrections.earlier_of(session.store.read("batches"), delivery)
        where = ~pc.field("_batch_id").isin(olds) if olds else None
    return standing(session, ids, where)


def standing(session: Session, ids: "pd.Series", where: Any = None) -> "pd.Series":
    """Which of these rows stand in the events (of those that pass the filter); a missing id counts as one that does."""
    import numpy as np
    import pandas as pd

    distinct = pd.Index(ids.dropna().unique())
    seen = np.zeros(len(distinct), bool)
    for rows in session.store.scan("events", [ROW_ID], where):
        places = distinct.get_indexer(rows.column(ROW_ID).to_pandas())
        seen[places[places >= 0]] = True
    return ids.isna() | ids.isin(distinct[seen])
