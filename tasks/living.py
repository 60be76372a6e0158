"""Reads a pipeline's signs of life from its own tables: what finished, what was taken in, who is champion since when.

No server is asked. What the signs mean: `tasks.core.heartbeat`.
"""

from dataclasses import dataclass
from datetime import datetime

from tasks.adapters.pulses import Pulses
from tasks.core import championship
from tasks.core.championship import Reign
from tasks.core.results import JournalEntry
from tasks.session import Session


@dataclass(frozen=True)
class Life:
    """When each sign was last seen (UTC); None: never. `busy` names the runs that hold a lease now."""

    finished: dict[str, datetime]
    reign: Reign | None
    promoted: datetime | None
    newest_event: datetime | None
    newest_labels: datetime | None
    last_entry: datetime | None
    busy: dict[str, str]


def read_life(session: Session, entries: list[JournalEntry] | None = None) -> Life:
    """Every sign of the session's pipeline. Raises ServerUnavailable and StoreConflict as their stores do."""
    entries = session.journal.entries() if entries is None else entries
    now = championship.reign(entries)
    receipt = next((one for one in entries if now and one.sequence == now.receipt), None)
    busy = {
        lease.name.partition("/")[0]: lease.holder
        for lease in session.leases.live()
        if lease.name.partition("/")[2] == session.pipeline
    }
    events, labels = _deliveries(session)
    return Life(
        finished=Pulses(session.control_url).finished(session.pipeline),
        reign=now,
        promoted=receipt.decision.as_of if receipt else None,
        newest_event=events,
        newest_labels=labels,
        last_entry=entries[-1].recorded_at if entries else None,
        busy=busy,
    )


def _deliveries(session: Session) -> tuple[datetime | None, datetime | None]:
    """The newest accepted event, and when labels were last taken in: with the events, where they have no files."""
    batches = session.store.read("batches", ["kind", "accepted", "last_event", "_ingested_at"])
    if batches.empty:
        return None, None
    taken = batches[batches["accepted"] > 0]
    events, labels = taken[taken["kind"] == "events"], taken[taken["kind"] == "labels"]
    newest = events["last_event"].max() if len(events) else None
    known = (labels if (batches["kind"] == "labels").any() else events)["_ingested_at"]
    return (
        None if newest is None or newest != newest else newest.to_pydatetime(),  # noqa: PLR0124 - NaT is not itself
        known.max().to_pydatetime() if len(known) else None,
    )
