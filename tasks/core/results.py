"""Frozen values that cross the boundaries between rooms: verdicts, checks, windows, snapshots, decisions.

No behaviour beyond what follows from the values themselves; no vendor types.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Number = float | int | str | bool | None


class Verdict(StrEnum):
    """The three answers of every check. `unknown` is never shown or counted as `pass`."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One answer with its reason (a sentence for people) and the numbers that it rests on."""

    name: str
    verdict: Verdict
    reason: str
    numbers: Mapping[str, Number] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True for `pass` only."""
        return self.verdict is Verdict.PASS


def overall(checks: Iterable[Check]) -> Verdict:
    """Fold many answers into one, failing closed: any fail is fail, else any unknown, and nothing at all is unknown."""
    verdicts = {check.verdict for check in checks}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    if not verdicts or Verdict.UNKNOWN in verdicts:
        return Verdict.UNKNOWN
    return Verdict.PASS


@dataclass(frozen=True)
class Window:
    """A half-open range of event time, `start <= t < end`, both UTC-aware."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d}..{self.end:%Y-%m-%d}"


@dataclass(frozen=True)
class Snapshot:
    """Exact rows: table versions + filter + content digest. The same reference always reads the same rows.

    `window` bounds the event time; `as_of` bounds when labels became known; `digest` is the SHA-256 of the content.
    """

    pipeline: str
    events_version: int
    labels_version: int
    window: Window
    as_of: datetime
    rows: int
    digest: str


@dataclass(frozen=True)
class Decision:
    """A verdict acted on: one row of the journal. `key` makes writing it idempotent: one key, one row, for ever.

    `kind` is the stage that decided (ingestion, probe, training, promotion, rollback, scoring, monitoring, recheck,
    trigger, governor, reconciliation, verification); `outcome` is what followed (accepted, quarantined, released,
    promoted, refused, triggered, suppressed, sent, noted, waiting, failed, broken, ...).
    `evidence` is JSON-ready, without cell values.
    """

    key: str
    pipeline: str
    kind: str
    verdict: Verdict
    outcome: str
    reason: str
    as_of: datetime
    window: Window | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None


@dataclass(frozen=True)
class JournalEntry:
    """A decision as it stands in the journal: with its place, its time of writing and its links in the hash chain."""

    sequence: int
    decision: Decision
    recorded_at: datetime
    previous_hash: str
    hash: str
