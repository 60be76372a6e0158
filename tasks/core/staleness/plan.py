"""Who is asked about which windows, by the journal, and the rules by which the answers are held against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tasks.core.championship import PROMOTED, changes_of
from tasks.core.gates import Gate, duel_of
from tasks.core.metrics import MetricName
from tasks.core.performance import Performance
from tasks.core.results import JournalEntry, Window
from tasks.core.timeline import Term, terms_of


@dataclass(frozen=True)
class Rules:
    """How long a window and the wait for labels are, what a score takes, and the rules of the duels.

    `confidence` is that of all duels together, `margin` is in metric units.
    """

    metric: MetricName
    window: timedelta
    delay: timedelta
    min_rows: int
    min_label_share: float
    margin: float
    confidence: float
    duel_rows: int
    seed: int


def rules_of(metric: MetricName, performance: Performance, gates: Sequence[Gate], delay: timedelta, seed: int) -> Rules:
    """Windows as the performance check has them, duels as the gate `beats_champion` fights them (its defaults if none).

    Without that gate the margin is 0: then only two that predict alike are equivalent.
    """
    gate = duel_of(gates)
    return Rules(
        metric, performance.window, delay, performance.min_rows, performance.min_label_share, gate.margin,
        gate.confidence, gate.min_rows, seed,
    )  # fmt: skip


@dataclass(frozen=True)
class Former:
    """A version that became champion, when for the first time, and the SHA-256 that its receipt says."""

    version: int
    since: datetime
    sha256: str


@dataclass(frozen=True)
class Retraining:
    """A promotion over another champion, and the event time that its version then served, as far as labels are due."""

    successor: int
    predecessor: int
    served: Window


@dataclass(frozen=True)
class Plan:
    """Who is asked about what; `windows` lie side by side, from the first promotion up to where labels are due.

    Each is as long as the rules say, or shorter where another champion began to serve, so that one serves in each.
    """

    formers: tuple[Former, ...] = ()
    terms: tuple[Term, ...] = ()
    retrainings: tuple[Retraining, ...] = ()
    windows: tuple[Window, ...] = ()


def make_plan(entries: Sequence[JournalEntry], as_of: datetime, rules: Rules) -> Plan:
    """All that were champion by a moment, in order; empty where nobody was."""
    changes = [entry for entry in changes_of(entries) if entry.decision.as_of <= as_of]
    if not changes:
        return Plan()
    formers: dict[int, Former] = {}
    for decision in (change.decision for change in changes):
        version = int(decision.evidence["version"])
        formers.setdefault(version, Former(version, decision.as_of, str(decision.evidence["sha256"])))
    terms, due = terms_of(changes, replayed=True), as_of - rules.delay
    retrainings = [
        Retraining(term.version, int(change.decision.evidence["replaces"]),
                   Window(term.since, max(term.since, min(due, term.until or due))))
        for term, change in zip(terms, changes, strict=True)
        if change.decision.outcome == PROMOTED and change.decision.evidence.get("replaces") is not None
    ]  # fmt: skip
    windows = _windows([term.since for term in terms], due, rules.window)
    return Plan(tuple(formers.values()), tuple(terms), tuple(retrainings), tuple(windows))


def _windows(changes: Sequence[datetime], end: datetime, length: timedelta) -> list[Window]:
    start = min(changes)
    whole = [start + number * length for number in range(1 + max(timedelta(), end - start) // length)]
    cuts = sorted({cut for cut in (*whole, *changes) if cut < end} | {end})
    return [Window(cut, following) for cut, following in pairwise(cuts)]
