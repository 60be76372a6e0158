"""What the ML Test Score rests on: a version's own records, the journal, and what the pipeline's file asks for.

Questions to these records that several tests share; which answer earns what stands with the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.core.results import JournalEntry


@dataclass(frozen=True)
class Setup:
    """What the pipeline's file asks for, as far as a test of the score asks about it."""

    description: str = ""
    expectations: int = 0
    families: tuple[str, ...] = ()
    watches: frozenset[str] = frozenset()
    personal: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    notifies: bool = False


@dataclass(frozen=True)
class Known:
    """The records of one version: its tags, the pipeline's journal in order, and the file's setup."""

    pipeline: str
    version: int
    tags: Mapping[str, str]
    entries: Sequence[JournalEntry]
    setup: Setup = field(default_factory=Setup)

    def of(self, kind: str, **evidence: Any) -> list[JournalEntry]:
        """The entries of a kind whose evidence holds these values, in order."""
        return [
            entry for entry in self.entries
            if entry.decision.kind == kind
            and all(entry.decision.evidence.get(name) == value for name, value in evidence.items())
        ]  # fmt: skip

    def judgement(self) -> JournalEntry | None:
        """The newest judgement of the version by the gates."""
        judged = [entry for entry in self.of("promotion", version=self.version) if "gates" in entry.decision.evidence]
        return judged[-1] if judged else None

    def passed(self, gate: str) -> JournalEntry | None:
        """The judgement in which the version passed this gate; None when it did not, or was not asked."""
        entry = self.judgement()
        gates = entry.decision.evidence["gates"] if entry else ()
        return entry if any(one["name"] == gate and one["verdict"] == "pass" for one in gates) else None

    def realised(self, *, own: bool) -> list[JournalEntry]:
        """The checks that held a champion (`own`: this version) to its promise on labels that had come in."""
        checks = self.of("monitoring", **({"version": self.version} if own else {}))
        return [
            entry for entry in checks if (_check(entry, "performance").get("numbers") or {}).get("score") is not None
        ]

    def explains(self, entry: JournalEntry) -> str:
        """The command that shows an entry whole."""
        return f"`keepfit explain {self.pipeline} {entry.sequence}`"


def _check(entry: JournalEntry, name: str) -> Mapping[str, Any]:
    found = entry.decision.evidence.get(name)
    return found if isinstance(found, Mapping) else {}
