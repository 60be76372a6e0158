"""What a replayed moment brought is read from the journal, whatever else stands there."""

from datetime import UTC, datetime

from deployments.replay import Step
from tasks.core.journal import chain
from tasks.core.results import Decision, Verdict

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def test_rows_are_those_of_event_batches_also_beside_an_ingestion_that_failed():
    told = [
        {"kind": "events", "accepted": 8, "quarantined": 2},
        {},  # a stage that failed measured nothing
        {"kind": "labels", "accepted": 5, "quarantined": 1},
        {"kind": "events", "accepted": 3, "quarantined": 0},
    ]
    decisions = [
        Decision(str(n), "p", "ingestion", Verdict.UNKNOWN, "", "", NOW, evidence=e) for n, e in enumerate(told)
    ]
    entries = tuple(chain(None, decision, NOW) for decision in decisions)
    assert Step(NOW, entries, None, 1.0).rows == (11, 2)
