"""The kinds of incidents: what opens and what ends each, what it means for the model, and what a person does next.

When an incident is told, and to whom: alerting. What it reads: journal entries, one at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from tasks.core.results import Decision

IncidentKind = Literal[
    "integrity", "invariant broken", "stage failed", "refused delivery", "broken data", "rollback", "breaker open",
    "unknown check", "retraining refused", "promotion refused", "waits for people", "rows not scored",
]  # fmt: skip
KINDS: tuple[IncidentKind, ...] = get_args(IncidentKind)

# A subject names what the incident is about, so that two of them may stand at the same time; None: it opens none.
Opens = Callable[[Decision], str | None]
Ends = Callable[[Decision, str], bool]


@dataclass(frozen=True)
class Rule:
    """One kind. `effect` and `action` are for people; {pipeline}, {subject} and {number} (of the entry) are filled."""

    opens: Opens
    ends: Ends
    effect: str
    action: str


def _is(kind: str, *outcomes: str) -> Opens:
    return lambda one: "" if one.kind == kind and one.outcome in outcomes else None


def _after(kind: str, *outcomes: str) -> Ends:
    """Ended by the next decision of the kind with any other outcome; one that failed tells nothing."""
    return lambda one, _: one.kind == kind and one.outcome not in {*outcomes, "failed"}


def _promoted(one: Decision, _: str = "") -> bool:
    return one.kind == "promotion" and one.outcome == "promoted"


def _failed(one: Decision) -> str | None:
    return one.kind if one.outcome == "failed" else None


def _refused(one: Decision) -> str | None:
    if one.kind != "ingestion" or one.outcome != "quarantined":
        return None
    return str(one.evidence.get("kind") or "events")


def _accepted(one: Decision, subject: str) -> bool:
    return (one.kind, one.outcome, one.evidence.get("kind")) == ("ingestion", "accepted", subject)


def _holds_again(one: Decision, _: str) -> bool:
    return one.kind == "verification" and one.outcome == "mended"


def _calm(one: Decision, _: str) -> bool:
    return _promoted(one) or (one.kind == "monitoring" and one.outcome in {"quiet", "noted"})


def _proposed(one: Decision) -> str | None:
    return f"{one.kind} of version {one.evidence.get('version')}" if one.outcome == "proposed" else None


def _answered(one: Decision, subject: str) -> bool:
    about = f"{one.evidence.get('of')} of version {one.evidence.get('version')}"
    return "proposal" in one.evidence and about == subject and one.outcome not in {"approved once", "denied"}


def _unscored(one: Decision) -> str | None:
    return "" if one.kind == "scoring" and one.evidence.get("unscored") else None


def _scored(one: Decision, _: str) -> bool:
    return one.kind == "scoring" and bool(one.evidence.get("batches")) and not one.evidence.get("unscored")


_SERVES = "The champion serves on as before"
RULES: dict[IncidentKind, Rule] = {
    "integrity": Rule(
        lambda _: None, lambda *_: False,
        "The journal cannot be trusted, so nothing is written to it and nothing is decided.",
        "Run `keepfit verify {pipeline}`, then restore the store from a backup.",
    ),
    "invariant broken": Rule(
        _is("verification", "broken"), _holds_again,
        "A promise that decisions rest on does not hold; what rests on it may be wrong.",
        "Run `keepfit verify {pipeline}` for what is broken, mend that, then `keepfit run reconciliation {pipeline}`.",
    ),
    "stage failed": Rule(
        _failed, lambda one, subject: one.kind == subject and one.outcome != "failed",
        f"{_SERVES}; what the stage {{subject}} should have brought is missing until it runs again.",
        "Read the run's log and mend the cause; it is done again by its schedule, or at once by `keepfit run`.",
    ),
    "refused delivery": Rule(
        _refused, _accepted,
        f"{_SERVES}; nothing of this delivery is scored, learnt from or checked.",
        "Look at the rule that refused it, have it delivered again, corrected; it is taken in at the next run.",
    ),
    "broken data": Rule(
        _is("monitoring", "broken data"), _after("monitoring", "broken data"),
        "What the model is asked about is not what it learnt from, so its predictions may be wrong. It does not retrain"
        " on such data.",
        "Mend the source of the columns that are named; monitoring says by itself when they are sound.",
    ),
    "rollback": Rule(
        lambda one: str(one.evidence.get("replaces") or "") if one.outcome == "rolled back" else None, _calm,
        "The previous champion serves again; version {subject} stepped down.",
        "Find out why version {subject} failed before another one is trained: `keepfit card {pipeline} --version"
        " {subject}`.",
    ),
    "breaker open": Rule(
        _is("governor", "breaker open"), _promoted,
        f"{_SERVES}; the circuit breaker holds retrainings back.",
        "Look at why the last candidates were refused, then `keepfit run training {pipeline}`.",
    ),
    "unknown check": Rule(
        _is("monitoring", "alerted"), _after("monitoring", "alerted"),
        f"{_SERVES}; whether it is still good is not known.",
        "Look at what could not be judged; nothing is done on a guess.",
    ),
    "retraining refused": Rule(
        _is("monitoring", "suppressed"), _after("monitoring", "suppressed"),
        f"{_SERVES}, although something asks for a retraining.",
        "Nothing, if the limit is meant; else change `governor`, or `keepfit run training {pipeline}`.",
    ),
    "waits for people": Rule(
        _proposed, _answered,
        f"{_SERVES} until somebody answers; without an answer in time the proposal is refused.",
        "Read `keepfit explain {pipeline} {number}`, then `keepfit approve {pipeline} {number}` or `keepfit refuse`.",
    ),
    "rows not scored": Rule(
        _unscored, _scored,
        "Some rows have no prediction; the others do.",
        "Look at the reasons in the table `unscored`, and mend the source; docs/scoring.md says more.",
    ),
    "promotion refused": Rule(
        _is("promotion", "refused"), _promoted,
        f"{_SERVES}; the new version stays a candidate.",
        "Nothing, if the gates are right; they say which did not pass.",
    ),
}  # fmt: skip
