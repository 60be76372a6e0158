"""Journals of trouble for the tests of incidents and alerts: what opens each kind, and what ends it."""

from datetime import UTC, datetime, timedelta

from tasks.core.journal import chain
from tasks.core.results import Decision, Verdict

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
# Kind of incident -> (what opens it, what ends it): stage, outcome, evidence.
TROUBLE = {
    "invariant broken": (("verification", "broken", {}), ("verification", "mended", {})),
    "stage failed": (("scoring", "failed", {}), ("scoring", "scored", {})),
    "refused delivery": (
        ("ingestion", "quarantined", {"kind": "labels", "name": "a.csv"}),
        ("ingestion", "accepted", {"kind": "labels", "name": "b.csv"}),
    ),
    "broken data": (("monitoring", "broken data", {}), ("monitoring", "waiting", {})),
    "rollback": (
        ("rollback", "rolled back", {"version": 1, "replaces": 2, "sha256": "x"}),
        ("monitoring", "quiet", {}),
    ),
    "breaker open": (("governor", "breaker open", {}), ("promotion", "promoted", {"version": 3, "sha256": "x"})),
    "unknown check": (("monitoring", "alerted", {}), ("monitoring", "quiet", {})),
    "retraining refused": (("monitoring", "suppressed", {}), ("monitoring", "triggered", {})),
    "waits for people": (
        ("promotion", "proposed", {"version": 6}),
        ("promotion", "promoted", {"version": 6, "sha256": "x", "proposal": "0", "of": "promotion"}),
    ),
    "rows not scored": (
        ("scoring", "scored", {"batches": {"a": 9}, "unscored": {"a": 1}}),
        ("scoring", "scored", {"batches": {"b": 10}, "unscored": {}}),
    ),
    "promotion refused": (
        ("promotion", "refused", {"version": 4}),
        ("promotion", "promoted", {"version": 5, "sha256": "x"}),
    ),
}


def decision(what, number, pipeline="p"):
    stage, outcome, evidence = what
    return Decision(f"{number}", pipeline, stage, Verdict.UNKNOWN, outcome, f"because {number}",
                    START + number * HOUR, evidence=evidence, run_id=f"run-{number}")  # fmt: skip


def journal(*steps, every=HOUR):
    """Entries that were recorded one after the other; None lets time pass."""
    entries, last = [], None
    for number, what in enumerate(steps):
        if what is not None:
            last = chain(last, decision(what, number), START + number * every)
            entries.append(last)
    return entries
