"""Task wrappers that repair what a crash left. Each repair is safe to repeat and to kill.

A repair that cannot be made now (a server is down) is reported and left for the next time; it never stops a run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import task
from prefect.logging import get_run_logger

from tasks import approval, ingestion, monitoring, promotion
from tasks.adapters import orchestrator, processes, registry, tracking
from tasks.core import bans, championship, invariants
from tasks.core.errors import KeepfitError
from tasks.retrying import STEP, tried_again
from tasks.session import Session


@dataclass(frozen=True)
class Repairs:
    """What was repaired, and what could not be looked at."""

    done: tuple[str, ...]
    unknown: tuple[str, ...]


@task(name="reconcile", **STEP)
def reconcile(session: Session) -> Repairs:
    """Finish or end what a killed run left: staged batches, aliases, unsent triggers, dead runs, half-written files."""
    done: list[str] = []
    unknown: list[str] = []
    repairs = (_batches, _superseded, _aliases, _bans, _proposals, _triggers, _dead_mlflow_runs, _dead_flow_runs)
    for repair in (*repairs, _leftovers):
        try:
            tried_again(lambda: done.extend(repair(session)))  # noqa: B023 - it is called here and now
        except KeepfitError as error:
            unknown.append(f"{repair.__name__.strip('_')}: {error}")
    for line in done:
        get_run_logger().warning("repaired: %s", line)
    for line in unknown:
        get_run_logger().error("could not reconcile %s", line)
    return Repairs(tuple(done), tuple(unknown))


def _batches(session: Session) -> Iterator[str]:
    if not session.is_free("ingestion"):
        return
    for batch_id in session.store.staged():
        session.store.publish(batch_id)
        yield f"batch {batch_id[:12]} was staged and is published"
    batches = session.store.read("batches")
    recorded = {entry.decision.key for entry in session.journal.entries("ingestion")}
    for batch_id in batches["_batch_id"] if len(batches) else ():
        if f"ingestion:{batch_id}" not in recorded:
            ingestion.record_batch.fn(session, batch_id)
            yield f"batch {batch_id[:12]} was published and is in the journal"


def _superseded(session: Session) -> Iterator[str]:
    """Predictions of rows that were superseded while they were scored."""
    if not session.is_free("scoring") or not session.store.exists("superseded"):
        return
    import pyarrow as pa

    rows = session.store.read("superseded", ["of_batch", "_row_id"])
    if taken := session.store.take_out(pa.Table.from_pandas(rows, preserve_index=False)):
        yield f"{taken} rows that later deliveries took the place of are taken out"


def _aliases(session: Session) -> Iterator[str]:
    wanted = championship.reign(session.journal.entries())
    if wanted is None or not session.is_free("promotion"):
        return
    found = registry.aliases(session.pipeline)
    if found.get(registry.CHAMPION) != wanted.champion or found.get(registry.PREVIOUS) != wanted.previous:
        promotion.move_aliases.fn(session)
        yield f"the alias champion is version {wanted.champion}, as the journal says"


def _bans(session: Session) -> Iterator[str]:
    for number, why in bans.banned(session.journal.entries()).items():
        if not registry.version_of(session.pipeline, number).banned:
            registry.tag_version(session.pipeline, number, {registry.BANNED: why})
            yield f"version {number} is banned, and MLflow's page says so"


def _proposals(session: Session) -> Iterator[str]:
    if session.is_free("promotion"):
        yield from approval.expire_proposals(session)


def _triggers(session: Session) -> Iterator[str]:
    entries = session.journal.entries()
    sent = {e.decision.evidence.get("token") for e in entries if e.decision.kind == "trigger"}
    for entry in entries:
        decision = entry.decision
        if decision.outcome == "triggered" and decision.evidence.get("token") not in sent:
            monitoring.start_retraining.fn(session, decision)
            yield f"the retraining decided on {decision.as_of:%Y-%m-%d} was not sent and is"


def _dead_mlflow_runs(session: Session) -> Iterator[str]:
    alive = session.alive()
    running = tracking.running_runs(session.pipeline)
    alive |= session.alive()  # before and after: a run may have begun or ended in between
    for run_id, (holder, _) in running.items():
        if holder not in alive:
            tracking.close_run(run_id, "KILLED")
            yield f"MLflow run {run_id[:8]} was left running and is ended as KILLED"


def _dead_flow_runs(session: Session) -> Iterator[str]:
    alive, now = session.alive(), datetime.now(UTC)
    running = orchestrator.running_flow_runs(session.pipeline)
    alive |= session.alive()
    for run in running:
        # Without a lease a run may still be beginning or ending, unless its process is seen to be dead.
        overdue = run.started_at is not None and now - run.started_at > invariants.GRACE
        if run.id not in alive and (overdue or processes.fate(run.process) == "dead"):
            orchestrator.crash_flow_run(run.id, "Its process is gone. Ended by Keepfit's reconciliation.")
            yield f"flow run {run.name} was left running and is ended as Crashed"


def _leftovers(session: Session) -> Iterator[str]:
    for name in session.store.drop_leftovers(datetime.now(UTC) - invariants.LEFTOVER):
        yield f"{name} was half-written and is removed"
