"""Task wrappers of the probation: who scores in silence, what a look at the window says, and its row in the journal."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from prefect import task

from tasks.adapters import labelled, registry
from tasks.adapters.registry import ModelVersion
from tasks.core import fitting, probation
from tasks.core.features import ROW_ID
from tasks.core.metrics import MetricName
from tasks.core.probation import Look, Probation
from tasks.core.results import Check, Decision, Verdict
from tasks.retrying import STEP
from tasks.session import Session

_log = logging.getLogger(__name__)
_OUTCOMES = {Verdict.PASS: "kept", Verdict.UNKNOWN: "unsure", Verdict.FAIL: "lost"}


@task(name="find shadow", **STEP)
def find_shadow(session: Session, config: Probation) -> ModelVersion | None:
    """The champion before, while the one that stands is under probation; None: nobody scores in silence."""
    found = probation.under_probation(session.journal.entries(), config, session.as_of)
    return None if found is None else registry.version_of(session.pipeline, found[0])


@task(name="find looks", **STEP)
def find_looks(session: Session, config: Probation, delay: timedelta) -> Sequence[Look]:
    """The looks at the champion that are due."""
    return probation.due(session.journal.entries(), config, session.as_of, delay) if config.windows else []


@task(name="look at champion", **STEP)
def take_look(session: Session, look: Look, config: Probation, metric: MetricName, seed: int) -> Check:
    """Hold the champion against the one before it, on the window's labelled rows that both predicted."""
    ours, theirs = (
        labelled.predictions_in(session.store, version, look.window, session.as_of)
        for version in (look.champion, look.previous)
    )
    rows = ours.merge(theirs[[ROW_ID, "prediction"]], on=ROW_ID, suffixes=("", "_before"))
    known = rows[rows["label"].notna()].sort_values(ROW_ID)
    return probation.judge_look(
        config, metric=metric, actual=known["label"].to_numpy("float64"),
        champion=known["prediction"].to_numpy("float64"), previous=known["prediction_before"].to_numpy("float64"),
        blocks=fitting.days_of(known), label_share=len(known) / len(rows) if len(rows) else None, seed=seed,
    )  # fmt: skip


@task(name="find looks without labels", **STEP)
def find_unlabelled_looks(session: Session, config: Probation) -> Sequence[Look]:
    """The looks that nothing was said about yet, though their window is over."""
    return probation.unlabelled(session.journal.entries(), config, session.as_of) if config.windows else []


@task(name="record look", **STEP)
def record_look(session: Session, look: Look, check: Check) -> Decision:
    """Write what a look said that takes nobody back."""
    by_estimates = bool(check.numbers.get("estimated"))
    outcome = "noted" if by_estimates and check.verdict is Verdict.UNKNOWN else _OUTCOMES[check.verdict]
    decision = Decision(
        key=f"probation:{look.receipt}:{look.number}{':estimated' if by_estimates else ''}", pipeline=session.pipeline,
        kind=probation.NAME, verdict=check.verdict, outcome=outcome, reason=check.reason, as_of=session.as_of,
        window=look.window, evidence=evidence_of(look, check), run_id=session.run_id,
    )  # fmt: skip
    if check.verdict is Verdict.FAIL:
        alert(session, f"version {look.champion} does worse than the one before it: {check.reason}")
    return session.record(decision).decision


def alert(session: Session, told: str) -> None:
    """Say it to whoever is on call."""
    _log.error("%s: %s", session.pipeline, told)


def evidence_of(look: Look, check: Check) -> dict[str, object]:
    """JSON-ready: which look, and what it saw."""
    return {
        "version": look.champion, "previous": look.previous, "receipt": look.receipt, "number": look.number,
        "probation": asdict(check), **({"estimated": True} if check.numbers.get("estimated") else {}),
    }  # fmt: skip
