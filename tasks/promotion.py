"""Task wrappers of the promotion stage: judge, write the receipt, move the aliases."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from prefect import task

from tasks.adapters import labelled, registry
from tasks.adapters.faults import fault_point
from tasks.adapters.leases import Lease
from tasks.adapters.registry import ModelVersion
from tasks.core import approval, bans, challenger, championship
from tasks.core.championship import PROMOTED, PROPOSED, REFUSED, Reign
from tasks.core.errors import NoReceipt, StoreConflict
from tasks.core.gates import Gate, GateEvidence, judge_all
from tasks.core.governor import Governor
from tasks.core.ledger import RowSet
from tasks.core.results import Check, Decision, Verdict
from tasks.core.terms import frozen_by
from tasks.retrying import STEP
from tasks.session import Session

_FREE = Governor()


@dataclass(frozen=True)
class Judgement:
    """What the gates add up to, what each of them said, the rows that decided, and what was asked of them."""

    answer: Check
    gates: tuple[Check, ...]
    row_set: RowSet | None
    question: str = ""


@task(name="read version", **STEP)
def read_version(session: Session, number: int) -> ModelVersion:
    """A version of the pipeline's model."""
    return registry.version_of(session.pipeline, number)


@task(name="read champion", **STEP)
def read_champion(session: Session) -> ModelVersion | None:
    """The champion, or None when registry and journal say that there is none; no answer is an error, not a None.

    When the two differ nothing is scored with or held against the version: it has no receipt. Raises StoreConflict
    while another run's promotion is at work, which ends that by itself, and NoReceipt otherwise.
    """
    found, now = registry.champion_of(session.pipeline), championship.reign(session.journal.entries())
    stands, wanted = found.number if found else None, now.champion if now else None
    if stands != wanted:
        mend = (
            f"keepfit run reconciliation {session.pipeline}" if now else "take the alias off in MLflow and promote it"
        )
        promoting = session.leases.holder(f"promotion/{session.pipeline}")
        if promoting is not None and promoting.holder != session.run_id:
            raise StoreConflict(f"A promotion is at work on {session.pipeline}; ask again when it ends.")
        raise NoReceipt(
            f"The champion of {session.pipeline} is version {stands or 'none'} by the registry's alias and "
            f"{wanted or 'none'} by the journal, which alone holds receipts. Next: {mend}."
        )
    return found


@task(name="find challenger", **STEP)
def find_challenger(session: Session) -> int | None:
    """The version that waits for evidence, once there are rows enough to judge it again; None: nobody, or not yet.

    While a training runs nobody waits: the challenger is about to be replaced by a newer candidate.
    """
    found = challenger.waiting(session.journal.entries())
    if found is None or session.leases.holder(f"training/{session.pipeline}") is not None:
        return None
    rows = labelled.count_after(session.store, found.since - timedelta(microseconds=1), session.as_of)
    return found.version if challenger.is_due(found.rows, rows) else None


@task(name="read ban", **STEP)
def read_ban(session: Session, version: ModelVersion) -> Check:
    """Whether a version was taken back for good."""
    return bans.judge_ban(session.journal.entries(), version.number)


@task(name="judge candidate", **STEP)
def judge_candidate(
    gates: Sequence[Gate], evidence: GateEvidence, first_champion: str, ban: Check | None = None
) -> Judgement:
    """Every gate's answer and what they add up to; all gates run, whatever the first one says.

    `ban`: what is known of a ban of the version; a ban is answered like a gate, and named only where there is one.
    """
    answers = judge_all(gates, evidence)
    if ban is not None and not ban.passed:
        answers = (*answers, ban)
    has = {"present": True, "none": False}.get(evidence.champion_state)
    fault_point("promotion.judged")
    answer = championship.may_promote(answers, has_champion=has, first_champion=first_champion)
    return Judgement(answer, answers, evidence.row_set, evidence.question)


@task(name="find receipt", **STEP)
def find_receipt(session: Session, number: int) -> Decision | None:
    """The promotion of a version that is champion by the journal; None for any other version."""
    entries = session.journal.entries()
    now = championship.reign(entries)
    if now is None or now.champion != number:
        return None
    receipts = [e.decision for e in entries if (e.decision.kind, e.decision.outcome) == ("promotion", PROMOTED)]
    return next((one for one in reversed(receipts) if one.evidence["version"] == number), None)


def gates_of(decision: Decision) -> tuple[Check, ...]:
    """The gates' answers that a promotion's decision rests on."""
    return tuple(Check(**{**gate, "verdict": Verdict(gate["verdict"])}) for gate in decision.evidence["gates"])


@task(name="record promotion", **STEP)
def record_promotion(
    session: Session,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    judged: Judgement,
    lease: Lease,
    governor: Governor = _FREE,
) -> Decision:
    """The receipt: written before any alias moves, so that a crash in between can be finished or never began.

    Where the governor asks for people, or freezes promotions now, a passing judgement is a proposal instead.
    """
    now = reign_before(session, "promotion")
    answer, chosen = judged.answer, judged.row_set
    waits = _why_it_waits(governor, session.now) if answer.passed else ""
    evidence: dict[str, Any] = {
        "version": candidate.number, "sha256": candidate.sha256, "replaces": champion.number if champion else None,
        "rows": {"count": chosen.rows, "digest": chosen.digest} if chosen else None,
        "question": judged.question, "gates": [asdict(gate) for gate in judged.gates],
    }  # fmt: skip
    if waits:
        evidence = approval.terms(governor.approval, now.receipt if now else 0, session.now, evidence)
    decision = Decision(
        # A version that was refused may be judged again, as of a later moment.
        key=f"promotion:{candidate.number}:{now.receipt if now else 0}:{session.as_of.isoformat()}",
        pipeline=session.pipeline, kind="promotion", verdict=answer.verdict, as_of=session.as_of,
        reason=answer.reason + waits, evidence=evidence,
        outcome=REFUSED if not answer.passed else PROPOSED if waits else PROMOTED, run_id=session.run_id,
        window=chosen.window if chosen else None,  # what the holdout ledger counts by
    )  # fmt: skip
    session.leases.check(lease)
    written = session.record(decision).decision
    fault_point("promotion.journaled")
    return written


def _why_it_waits(governor: Governor, now: datetime) -> str:
    if governor.mode == "approve":
        return "; people have to approve it"
    freeze = frozen_by(governor.approval.freeze, now)
    return f"; nothing is promoted from {freeze}: people may approve it after that" if freeze else ""


def reign_before(session: Session, kind: str) -> Reign | None:
    """Who stood before this run decided: its decision is there already where the answer to writing it was lost."""
    own = (kind, session.run_id, session.as_of)
    entries = [one for one in session.journal.entries()
               if (one.decision.kind, one.decision.run_id, one.decision.as_of) != own]  # fmt: skip
    return championship.reign(entries)


@task(name="move aliases", **STEP)
def move_aliases(session: Session) -> Reign | None:
    """Make the registry's aliases what the journal says; safe to repeat, and the repair after a crash as well."""
    entries = session.journal.entries()
    wanted, waits = championship.reign(entries), challenger.waiting(entries)
    found, waiting = registry.aliases(session.pipeline), waits.version if waits else None
    if found.get(registry.CHALLENGER) != waiting:
        registry.move_alias(session.pipeline, registry.CHALLENGER, waiting)
    if wanted is None:
        return None
    if found.get(registry.PREVIOUS) != wanted.previous:
        registry.move_alias(session.pipeline, registry.PREVIOUS, wanted.previous)
    fault_point("promotion.previous_set")
    if found.get(registry.CHAMPION) != wanted.champion:
        registry.move_alias(session.pipeline, registry.CHAMPION, wanted.champion)
    fault_point("promotion.champion_set")
    return wanted


@task(name="annotate version", **STEP)
def annotate_version(session: Session, version: ModelVersion, decision: Decision) -> None:
    """Put the decision onto the version's page in MLflow."""
    tags = {"keepfit.decision": decision.outcome, "keepfit.decision_reason": decision.reason}
    registry.tag_version(session.pipeline, version.number, tags)
