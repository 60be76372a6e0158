"""The challenger: the newest candidate, refused for lack of evidence only; and when new rows are worth another look.

What a look costs in confidence is the ledger's; who judges and promotes is the gates' as for any candidate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.core.championship import PROMOTED, PROPOSED, REFUSED, ROLLED_BACK
from tasks.core.results import Decision, JournalEntry, Verdict

LOOKS = 4
"""After so many judgements a challenger is given up: each further one would have to be surer still (`ledger`)."""
GROWTH = 4 / 3
"""Rows since the last judgement, as a factor: a look costs confidence, so that a few more rows are not worth one."""

TRIAL, STOPPED = "trial", "trial stopped"
"""The decision that live rows speak against a challenger (`trial`): it waits no longer."""

_DECIDED = frozenset({PROMOTED, PROPOSED, REFUSED, ROLLED_BACK})


@dataclass(frozen=True)
class Challenger:
    """A version that waits for evidence against `replaces` (None: there was no champion).

    `since` is the event time of the first row that judged it, `rows` how many did at each judgement, in order.
    """

    version: int
    replaces: int | None
    since: datetime
    rows: tuple[int, ...]


def is_due(judged: Sequence[int], rows: int) -> bool:
    """Whether `rows` fresh rows are worth another judgement after those on `judged` rows."""
    return 0 < len(judged) < LOOKS and rows >= GROWTH * judged[-1]


def waiting(entries: Sequence[JournalEntry]) -> Challenger | None:
    """Who waits, by the journal: the newest candidate, if no gate failed and the same champion still stands.

    A newer candidate, a promotion, a proposal or a rollback ends the waiting; so does a refusal on evidence, and a
    trial on live rows that was stopped. A judgement that failed has decided nothing.
    """
    decided = [entry.decision for entry in entries
               if entry.decision.kind in {"promotion", "rollback"} and entry.decision.outcome in _DECIDED]  # fmt: skip
    if not decided or decided[-1].outcome != REFUSED or decided[-1].verdict is not Verdict.UNKNOWN:
        return None
    if _is_stopped(entries, decided[-1]):
        return None
    pair = _pair(decided[-1].evidence)
    judged = []
    for one in reversed(decided):
        if one.outcome == ROLLED_BACK or _pair(one.evidence) != pair or one.window is None or not one.evidence["rows"]:
            break
        judged.append(one)
    if not judged:
        return None
    rows = tuple(int(one.evidence["rows"]["count"]) for one in reversed(judged))
    return Challenger(*pair, judged[-1].window.start, rows)  # type: ignore[union-attr]


def _is_stopped(entries: Sequence[JournalEntry], judged: Decision) -> bool:
    """Whether live rows spoke against the judged version after that; a person may have it judged again."""
    for entry in reversed(entries):
        if entry.decision == judged:
            return False
        if (entry.decision.kind, entry.decision.outcome) == (TRIAL, STOPPED):
            return _pair(entry.decision.evidence) == _pair(judged.evidence)
    return False


def _pair(evidence: Mapping[str, Any]) -> tuple[int, int | None]:
    version, replaces = evidence["version"], evidence.get("replaces")
    return int(version), None if replaces is None else int(replaces)
