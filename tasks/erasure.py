"""Task wrappers that take a person out of a pipeline's store, and say which models had seen the person's rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import task

from tasks import versions
from tasks.adapters import answers, erasure_requests, erasures, registry
from tasks.adapters.faults import fault_point
from tasks.adapters.sources import FolderLabels
from tasks.core import championship
from tasks.core.columns import Column
from tasks.core.errors import ArtefactMismatch, NotFound
from tasks.core.joins import Join
from tasks.core.privacy.erasure import Plan, Traces, digest_of
from tasks.core.results import Decision, Snapshot, Verdict
from tasks.retrying import STEP
from tasks.session import Session

KIND, TRIGGERED = "erasure", "triggered"


def traces_of(
    session: Session,
    subject: str,
    columns: Sequence[Column],
    named: str | None,
    labels: Any,
    joins: Sequence[Join] = (),
) -> Traces:
    """What a person is called in this pipeline: in the column `named`, or in the id. Raises NotFound without either."""
    ids = [column for column in columns if column.role == "id"]
    column = next((one for one in columns if one.name == named), ids[0] if len(ids) == 1 else None)
    if column is None:
        raise NotFound(
            f"{session.pipeline} has no single column that tells who a row is about: name one in privacy.subject."
        )
    is_id = [column] == ids
    held: tuple[str, ...] = (column.name, labels.id) if is_id and isinstance(labels, FolderLabels) else (column.name,)
    held += tuple(told[column.name] for join in joins for told in (join.key, join.fields) if column.name in told)
    return Traces.of(subject, column.privacy, session.keys, tuple(dict.fromkeys(held)), is_id=is_id)


@task(name="plan erasure", **STEP)
def plan_erasure(session: Session, digest: str, traces: Traces, readers: erasures.Readers) -> Plan:
    """What has to go; the plan of a run that was cut off stands, with what came since."""
    number = len(session.journal.entries(KIND))
    trained = _snapshots(session)
    return erasure_requests.planned(
        session.store, digest, lambda: erasures.plan(session.store, digest, number, traces, readers, trained)
    )


def _snapshots(session: Session) -> dict[int, Snapshot]:
    found = {}
    for version in registry.every_version(session.pipeline):
        try:
            found[version.number] = versions.facts_of(version).snapshot
        except ArtefactMismatch:  # not registered by Keepfit: nothing is known of what it has seen
            continue
    return found


@task(name="erase", **STEP)
def carry_out(session: Session, plan: Plan, readers: erasures.Readers, home: Path) -> Decision:
    """Take the rows out, prove that they are gone, mark the models that had seen them, and write it down."""
    erasures.carry_out(session.store, plan, readers, answers.folder_of(home, session.pipeline))
    for version in plan.versions:
        registry.tag_version(session.pipeline, version, {"keepfit.erased": f"{plan.digest} {plan.number}"})
    decision = _decision(session, plan)
    session.record(decision)
    fault_point("erasure.journaled")
    erasure_requests.forget(session.store, plan.digest)
    return decision


def _decision(session: Session, plan: Plan) -> Decision:
    reign = championship.reign(session.journal.entries())
    retrain = reign is not None and reign.champion in plan.versions
    rows = plan.rows()
    seen = f"; seen by version {', '.join(map(str, plan.versions))}" if plan.versions else "; seen by no model"
    told = f"{sum(rows.values())} rows and {len(plan.raw)} deliveries changed{seen}; no trace is left in the store"
    return Decision(
        key=f"{KIND}:{plan.digest}:{plan.number}", pipeline=session.pipeline, kind=KIND, verdict=Verdict.PASS,
        outcome=TRIGGERED if retrain else "erased", reason=f"erasure: {told}", as_of=session.as_of,
        evidence={"subject": plan.digest, "rows": rows, "deliveries": sorted(plan.raw), "versions": plan.versions,
                  **({"token": f"{KIND}:{plan.digest}:{plan.number}"} if retrain else {})},
        run_id=session.run_id,
    )  # fmt: skip


def proof(session: Session, subject: str, traces: Traces, home: Path) -> str:
    """Look again for a person who was erased; says what was looked through.

    Raises NotFound where the journal knows of no such erasure and InvariantBroken where traces are left.
    """
    names = {digest_of(subject, session.keys, key) for key in session.keys.ids}
    entries = [one for one in session.journal.entries(KIND) if one.decision.evidence.get("subject") in names]
    if not entries:
        raise NotFound(
            f"The journal of {session.pipeline} knows of no erasure of this person under the keys that are set."
        )
    files = erasures.prove(session.store, traces, answers.folder_of(home, session.pipeline))
    last = entries[-1]
    return (
        f"Entry {last.sequence} of the journal ({last.recorded_at:%Y-%m-%d %H:%M} UTC, {last.hash[:12]}) stands: "
        f"{last.decision.reason}. Looked through {files} files again: no trace."
    )
