"""Incidents: what the journal says went wrong, since when, how often it was seen, and whether it is over.

They follow from the entries alone (and when stages last finished), so nothing has to be kept beside the journal.
Who is told of them, and when: alerting.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from tasks.core.incident_kinds import KINDS, RULES, IncidentKind
from tasks.core.results import Decision, JournalEntry


@dataclass(frozen=True)
class Incident:
    """One stretch of trouble: from the entry that opened it to the one that ended it, in wall-clock time (UTC).

    `episode` tells two stretches of the same key apart: the number of the entry that opened it.
    """

    pipeline: str
    kind: IncidentKind
    subject: str
    episode: str
    opened: datetime
    last_seen: datetime
    times: int
    reason: str
    as_of: datetime
    run_id: str | None = None
    resolved: datetime | None = None
    ended_by: int | None = None

    @property
    def key(self) -> str:
        """What a cooldown counts by: the same trouble, whenever it comes back."""
        return f"{self.kind}/{self.subject}"

    @property
    def token(self) -> str:
        """What is told once."""
        return f"{self.key}#{self.episode}"

    @property
    def effect(self) -> str:
        """What it means for whoever uses the predictions."""
        return self._filled(RULES[self.kind].effect)

    @property
    def action(self) -> str:
        """What a person does next."""
        return self._filled(RULES[self.kind].action)

    def _filled(self, text: str) -> str:
        return text.format(pipeline=self.pipeline, subject=self.subject, number=self.episode)


def incidents_of(
    pipeline: str, entries: Sequence[JournalEntry], finished: Mapping[str, datetime] | None = None
) -> list[Incident]:
    """Every incident of a pipeline, in the order in which they opened.

    Args:
        pipeline: its name.
        entries: the journal's, in order.
        finished: when each stage last ended well: that ends a failure of a stage whose success writes no entry.
    """
    standing: dict[tuple[IncidentKind, str], Incident] = {}
    ended: list[Incident] = []
    for entry in entries:
        decision = entry.decision
        for place, one in list(standing.items()):
            if RULES[one.kind].ends(decision, one.subject):
                ended.append(replace(one, resolved=entry.recorded_at, ended_by=entry.sequence))
                del standing[place]
        for kind in KINDS:
            subject = RULES[kind].opens(decision)
            if subject is not None:
                known = standing.get((kind, subject))
                standing[kind, subject] = _again(known, entry) if known else _first(pipeline, kind, subject, entry)
    still = [_finished(one, finished or {}) for one in standing.values()]
    return sorted([*ended, *still], key=lambda one: (one.opened, one.token))


def open_incidents(incidents: Iterable[Incident]) -> list[Incident]:
    """Those that stand, the gravest kind first (the order of KINDS), then the oldest."""
    return sorted(
        (one for one in incidents if one.resolved is None), key=lambda one: (KINDS.index(one.kind), one.opened)
    )


def broken_journal(pipeline: str, broken: Sequence[str], now: datetime) -> list[Incident]:
    """The incident of a journal that is not whole, which cannot tell of itself; none when `broken` is empty."""
    if not broken:
        return []
    told = "; ".join(broken)
    episode = sha256(told.encode()).hexdigest()[:12]
    return [Incident(pipeline, "integrity", "journal", episode, now, now, 1, told, now)]


def _first(pipeline: str, kind: IncidentKind, subject: str, entry: JournalEntry) -> Incident:
    one, at = entry.decision, entry.recorded_at
    return Incident(pipeline, kind, subject, str(entry.sequence), at, at, 1, _reason(one), one.as_of, run_id=one.run_id)


def _again(known: Incident, entry: JournalEntry) -> Incident:
    return replace(known, last_seen=entry.recorded_at, times=known.times + 1)


def _finished(one: Incident, finished: Mapping[str, datetime]) -> Incident:
    moment = finished.get(one.subject) if one.kind == "stage failed" else None
    return replace(one, resolved=moment) if moment is not None and moment > one.last_seen else one


def _reason(decision: Decision) -> str:
    name = decision.evidence.get("name")
    return f"{name}: {decision.reason}" if decision.kind == "ingestion" and name else decision.reason
