"""Task wrappers that repair what a crash left, and check the invariants. Each repair is safe to repeat and to kill.

A repair that cannot be made now (a server is down) is reported and left for the next time; it never stops a run.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prefect import task
from prefect.logging import get_run_logger

from tasks import ingestion, monitoring, promotion
from tasks.adapters import cleanroom, orchestrator, processes, registry, tracking
from tasks.core import championship, invariants
from tasks.core.championship import Reign
from tasks.core.errors import ArtefactMismatch, KeepfitError
from tasks.core.results import Check, JournalEntry, Verdict
from tasks.retrying import STEP, tried_again
from tasks.session import Session
from tasks.versions import facts_of

if TYPE_CHECKING:
    import pandas as pd

LEFTOVER = timedelta(days=1)


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
    for repair in (_batches, _aliases, _triggers, _dead_mlflow_runs, _dead_flow_runs, _leftovers):
        try:
            tried_again(lambda: done.extend(repair(session)))  # noqa: B023 - it is called here and now
        except KeepfitError as error:
            unknown.append(f"{repair.__name__.strip('_')}: {error}")
    for line in done:
        get_run_logger().warning("repaired: %s", line)
    for line in unknown:
        get_run_logger().error("could not reconcile %s", line)
    return Repairs(tuple(done), tuple(unknown))


def _free(session: Session, stage: str) -> bool:
    # Whoever holds the stage's lease is at work on it, and will finish it or leave it to the next reconciliation.
    holder = session.leases.holder(f"{stage}/{session.pipeline}")
    return holder is None or holder.holder == session.run_id


def _batches(session: Session) -> Iterator[str]:
    if not _free(session, "ingestion"):
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


def _aliases(session: Session) -> Iterator[str]:
    wanted = championship.reign(session.journal.entries())
    if wanted is None or not _free(session, "promotion"):
        return
    found = registry.aliases(session.pipeline)
    if found.get(registry.CHAMPION) != wanted.champion or found.get(registry.PREVIOUS) != wanted.previous:
        promotion.move_aliases.fn(session)
        yield f"the alias champion is version {wanted.champion}, as the journal says"


def _triggers(session: Session) -> Iterator[str]:
    entries = session.journal.entries()
    sent = {e.decision.evidence.get("token") for e in entries if e.decision.kind == "trigger"}
    for entry in entries:
        decision = entry.decision
        if decision.outcome == "triggered" and decision.evidence.get("token") not in sent:
            monitoring.start_retraining.fn(session, decision)
            yield f"the retraining decided on {decision.as_of:%Y-%m-%d} was not sent and is"


def _alive(session: Session) -> set[str]:
    return {lease.holder for lease in session.leases.live()} | {session.run_id}


def _dead_mlflow_runs(session: Session) -> Iterator[str]:
    alive = _alive(session)
    running = tracking.running_runs(session.pipeline)
    alive |= _alive(session)  # before and after: a run may have begun or ended in between
    for run_id, (holder, _) in running.items():
        if holder not in alive:
            tracking.close_run(run_id, "KILLED")
            yield f"MLflow run {run_id[:8]} was left running and is ended as KILLED"


def _dead_flow_runs(session: Session) -> Iterator[str]:
    alive, now = _alive(session), datetime.now(UTC)
    running = orchestrator.running_flow_runs(session.pipeline)
    alive |= _alive(session)
    for run in running:
        # Without a lease a run may still be beginning or ending, unless its process is seen to be dead.
        overdue = run.started_at is not None and now - run.started_at > invariants.GRACE
        if run.id not in alive and (overdue or processes.fate(run.process) == "dead"):
            orchestrator.crash_flow_run(run.id, "Its process is gone. Ended by Keepfit's reconciliation.")
            yield f"flow run {run.name} was left running and is ended as Crashed"


def _leftovers(session: Session) -> Iterator[str]:
    for name in session.store.drop_leftovers(datetime.now(UTC) - LEFTOVER):
        yield f"{name} was half-written and is removed"


@task(name="verify invariants", **STEP)
def verify_invariants(session: Session) -> tuple[Check, ...]:
    """Every invariant's answer: pass, fail with what is broken, or unknown when it could not be read."""
    checks: list[tuple[str, Callable[[Session], list[str]]]] = [
        ("I1 one champion, the journal's", _check_champion),
        ("I2 its artefact is the judged one", _check_artefact),
        ("I3 its receipt passes", lambda s: invariants.receipt_passes(*_entries_and_reign(s))),
        ("I4, I6 batches stand once and add up", _check_batches),
        ("I5 scored once", _check_scores),
        ("I7 nothing dead is called running", _check_running),
        ("I8 breaches are answered", lambda s: invariants.breaches_answered(s.journal.entries())),
        ("I9 no staging left", lambda s: s.store.staging_leftovers(datetime.now(UTC) - LEFTOVER) + _stuck(s)),
        ("I10 the journal is whole", lambda s: s.journal.verify()),
    ]
    return tuple(_answer(name, check, session) for name, check in checks)


def alert_unknown(checks: Iterable[Check]) -> None:
    """What could not be checked is not known to hold: that is an alert."""
    for check in checks:
        if check.verdict is Verdict.UNKNOWN:
            get_run_logger().error("could not check %s: %s", check.name, check.reason)


def _answer(name: str, check: Callable[[Session], list[str]], session: Session) -> Check:
    try:
        broken = check(session)
    except ArtefactMismatch as error:
        return Check(name, Verdict.FAIL, str(error))
    except KeepfitError as error:
        return Check(name, Verdict.UNKNOWN, str(error))
    return Check(name, Verdict.FAIL if broken else Verdict.PASS, "; ".join(broken) or "holds")


def _entries_and_reign(session: Session) -> tuple[list[JournalEntry], Reign | None]:
    entries = session.journal.entries()
    return entries, championship.reign(entries)


def _check_champion(session: Session) -> list[str]:
    _, reign = _entries_and_reign(session)
    return invariants.champion_is_the_journals(reign, registry.aliases(session.pipeline))


def _check_artefact(session: Session) -> list[str]:
    _, reign = _entries_and_reign(session)
    if reign is None:
        return []
    version = registry.version_of(session.pipeline, reign.champion)
    if version.sha256 != reign.sha256:
        return [f"I2 version {reign.champion} is recorded with another SHA-256 than its receipt"]
    with TemporaryDirectory(prefix="keepfit-") as folder:
        path = registry.fetch(session.pipeline, version, Path(folder))
        cleanroom.load_in_clean_process(path, facts_of(version).features)
    return []


def _check_batches(session: Session) -> list[str]:
    counts = {table: _counts(session, table) for table in ("events", "quarantine")}
    labels = _counts(session, "labels")
    rejected = session.store.read("quarantine", ["_batch_id", "_row_number"])
    counts["quarantine"] = rejected[rejected["_row_number"] >= 0].groupby("_batch_id").size()
    return invariants.batches_once(session.store.read("batches"), {**counts, "labels": labels})


def _counts(session: Session, table: str) -> "pd.Series":
    return session.store.read(table, ["_batch_id"]).groupby("_batch_id").size()


def _check_scores(session: Session) -> list[str]:
    predictions = session.store.read("predictions", ["_batch_id", "model_version", "_row_id"])
    return invariants.scored_once({str(k): int(v) for k, v in _counts(session, "events").items()}, predictions)


def _check_running(session: Session) -> list[str]:
    running = {f"MLflow run {run}": datetime.fromtimestamp(start / 1000, UTC) for run, (holder, start)
               in tracking.running_runs(session.pipeline).items() if holder not in _alive(session)}  # fmt: skip
    flows = {f"flow run {run.id}": run.started_at for run in orchestrator.running_flow_runs(session.pipeline)}
    return invariants.runs_are_alive({**running, **flows}, sorted(_alive(session)), datetime.now(UTC))


def _stuck(session: Session) -> list[str]:
    if not _free(session, "ingestion"):
        return []
    return [f"I9 batch {batch[:12]} is staged and nobody publishes it" for batch in session.store.staged()]
