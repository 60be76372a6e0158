"""Task wrappers of the approval: what stands now is read, a person's answer is held against it and journalled."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from prefect import task

from tasks import monitoring
from tasks.adapters import labelled, registry
from tasks.adapters.faults import fault_point
from tasks.adapters.leases import Lease
from tasks.core import approval, championship, explanation
from tasks.core.approval import DECLINED, DENIED, EXPIRED, SECONDED, VOID, Standing
from tasks.core.championship import PROMOTED
from tasks.core.errors import ArtefactMismatch, InvariantBroken
from tasks.core.governor import Governor
from tasks.core.results import Check, Decision, Verdict
from tasks.retrying import STEP
from tasks.session import Session
from tasks.training import labelled_rows
from tasks.versions import facts_of

Answer = Literal["approve", "refuse"]
_log = logging.getLogger(__name__)


@task(name="read proposal", **STEP)
def read_proposal(session: Session, wanted: str) -> Decision:
    """The decision that a person answers; raises NotFound, and InvariantBroken where the journal is not whole."""
    if broken := session.journal.verify():
        raise InvariantBroken(
            f"The journal of {session.pipeline} is not whole, so nothing in it can be approved: {broken[0]} "
            f"Look at `keepfit verify {session.pipeline}`, then restore the store from a backup."
        )
    return explanation.find_entry(session.journal.entries(), wanted).decision


@task(name="read standing", **STEP)
def read_standing(session: Session, proposal: Decision, governor: Governor) -> Standing:
    """What stands now of all that a proposal rests on; no answer of a server is an error, never a change."""
    reign = championship.reign(session.journal.entries())
    receipt, alias = reign.receipt if reign else 0, registry.aliases(session.pipeline).get(registry.CHAMPION)
    if not approval.is_proposal(proposal):
        return Standing(receipt, alias)
    if proposal.kind == "promotion":
        return Standing(receipt, alias, *_read_version(session, int(proposal.evidence["version"])))
    after = datetime.min.replace(tzinfo=UTC)
    if alias is not None:
        after = facts_of(registry.version_of(session.pipeline, alias)).evaluated_until
    new_labels = labelled.count_after(session.store, after, session.as_of)
    free = governor.model_copy(update={"mode": "auto"})  # a person is what the mode asks for
    governed = monitoring.ask_governor(session, free, session.journal.entries(), new_labels)
    return Standing(receipt, alias, governed=governed)


def _read_version(session: Session, number: int) -> tuple[str, str]:
    """The SHA-256 of the version's file as it lies there, and what of the rows that it learnt from has changed."""
    version = registry.version_of(session.pipeline, number)
    with TemporaryDirectory(prefix="keepfit-") as folder:
        try:
            registry.fetch(session.pipeline, version, Path(folder))
            found = version.sha256
        except ArtefactMismatch:
            found = ""
    labelled_rows.cache_clear()  # what stands now, not what this process has read before
    try:
        labelled_rows(session.store, facts_of(version).snapshot)
    except ArtefactMismatch as error:
        return found, str(error)
    return found, ""


@task(name="judge approval", **STEP)
def judge_approval(
    session: Session, proposal: Decision, given: Mapping[str, str], governor: Governor, standing: Standing
) -> Check:
    """Hold an answer (`answer`, `who`, `why`, `digest`) against what stands now."""
    entries, who, why = session.journal.entries(), given["who"], given["why"]
    if given["answer"] == "refuse":
        return approval.judge_refusal(entries, proposal, who=who, why=why, now=session.now)
    return approval.judge(
        entries, proposal, who=who, why=why, now=session.now, standing=standing,
        freezes=governor.approval.freeze, digest=given["digest"],
    )  # fmt: skip


@task(name="record approval", **STEP)
def record_approval(
    session: Session, proposal: Decision, given: Mapping[str, str], judged: Check, lease: Lease
) -> Decision:
    """Write what became of an answer: of an approval that counts in the one row that promotes or triggers."""
    session.leases.check(lease)
    written = session.record(_decision(session, proposal, given, judged)).decision
    fault_point("promotion.journaled")
    return written


def _decision(session: Session, proposal: Decision, given: Mapping[str, str], judged: Check) -> Decision:
    who, why = given["who"].strip(), given["why"].strip()
    told: dict[str, Any] = {
        "proposal": proposal.key, "of": proposal.kind, "version": proposal.evidence.get("version"), "who": who,
        "why": why, "answer": given["answer"], "rule": judged.numbers["rule"], "approval": asdict(judged),
    }  # fmt: skip
    if not judged.passed:
        rules = set(str(judged.numbers["rules"]).split("+"))
        ends = bool(rules & approval.VOIDING) and not rules & {"used", "not_a_proposal"}
        return _told(session, VOID if ends else DENIED, judged.reason, told)
    if given["answer"] == "refuse":
        return _told(session, DECLINED, f"{who}: {why}", told)
    people = [*approval.supporters(session.journal.entries(), proposal), who]
    if proposal.evidence["four_eyes"] and len(people) < 2:  # noqa: PLR2004 - four eyes are two people's
        return _told(session, SECONDED, f"{who}: {why}", told)
    reason = f"approved by {' and '.join(people)}: {why}"
    if proposal.kind == "promotion":
        kept = {name: value for name, value in proposal.evidence.items() if name not in {"expires_at", "four_eyes"}}
        return Decision(
            key=f"approved:{proposal.key}", pipeline=session.pipeline, kind="promotion", verdict=Verdict.PASS,
            outcome=PROMOTED, reason=reason, as_of=session.as_of, window=proposal.window, run_id=session.run_id,
            evidence={**kept, **told, "who": " and ".join(people)},
        )  # fmt: skip
    done = {**told, "token": proposal.evidence["token"], "who": " and ".join(people)}
    return Decision(
        key=f"approved:{proposal.key}", pipeline=session.pipeline, kind="approval", verdict=Verdict.PASS,
        outcome="triggered", reason=reason, as_of=session.as_of, window=proposal.window, run_id=session.run_id,
        evidence=done,
    )  # fmt: skip


def _told(session: Session, outcome: str, reason: str, evidence: Mapping[str, Any]) -> Decision:
    """A proposal ends once, whatever ends it: two who refuse it in the same moment write one row."""
    proposal = str(evidence["proposal"])
    key = f"ended:{proposal}" if outcome in {DECLINED, VOID, EXPIRED} else f"{outcome}:{proposal}:{session.run_id}"
    verdict = Verdict.PASS if outcome == SECONDED else Verdict.UNKNOWN if outcome == EXPIRED else Verdict.FAIL
    return Decision(
        key=key, pipeline=session.pipeline, kind="approval", verdict=verdict, outcome=outcome, reason=reason,
        as_of=session.as_of, evidence=evidence, run_id=session.run_id,
    )  # fmt: skip


def expire_proposals(session: Session) -> list[str]:
    """End the proposals that nobody answered in time: silence is a refusal. One line for each."""
    ended = []
    for entry in approval.overdue(session.journal.entries(), session.now):
        proposal = entry.decision
        told = {"proposal": proposal.key, "of": proposal.kind, "version": proposal.evidence.get("version")}
        reason = f"nobody answered decision {entry.sequence} until {proposal.evidence['expires_at']}: that is a refusal"
        session.record(_told(session, EXPIRED, reason, told))
        _log.error("%s: %s", session.pipeline, reason)
        ended.append(f"proposal {entry.sequence} was not answered in time and is refused")
    return ended
