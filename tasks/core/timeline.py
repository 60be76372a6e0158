"""What served when: the terms of a pipeline's champions, by the journal, with who decided each and why.

A term begins when its decision was written, which is what really served; `as_of` is the moment that a replay stood at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.core.bans import banned
from tasks.core.championship import changes_of
from tasks.core.results import JournalEntry

LOOP = "the loop"


@dataclass(frozen=True)
class Term:
    """A version's time as champion: `since <= t < until` (None: it still stands), and what ended it at last.

    `entry` is the number of the decision that made it champion; `banned` says why it may never serve again, or "".
    """

    version: int
    since: datetime
    until: datetime | None
    as_of: datetime
    who: str
    why: str
    entry: int
    banned: str = ""


def terms_of(entries: Sequence[JournalEntry], *, replayed: bool = False) -> list[Term]:
    """The terms in order, without a gap between them; `replayed`: by the moments that a replay stood at."""
    changes = changes_of(entries)
    bans = banned(entries)
    begins = [entry.decision.as_of if replayed else entry.recorded_at for entry in changes]
    return [
        Term(int(entry.decision.evidence["version"]), began, ended, entry.decision.as_of, _who(entry),
             entry.decision.reason, entry.sequence, bans.get(int(entry.decision.evidence["version"]), ""))
        for entry, began, ended in zip(changes, begins, [*begins[1:], None], strict=False)
    ]  # fmt: skip


def serving_at(terms: Sequence[Term], moment: datetime) -> Term | None:
    """The term that a moment lies in; None: nothing served yet."""
    return next((term for term in terms if term.since <= moment and (term.until is None or moment < term.until)), None)


def _who(entry: JournalEntry) -> str:
    """People who approved or asked, else the loop itself."""
    who = str(entry.decision.evidence.get("who") or "")
    return who if who and who != "keepfit" else LOOP
