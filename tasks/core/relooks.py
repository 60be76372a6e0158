"""Which checks are due again because a corrected delivery touched their windows, and how a second look is told.

Reads entries of the journal; measuring is done elsewhere. A second look is written down and starts nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from tasks.core.observations import Observation
from tasks.core.results import Decision, JournalEntry, Verdict, Window, overall

KIND = "recheck"
_MOST = 3  # windows in one run; the newest first, the others by the next runs
_ASKED = ("data", "data_drift", "prediction_drift", "performance")


@dataclass(frozen=True)
class Relook:
    """A check (`decision`) whose window a corrected delivery (`because`, the key of its entry) touched afterwards."""

    decision: Decision
    because: str

    @property
    def key(self) -> str:
        """One second look for each correction of a check's window."""
        return f"{KIND}:{self.because}:{self.decision.key}"


def due(entries: Sequence[JournalEntry], version: int) -> list[Relook]:
    """The checks of a champion that are due again, the newest window first; each for its last correction only."""
    done = {entry.decision.key for entry in entries if entry.decision.kind == KIND}
    found: dict[str, Relook] = {}
    for place, entry in enumerate(entries):
        touched = (entry.decision.evidence.get("supersedes") or {}).get("touched")
        if not touched:
            continue
        window = Window(datetime.fromisoformat(touched["start"]), datetime.fromisoformat(touched["end"]))
        for earlier in (one.decision for one in entries[:place] if one.decision.kind == "monitoring"):
            if earlier.evidence.get("version") == version and _overlap(earlier.window, window):
                found[earlier.key] = Relook(earlier, entry.decision.key)
    open_ = [look for look in found.values() if look.key not in done]
    return sorted(open_, key=lambda look: look.decision.as_of, reverse=True)[:_MOST]


def told(look: Relook, seen: Observation, as_of: datetime, run_id: str) -> Decision:
    """The journal's row of a second look: what is different now from what was said then."""
    then = look.decision.evidence
    now = seen.evidence()
    turned = [
        f"{name.replace('_', ' ')} was {then[name]['verdict']} and is {now[name]['verdict']}"
        for name in _ASKED
        if isinstance(then.get(name), dict) and str(then[name]["verdict"]) != str(now[name]["verdict"])
    ]
    verdict = overall(seen.checks()[name] for name in _ASKED)
    reason = "; ".join(turned) or "every verdict of then stands"
    return Decision(
        key=look.key, pipeline=look.decision.pipeline, kind=KIND, verdict=verdict if turned else Verdict.PASS,
        outcome="changed" if turned else "confirmed",
        reason=f"{reason} (corrected deliveries touched {look.decision.window})", as_of=as_of,
        window=look.decision.window, run_id=run_id,
        evidence={"version": then["version"], "of": look.decision.key, "because": look.because,
                  "checks": {name: asdict(seen.checks()[name]) for name in _ASKED}},
    )  # fmt: skip


def _overlap(one: Window | None, other: Window) -> bool:
    return one is not None and one.start < other.end and other.start < one.end
