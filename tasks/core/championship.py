"""Who is champion, by the journal: promotions and rollbacks are the truth, the registry's aliases follow them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.core.governor import PastTraining
from tasks.core.results import Check, Decision, JournalEntry, Verdict, overall

PROMOTED, PROPOSED, REFUSED, ROLLED_BACK = "promoted", "proposed", "refused", "rolled back"
BANNED = "banned"
CROWNING = frozenset({"promotion", "rollback"})
"""The kinds of decisions that make a version champion."""


@dataclass(frozen=True)
class Reign:
    """The champion that the journal says stands, the one it replaced, and the receipt (entry number) for it."""

    champion: int
    previous: int | None
    sha256: str
    receipt: int


def changes_of(entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """The decisions that made a version champion, in order; the training that ended in a promotion is none of them."""
    return [entry for entry in entries if entry.decision.outcome in {PROMOTED, ROLLED_BACK}
            and entry.decision.kind in CROWNING]  # fmt: skip


def reign(entries: Sequence[JournalEntry]) -> Reign | None:
    """The newest change of champion among the entries (in order), or None when there never was one."""
    changes = changes_of(entries)
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


def answers_breach(decision: Decision) -> bool:
    """Whether it started a retraining because of a breach, by itself or approved; only those are the governor's."""
    return decision.outcome == "triggered" and decision.kind in {"monitoring", "approval"}


def past_trainings(entries: Sequence[JournalEntry], live: bool) -> list[PastTraining]:
    """How the trainings that were triggered went: an ended one says so itself, one without an end runs or failed.

    One whose candidate was promoted later, when more rows had come, ended in a promotion.

    Args:
        entries: of the kinds `monitoring`, `approval`, `training` and `promotion`, in order.
        live: whether a training of the pipeline runs now; if not, one that never reported its end has failed.
    """
    later = _ends(entries)
    trainings = [(e.decision, _end(e.decision, later)) for e in entries if e.decision.kind == "training"]
    ended = {decision.evidence.get("token"): outcome for decision, outcome in trainings}
    costs = _costs(entries)
    triggered = [e.decision for e in entries if answers_breach(e.decision)]
    past = []
    for number, decision in enumerate(triggered):
        last = number == len(triggered) - 1
        outcome = ended.get(decision.evidence.get("token"), "running" if live and last else "failed")
        cost = costs.get(str(decision.evidence.get("token")))
        past.append(PastTraining(decision.as_of, outcome, cost))  # type: ignore[arg-type]
    # A person's own successful training closes the circuit breaker; its refusals do not count against the budget.
    past += [PastTraining(d.as_of, "promoted", d.evidence.get("cpu_seconds")) for d, outcome in trainings
             if outcome == PROMOTED and not d.evidence.get("token")]  # fmt: skip
    return sorted(past, key=lambda training: training.decided_at)


def _ends(entries: Sequence[JournalEntry]) -> dict[int, str]:
    """How the versions ended that were promoted, proposed and not approved, or taken back for good."""
    ends = {PROMOTED: PROMOTED, "declined": REFUSED, "expired": REFUSED, "void": REFUSED}
    decisions = [entry.decision for entry in entries]
    found = {d.evidence["version"]: ends[d.outcome] for d in decisions
             if "promotion" in {d.kind, d.evidence.get("of")} and d.outcome in ends}  # fmt: skip
    return found | {d.evidence["replaces"]: BANNED for d in decisions
                    if d.outcome == ROLLED_BACK and d.evidence.get("banned")}  # fmt: skip


def _end(training: Decision, ends: Mapping[int, str]) -> str:
    """The training's own end, unless its candidate was promoted later, or came to nothing."""
    later = ends.get(training.evidence.get("version", 0))
    if later == BANNED:
        return REFUSED
    return later if later == PROMOTED or (later and training.outcome == PROPOSED) else training.outcome


def _costs(entries: Sequence[JournalEntry]) -> dict[str, float]:
    """CPU seconds by token, over all attempts; a token with an attempt of unknown cost is left out."""
    costs: dict[str, list[float | None]] = {}
    for decision in (entry.decision for entry in entries if entry.decision.kind == "training"):
        costs.setdefault(str(decision.evidence.get("token")), []).append(decision.evidence.get("cpu_seconds"))
    known = {token: [one for one in tried if one is not None] for token, tried in costs.items()}
    return {token: sum(known[token]) for token, tried in costs.items() if len(known[token]) == len(tried)}


def breaker_alert(entries: Sequence[JournalEntry], breach: Decision) -> Decision:
    """The decision that says that the circuit breaker is open: one for each time it opens, whatever asks after that.

    `entries`: as for `past_trainings`; `breach`: the suppressed decision that found it open.
    """
    ended = [entry.decision for entry in entries if entry.decision.kind == "training"]
    counted = [decision.key for decision in ended if decision.evidence.get("token") or decision.outcome == PROMOTED][
        -1:
    ]
    told = f"the circuit breaker is open and holds retrainings back: {(breach.evidence['governor'] or {})['reason']}"
    return Decision(
        key=f"breaker:{counted[0] if counted else 'no training ended'}", pipeline=breach.pipeline, kind="governor",
        verdict=Verdict.UNKNOWN, outcome="breaker open", reason=told, as_of=breach.as_of, window=breach.window,
        evidence={"rests_on": [breach.key, *counted], "version": breach.evidence.get("version")}, run_id=breach.run_id,
    )  # fmt: skip
