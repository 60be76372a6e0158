"""Takes a champion back: into the journal first, from where the registry's aliases and tags follow."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect import task

from tasks.adapters import registry, tracking
from tasks.adapters.leases import Lease
from tasks.core import bans
from tasks.core.championship import ROLLED_BACK, changes_of
from tasks.core.errors import NoChampion, NoSuchChoice, NotFound, ServerUnavailable
from tasks.core.results import Decision, Verdict
from tasks.promotion import move_aliases, reign_before
from tasks.retrying import STEP
from tasks.session import Session


@task(name="roll back", **STEP)
def roll_back(  # noqa: PLR0913, PLR0917 - who takes what back, why, and on what evidence
    session: Session,
    to: int | None,
    who: str,
    why: str,
    lease: Lease,
    ban: bool = False,
    evidence: Mapping[str, Any] | None = None,
) -> Decision:
    """Write the rollback into the journal: the champion steps down for the previous one, or for a version by number.

    Without an answer of the registry a former champion can be gone back to by its receipt: `verified` is False then,
    and the aliases follow with the next repair. It is asked once: whoever takes a champion back is in a hurry. `ban`:
    the version that steps down is never promoted or gone back to again. `evidence`: what else it rests on.
    """
    now = reign_before(session, "rollback")
    if now is None:
        raise NoChampion(f"{session.pipeline} never had a champion, so there is nothing to roll back.")
    target = to if to is not None else now.previous
    if target is None:
        raise NoSuchChoice(f"{session.pipeline} has no previous champion. Name a version: --to VERSION.")
    if not (check := bans.judge_ban(session.journal.entries(), target)).passed:
        raise NoSuchChoice(f"{session.pipeline} has no version {target} to go back to: {check.reason}")
    try:
        found = _verified(session, target)
    except NotFound as error:
        if to is None:
            raise  # the journal knows a champion that the registry does not
        raise NoSuchChoice(str(error)) from None
    sha256 = found or _received(session, target)
    decision = Decision(
        key=f"rollback:{target}:{now.receipt}", pipeline=session.pipeline, kind="rollback", verdict=Verdict.PASS,
        outcome=ROLLED_BACK, reason=f"{who}: {why}", as_of=session.as_of, run_id=session.run_id,
        evidence={**(evidence or {}), "version": target, "sha256": sha256, "replaces": now.champion, "who": who,
                  "why": why, "banned": ban, "verified": found is not None},
    )  # fmt: skip
    session.leases.check(lease)
    return session.record(decision).decision


def _verified(session: Session, target: int) -> str | None:
    """The SHA-256 of a version whose file is there and is the one that was registered; None without an answer."""
    if not tracking.answers():
        return None
    try:
        version = registry.version_of(session.pipeline, target)
        with TemporaryDirectory(prefix="keepfit-") as folder:
            registry.fetch(session.pipeline, version, Path(folder))
    except ServerUnavailable:
        return None
    return version.sha256


def _received(session: Session, target: int) -> str:
    """The SHA-256 by which a version was champion before: what serves it holds its copy against that.

    Raises ServerUnavailable where it never was: then the registry alone knows the version.
    """
    changes = [entry.decision.evidence for entry in changes_of(session.journal.entries())]
    known = [str(told["sha256"]) for told in changes if told["version"] == target]
    if not known:
        raise ServerUnavailable(
            f"MLflow does not answer, and version {target} of {session.pipeline} was never champion: nothing is "
            "known of it here. Nothing was changed. Start MLflow, or go back to a former champion."
        )
    return known[-1]


def follow(session: Session, decision: Decision) -> bool:
    """Let the registry follow a rollback; False where it does not answer, and the next reconciliation does it."""
    if not decision.evidence["verified"]:
        return False
    try:
        move_aliases.fn(session)
        if decision.evidence["banned"]:
            ban_version.fn(session, int(decision.evidence["replaces"]), decision.reason)
    except ServerUnavailable:
        return False
    return True


@task(name="ban version", **STEP)
def ban_version(session: Session, number: int, why: str) -> None:
    """Say on the version's page in MLflow that it is banned; the journal is what everything goes by."""
    registry.tag_version(session.pipeline, number, {registry.BANNED: why})
