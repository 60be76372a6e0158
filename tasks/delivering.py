"""Task wrappers that deliver the champion's predictions to where the pipeline's file wants them, beside the store."""

from collections.abc import Sequence
from hashlib import sha256

from prefect import task

from tasks.adapters.faults import fault_point
from tasks.adapters.leases import Lease
from tasks.adapters.outputs import Output
from tasks.adapters.registry import ModelVersion
from tasks.core import championship
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.retrying import STEP
from tasks.session import Session

_NAMES = {ROW_ID: "row_id", EVENT_TIME: "event_time", "_batch_id": "batch_id"}
_COLUMNS = ["row_id", "event_time", "prediction", "model_version", "batch_id", "scored_at"]


@task(name="find reign", **STEP)
def find_reign(session: Session) -> int:
    """The receipt of the champion's reign, by the journal; 0 where nobody reigns."""
    now = championship.reign(session.journal.entries())
    return now.receipt if now else 0


@task(name="find undelivered batches", **STEP)
def find_undelivered(
    session: Session, version: ModelVersion, output: Output, batches: Sequence[str], receipt: int
) -> list[str]:
    """The batches whose predictions by the version stand in the store and not yet in the output, in order.

    What was delivered counts for one reign (its `receipt`): after a roll-back the old champion's predictions are
    delivered again.
    """
    known = set(session.store.read("outputs", ["token"])["token"])
    due = [one for one in batches if token_of(version, output, one, receipt) not in known]
    return [one for one in due if session.store.committed("predictions", f"{one}@{version.number}")]


@task(name="deliver predictions", task_run_name="deliver {batch_id}", **STEP)
def deliver_predictions(
    session: Session, version: ModelVersion, output: Output, batch_id: str, receipt: int, lease: Lease
) -> int:
    """Deliver one batch's predictions, then write down that it was; killed in between, it is delivered again, alike."""
    import pandas as pd
    import pyarrow.compute as pc

    mine = (pc.field("_batch_id") == batch_id) & (pc.field("model_version") == version.number)
    rows = session.store.read("predictions", where=mine).rename(columns=_NAMES)[_COLUMNS]
    session.leases.check(lease)
    if len(rows):  # none: they were older than the file keeps them
        output.deliver(rows.sort_values("row_id", ignore_index=True), batch_id, version.number)
    fault_point("scoring.delivered")
    token = token_of(version, output, batch_id, receipt)
    line = {"token": token, "_batch_id": batch_id, "model_version": version.number, "kind": output.kind,
            "rows": len(rows), "delivered_at": pd.Timestamp(session.as_of)}  # fmt: skip
    session.store.append("outputs", pd.DataFrame([line]), token)
    return len(rows)


def token_of(version: ModelVersion, output: Output, batch_id: str, receipt: int) -> str:
    """What one delivery is called; another address is another output, which gets everything anew."""
    where = sha256(output.model_dump_json().encode()).hexdigest()[:12]
    return f"{output.kind}-{where}:{batch_id}@{version.number}:{receipt}"
