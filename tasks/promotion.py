"""Task wrappers of the promotion stage: gather evidence, judge, write the receipt, move the aliases; and roll back."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from prefect import task

from tasks.adapters import cleanroom, fits, registry
from tasks.adapters.faults import fault_point
from tasks.adapters.leases import Lease
from tasks.adapters.registry import ModelVersion
from tasks.core import championship, fitting
from tasks.core.championship import PROMOTED, REFUSED, ROLLED_BACK, Reign
from tasks.core.errors import ArtefactMismatch, NoChampion, NotFound
from tasks.core.features import ROW_ID, design_matrix
from tasks.core.gates import CleanRoom, Gate, GateEvidence, judge_all
from tasks.core.metrics import MetricName, Problem
from tasks.core.results import Check, Decision, Verdict
from tasks.retrying import STEP
from tasks.session import Session
from tasks.training import labelled_rows
from tasks.versions import Facts, facts_of

if TYPE_CHECKING:
    import pandas as pd


@task(name="read version", **STEP)
def read_version(session: Session, number: int) -> ModelVersion:
    """A version of the pipeline's model."""
    return registry.version_of(session.pipeline, number)


@task(name="read champion", **STEP)
def read_champion(session: Session) -> ModelVersion | None:
    """The champion, or None when the registry answers that there is none; no answer is an error, not a None."""
    return registry.champion_of(session.pipeline)


@task(name="gather evidence", **STEP)
def gather_evidence(
    session: Session,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    metric: MetricName,
    problem: Problem,
    seed: int,
) -> GateEvidence:
    """Both models, each from its registered file in a clean process, on the rows that neither was trained on."""
    facts = facts_of(candidate)
    rows = labelled_rows(session.store, facts.snapshot)
    fresh = rows.iloc[fitting.parts_of(rows, facts.split).evaluation]
    if champion is not None:
        fresh = fresh[~fresh[ROW_ID].isin(_seen(session, facts_of(champion)))]
    kept = fits.evaluation(session.store, facts.key)
    clean, predicted = _clean(session, candidate, facts, fresh, kept, problem)
    rival = None if champion is None else _predict(session, champion, facts_of(champion), fresh, problem)
    dummy = np.full(len(fresh), np.nan) if kept is None else _aligned(kept, fresh, "dummy")
    return GateEvidence(
        metric=metric, actual=fresh[fitting.LABEL].to_numpy("float64"), candidate=predicted, champion=rival,
        champion_state="none" if champion is None else "present", dummy=dummy, blocks=fitting.days_of(fresh),
        clean=clean, seed=seed,
    )  # fmt: skip


def _seen(session: Session, facts: Facts) -> "pd.Series":
    rows = labelled_rows(session.store, facts.snapshot)
    return rows[ROW_ID].iloc[fitting.seen_positions(rows, facts.split, facts.history)]


def _predict(
    session: Session, version: ModelVersion, facts: Facts, rows: "pd.DataFrame", problem: Problem
) -> np.ndarray:
    with TemporaryDirectory(prefix="keepfit-") as folder:
        path = registry.fetch(session.pipeline, version, Path(folder))
        return cleanroom.predict_in_clean_process(path, design_matrix(rows, facts.features), problem)


def _clean(
    session: Session,
    candidate: ModelVersion,
    facts: Facts,
    rows: "pd.DataFrame",
    kept: "pd.DataFrame | None",
    problem: Problem,
) -> tuple[CleanRoom, np.ndarray]:
    try:
        predicted = _predict(session, candidate, facts, rows, problem)
    except ArtefactMismatch as error:
        return CleanRoom(False, "SHA-256" not in str(error), None, str(error)), np.full(len(rows), np.nan)
    if kept is None:
        return CleanRoom(
            True, True, None, "what it predicted after the fit is not kept any more; train again"
        ), predicted
    apart = np.abs(predicted - _aligned(kept, rows, "prediction"))
    return CleanRoom(True, True, float(apart.max()) if len(apart) else None, "loaded and asked"), predicted


def _aligned(kept: "pd.DataFrame", rows: "pd.DataFrame", column: str) -> np.ndarray:
    return kept.set_index(ROW_ID)[column].reindex(rows[ROW_ID]).to_numpy("float64")


@task(name="judge candidate", **STEP)
def judge_candidate(
    gates: Sequence[Gate], evidence: GateEvidence, first_champion: str
) -> tuple[Check, tuple[Check, ...]]:
    """Every gate's answer and what they add up to; all gates run, whatever the first one says."""
    answers = judge_all(gates, evidence)
    has = {"present": True, "none": False}.get(evidence.champion_state)
    fault_point("promotion.judged")
    return championship.may_promote(answers, has_champion=has, first_champion=first_champion), answers


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
    answer: Check,
    gates: Sequence[Check],
    lease: Lease,
) -> Decision:
    """The receipt: written before any alias moves, so that a crash in between can be finished or never began."""
    now = championship.reign(session.journal.entries())
    evidence = {"version": candidate.number, "sha256": candidate.sha256, "gates": [asdict(gate) for gate in gates],
                "replaces": champion.number if champion else None}  # fmt: skip
    decision = Decision(
        # A version that was refused may be judged again, as of a later moment.
        key=f"promotion:{candidate.number}:{now.receipt if now else 0}:{session.as_of.isoformat()}",
        pipeline=session.pipeline, kind="promotion", verdict=answer.verdict, reason=answer.reason, as_of=session.as_of,
        outcome=PROMOTED if answer.passed else REFUSED, evidence=evidence, run_id=session.run_id,
    )  # fmt: skip
    session.leases.check(lease)
    written = session.record(decision).decision
    fault_point("promotion.journaled")
    return written


@task(name="move aliases", **STEP)
def move_aliases(session: Session) -> Reign | None:
    """Make the registry's aliases what the journal says; safe to repeat, and the repair after a crash as well."""
    wanted = championship.reign(session.journal.entries())
    found = registry.aliases(session.pipeline)
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
def annotate_version(session: Session, version: ModelVersion, decision: Decision, text: str) -> None:
    """Put the decision and its page onto the version's page in MLflow."""
    tags = {"keepfit.decision": decision.outcome, "keepfit.decision_reason": decision.reason}
    registry.tag_version(session.pipeline, version.number, tags)
    registry.describe_version(session.pipeline, version.number, text)


@task(name="roll back", **STEP)
def roll_back(session: Session, to: int | None, who: str, why: str, lease: Lease) -> Decision:
    """Write the rollback into the journal: the champion steps down for the previous one, or for a version by number."""
    now = championship.reign(session.journal.entries())
    if now is None:
        raise NoChampion(f"{session.pipeline} never had a champion, so there is nothing to roll back.")
    target = to if to is not None else now.previous
    if target is None:
        raise NotFound(f"{session.pipeline} has no previous champion. Name a version: --to VERSION.")
    version = registry.version_of(session.pipeline, target)
    with TemporaryDirectory(prefix="keepfit-") as folder:
        registry.fetch(session.pipeline, version, Path(folder))
    decision = Decision(
        key=f"rollback:{target}:{now.receipt}", pipeline=session.pipeline, kind="rollback", verdict=Verdict.PASS,
        outcome=ROLLED_BACK, reason=f"{who}: {why}", as_of=session.as_of, run_id=session.run_id,
        evidence={"version": target, "sha256": version.sha256, "replaces": now.champion, "who": who, "why": why},
    )  # fmt: skip
    session.leases.check(lease)
    return session.record(decision).decision
