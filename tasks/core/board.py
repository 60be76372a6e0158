"""The board's view-model: of each pipeline its state, champion, curve with decisions, freshness, incidents and budget.

Names and numbers that the pipeline itself made, and never a row's value, a category or the name of a delivery.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tasks.core.alerting import Policy
from tasks.core.championship import Reign, past_trainings
from tasks.core.governor import Governor
from tasks.core.heartbeat import age_of
from tasks.core.incidents import Incident, open_incidents
from tasks.core.results import JournalEntry

State = Literal["good", "look", "trouble", "waiting", "unknown"]
STATES: Mapping[State, str] = {
    "trouble": "needs you",
    "unknown": "not known",
    "look": "worth a look",
    "waiting": "no champion yet",
    "good": "fine",
}
"""What each state is called, the gravest first."""


@dataclass(frozen=True)
class Point:
    """One check on labels that had come in: the champion's score, its interval and the limit that was promised."""

    at: datetime
    version: int
    score: float
    low: float | None
    high: float | None
    limit: float | None


@dataclass(frozen=True)
class Mark:
    """One decision on the curve."""

    at: datetime
    kind: Literal["promoted", "rolled back", "retraining", "refused"]
    label: str
    short: str = ""


@dataclass(frozen=True)
class Trouble:
    """An open incident, without its reason: that may name what was delivered."""

    kind: str
    lasts: str
    effect: str
    action: str
    urgent: bool


@dataclass(frozen=True)
class Card:
    """One pipeline."""

    pipeline: str
    state: State
    description: str = ""
    metric: str = ""
    champion: int | None = None
    reigns_for: str = ""
    promised: float | None = None
    points: tuple[Point, ...] = ()
    marks: tuple[Mark, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    troubles: tuple[Trouble, ...] = ()
    spent: int = 0
    budget: int = 0
    period: str = ""
    why: str = ""

    @property
    def score(self) -> float | None:
        """The champion's newest realised score."""
        mine = [point.score for point in self.points if point.version == self.champion]
        return mine[-1] if mine else None


@dataclass(frozen=True)
class Facts:
    """What is known of one pipeline besides its journal."""

    description: str
    metric: str
    policy: Policy
    governor: Governor
    reign: Reign | None
    promoted: datetime | None
    ages: Mapping[str, datetime | None]


def card_of(
    pipeline: str, facts: Facts, entries: Sequence[JournalEntry], incidents: Sequence[Incident], now: datetime
) -> Card:
    """One pipeline's card as of a moment (UTC)."""
    troubles = tuple(_trouble(one, facts.policy, now) for one in open_incidents(incidents))
    period = facts.governor.period
    started = [one for one in past_trainings(entries, live=False) if now - one.decided_at < period]
    points = tuple(found for entry in entries if (found := _point(entry)))
    last = entries[-1].decision if entries else None
    told = [(name, _ago(at, now)) for name, at in facts.ages.items() if at]
    if last:
        told.append(("Last decision", f"{last.kind}: {last.outcome}"))
    mine = [one.decision.evidence for one in entries if one.decision.kind == "monitoring"]
    promises = [
        _numbers(one).get("promised") for one in mine if facts.reign and one.get("version") == facts.reign.champion
    ]
    return Card(
        pipeline, _state(troubles, facts.reign), facts.description, facts.metric,
        facts.reign.champion if facts.reign else None, age_of(now - facts.promoted) if facts.promoted else "",
        next((float(one) for one in reversed(promises) if isinstance(one, int | float)), None),
        points, _marks(entries), tuple(told), troubles, len(started), facts.governor.budget, age_of(period),
    )  # fmt: skip


def unreadable(pipeline: str, why: str) -> Card:
    """The card of a pipeline whose file or store could not be read."""
    return Card(pipeline, "unknown", why=why)


def headline(cards: Sequence[Card]) -> str:
    """The state of everything in one sentence."""
    if not cards:
        return "There are no pipelines yet"
    for state in ("trouble", "unknown", "look"):
        count = sum(card.state == state for card in cards)
        if count:
            which = next(card.pipeline for card in cards if card.state == state)
            what = {"trouble": "needs you", "unknown": "cannot be read", "look": "is worth a look"}[state]
            return f"{which} {what}" if count == 1 else f"{count} pipelines: {STATES[state]}"
    return "Everything is fine" if any(card.state == "good" for card in cards) else "Nothing is served yet"


def ordered(cards: Sequence[Card]) -> list[Card]:
    """What needs somebody first, then by name."""
    return sorted(cards, key=lambda card: (list(STATES).index(card.state), card.pipeline))


def _state(troubles: Sequence[Trouble], reign: Reign | None) -> State:
    if any(one.urgent for one in troubles):
        return "trouble"
    if troubles:
        return "look"
    return "good" if reign else "waiting"


def _trouble(one: Incident, policy: Policy, now: datetime) -> Trouble:
    return Trouble(one.kind, age_of(now - one.opened), one.effect, one.action, one.kind in policy.at_once)


def _numbers(evidence: Mapping[str, Any]) -> Mapping[str, Any]:
    found = evidence.get("performance")
    return (found.get("numbers") or {}) if isinstance(found, Mapping) else {}


def _point(entry: JournalEntry) -> Point | None:
    decision = entry.decision
    numbers = _numbers(decision.evidence) if decision.kind == "monitoring" else {}
    score, rest = numbers.get("score"), [numbers.get(name) for name in ("low", "high", "limit")]
    # What JSON lacks (nan, inf) stands as text in the journal.
    if not isinstance(score, int | float):
        return None
    low, high, limit = (float(one) if isinstance(one, int | float) else None for one in rest)
    return Point(decision.as_of, int(decision.evidence["version"]), float(score), low, high, limit)


def _marks(entries: Sequence[JournalEntry]) -> tuple[Mark, ...]:
    found = []
    for decision in (entry.decision for entry in entries):
        version = decision.evidence.get("version")
        match decision.kind, decision.outcome:
            case ("promotion", "promoted"):
                found.append(Mark(decision.as_of, "promoted", f"version {version} promoted", f"v{version}"))
            case ("rollback", _):
                found.append(Mark(decision.as_of, "rolled back", f"back to version {version}", f"v{version}"))
            case ("ingestion", "quarantined"):
                found.append(Mark(decision.as_of, "refused", "a delivery was refused"))
            case ("training", outcome) if outcome != "promoted":
                found.append(Mark(decision.as_of, "retraining", f"a retraining was {outcome}"))
    return tuple(found)


def _ago(at: datetime, now: datetime) -> str:
    return f"{age_of(now - at)} ago"
