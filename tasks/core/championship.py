"""Who is champion, by the journal: promotions and rollbacks are the truth, the registry's aliases follow them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.core.governor import PastTraining
from tasks.core.results import Check, JournalEntry, Verdict, overall

PROMOTED, REFUSED, ROLLED_BACK = "promoted", "refused", "rolled back"


@dataclass(frozen=True)
class Reign:
    """The champion that the journal says stands, the one it replaced, and the receipt (entry number) for it."""

    champion: int
    previous: int | None
    sha256: str
    receipt: int


def reign(entries: Sequence[JournalEntry]) -> Reign | None:
    """The newest change of champion among the entries (in order), or None when there never was one."""
    changes = [entry for entry in entries if entry.decision.outcome in {PROMOTED, ROLLED_BACK}
               and entry.decision.kind in {"promotion", "rollback"}]  # fmt: skip
    if not changes:
        return None
    evidence = changes[-1].decision.evidence
    # The version that a rollback took down is not one to go back to.
    replaced = evidence.get("replaces") if changes[-1].decision.outcome == PROMOTED else None
    return Reign(
        champion=int(evidence["version"]),
        previous=None if replaced is None else int(replaced),
        sha256=str(evidence["sha256"]),
        receipt=changes[-1].sequence,
    )


def may_promote(gates: Sequence[Check], *, has_champion: bool | None, first_champion: str) -> Check:
    """Fold the gates and the first-champion rule into one answer; anything but pass leaves things as they are."""
    verdict = overall(gates)
    failing = [gate.name for gate in gates if not gate.passed]
    if has_champion is None:
        return Check("promotion", Verdict.UNKNOWN, "the registry did not say whether there is a champion")
    if verdict is not Verdict.PASS:
        return Check("promotion", verdict, f"not passed: {', '.join(failing) or 'there are no gates'}")
    if not has_champion and first_champion != "when_gates_pass":
        return Check("promotion", Verdict.FAIL, "first_champion is set to refuse: a person promotes the first one")
    return Check("promotion", Verdict.PASS, "every gate passed" + ("" if has_champion else "; the first champion"))


def past_trainings(entries: Sequence[JournalEntry], live: bool) -> list[PastTraining]:
    """How the trainings that were triggered went: an ended one says so itself, one without an end runs or failed.

    Args:
        entries: of the kinds `monitoring` and `training`, in order.
        live: whether a training of the pipeline runs now; if not, one that never reported its end has failed.
    """
    ended = {e.decision.evidence.get("token"): e.decision.outcome for e in entries if e.decision.kind == "training"}
    triggered = [e.decision for e in entries if (e.decision.kind, e.decision.outcome) == ("monitoring", "triggered")]
    past = []
    for number, decision in enumerate(triggered):
        last = number == len(triggered) - 1
        outcome = ended.get(decision.evidence.get("token"), "running" if live and last else "failed")
        past.append(PastTraining(decision.as_of, outcome))  # type: ignore[arg-type]
    on_demand = [e.decision for e in entries if e.decision.kind == "training" and not e.decision.evidence.get("token")]
    # A person's own successful training closes the circuit breaker; its refusals do not count against the budget.
    past += [PastTraining(d.as_of, "promoted") for d in on_demand if d.outcome == PROMOTED]
    return sorted(past, key=lambda training: training.decided_at)
