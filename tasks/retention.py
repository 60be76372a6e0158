"""Task wrapper that lets tables and kept deliveries go when the pipeline's file says that they are old enough."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta

from prefect import task

from tasks.adapters.store import erasing
from tasks.core.errors import StoreConflict
from tasks.core.results import Decision, Verdict
from tasks.retrying import STEP
from tasks.session import Session

_STAGES = ("ingestion", "training", "scoring", "monitoring", "promotion")


@task(name="let go of what is old", **STEP)
def apply_retention(session: Session, keep: Mapping[str, timedelta]) -> tuple[str, ...]:
    """Remove what is older than `keep` says (raw, quarantine, predictions), and write it into the journal.

    Nothing happens while another run is at work on the tables: the next reconciliation does it then.
    """
    if not keep or session.store.version("batches") < 0:
        return ()
    with ExitStack() as held:
        try:
            for stage in _STAGES:
                held.enter_context(session.leases.hold(f"{stage}/{session.pipeline}", session.run_id))
        except StoreConflict:
            return ()
        told = {name: count for name, age in keep.items() if (count := _GOES[name](session, session.as_of - age))}
        if told:
            session.record(_decision(session, keep, told))
    return tuple(
        f"{count} {_WHAT[name]} were older than the file keeps them, and are gone" for name, count in told.items()
    )


def _raw(session: Session, before: datetime) -> int:
    batches = session.store.read("batches", ["sha256", "_ingested_at"])
    old = set(batches["sha256"][batches["_ingested_at"] < before])
    folder = session.store.folder / "raw"
    kept = {path.name[:64] for path in folder.iterdir() if path.is_file() and path.stat().st_size}
    for sha in sorted(old & kept):
        erasing.redact(folder, sha, None, ())  # its hash stays known: delivered again, it is not taken in again
    return len(old & kept)


def _quarantine(session: Session, before: datetime) -> int:
    rows = session.store.read("quarantine", ["_batch_id", "_row_number", "_ingested_at"])
    due = rows[rows["_ingested_at"] < before] if len(rows) else rows
    for batch, count in due[due["_row_number"] >= 0].groupby("_batch_id").size().items() if len(due) else ():
        _account(session, str(batch), "quarantine", int(count))
    return _rewrite(session, "quarantine", "_ingested_at", before) if len(due) else 0


def _predictions(session: Session, before: datetime) -> int:
    # A batch that one version scored goes whole or not at all: all its rows have the moment of the scoring.
    return _rewrite(session, "predictions", "scored_at", before) if session.store.exists("predictions") else 0


def _account(session: Session, batch: str, table: str, rows: int) -> None:
    import pandas as pd

    gone = pd.DataFrame([{"kind": "rows", "name": batch, "part": table, "rows": rows, "erasure": "retention"}])
    session.store.append("erasures", gone, f"retention:{table}:{batch}")


def _rewrite(session: Session, table: str, column: str, before: datetime) -> int:
    counts = session.store.rows(table)
    erasing.rewrite(
        session.store.folder / table, lambda rows: rows.column(column).to_pandas().lt(before).to_numpy(dtype=bool)
    )
    return counts - session.store.rows(table)


def _decision(session: Session, keep: Mapping[str, timedelta], told: Mapping[str, int]) -> Decision:
    said = ", ".join(f"{count} {_WHAT[name]} after {keep[name].days} days" for name, count in told.items())
    return Decision(
        key=f"retention:{session.run_id}", pipeline=session.pipeline, kind="retention", verdict=Verdict.PASS,
        outcome="removed", reason=f"older than the pipeline's file keeps them: {said}", as_of=session.as_of,
        evidence={"removed": dict(told)}, run_id=session.run_id,
    )  # fmt: skip


_GOES = {"raw": _raw, "quarantine": _quarantine, "predictions": _predictions}
_WHAT = {"raw": "kept deliveries", "quarantine": "quarantined rows", "predictions": "predictions"}
