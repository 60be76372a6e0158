"""The journal of a pipeline: decisions as an append-only, hash-chained Delta table, one row per key for ever.

What the chain is made of stands in `tasks.core.journal`; here it is stored, raced for and read back.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from tasks.adapters.store import Store, reads, tables
from tasks.core.championship import CROWNING
from tasks.core.errors import ArtefactMismatch, KeepfitError
from tasks.core.journal import chain, changed, verify_chain
from tasks.core.records import read_object
from tasks.core.results import Decision, JournalEntry, Verdict, Window

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

_TABLE = "decisions"
_APPLICATION = "journal"
_COMPACT_EVERY = 20
_NEEDED = ("sequence", "key", "pipeline", "kind", "verdict", "outcome", "reason", "evidence", "previous_hash", "hash")


@dataclass(frozen=True)
class Journal:
    """The decisions of the pipeline that `store` belongs to."""

    store: Store

    def record(self, decision: Decision, now: datetime) -> JournalEntry:
        """Append the decision, or give the entry that its key already has (whatever else it says).

        The number of the entry is the version of the Delta application "journal": of two writers that read the same end
        of the chain only one can commit, and the other one reads again. Raises StoreConflict, DataRejected.
        """
        views = tables.contested(self.store.uri(_TABLE), _schema())
        while True:
            entry = self._attempt(next(views), decision, now)
            if entry is not None:
                return entry

    def entries(self, kind: str | None = None) -> list[JournalEntry]:
        """All entries, or those of one kind, in the order of the chain."""
        import pyarrow.compute as pc

        return _believed(self._read(None if kind is None else pc.field("kind") == kind))

    def find(self, key: str) -> JournalEntry | None:
        """The entry of a key, or None."""
        import pyarrow.compute as pc

        return next(iter(_believed(self._read(pc.field("key") == key))), None)

    def last(self, kind: str, outcome: str | None = None) -> JournalEntry | None:
        """The newest entry of a kind (and outcome), or None."""
        found = [entry for entry in self.entries(kind) if outcome in (None, entry.decision.outcome)]
        return found[-1] if found else None

    def verify(self) -> list[str]:
        """What is wrong with the chain, one sentence each; empty when it is whole. Sees a cut-off end, too."""
        table = tables.open_table(self.store.uri(_TABLE))
        if table is None:
            return []
        try:
            entries = self._read(None, table.version())
        except ArtefactMismatch as error:
            return [str(error)]
        recorded = table.transaction_version(_APPLICATION) or 0
        held = max((entry.sequence for entry in entries), default=0)
        cut = [f"Entry {number} is missing: the end was cut off." for number in range(held + 1, recorded + 1)]
        return verify_chain(entries) + cut

    def _attempt(self, table: Any, decision: Decision, now: datetime) -> JournalEntry | None:
        import pyarrow.compute as pc

        end = table.transaction_version(_APPLICATION) or 0
        wanted = (pc.field("key") == decision.key) | (pc.field("sequence") == end)
        near = self._read(wanted, table.version())
        known = next((entry for entry in near if entry.decision.key == decision.key), None)
        if known is not None:
            return known
        previous = near[-1] if near else None
        if end and (previous is None or previous.sequence != end):
            raise ArtefactMismatch(
                f"The journal of {self.store.pipeline} has recorded {end} entries, and number {end} is missing. "
                "Nothing was written. Look at `keepfit verify`, then restore the store from a backup."
            )
        if previous is not None and (told := changed([previous])):
            raise ArtefactMismatch(f"{told[0]} Nothing was written after it. Restore the store from a backup.")
        entry = chain(previous, decision, now)
        if not tables.try_append(table, _row(entry), _APPLICATION, entry.sequence):
            return None
        if entry.sequence % _COMPACT_EVERY == 0:
            with suppress(KeepfitError):  # the entry stands; small files are merged some other time
                self.store.compact(_TABLE)
        return entry

    def _read(self, where: "pc.Expression | None", version: int | None = None) -> list[JournalEntry]:
        rows = reads.read_arrow(self.store.uri(_TABLE), where=where, version=version)
        found = [] if rows is None else [self._entry(row) for row in rows.to_pylist()]
        return sorted(found, key=lambda entry: entry.sequence)

    def _entry(self, row: Mapping[str, Any]) -> JournalEntry:
        try:
            return _entry(row)
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise ArtefactMismatch(
                f"Entry {row['sequence']} of the journal of {self.store.pipeline} cannot be read "
                f"({type(error).__name__}), so nothing is decided. Restore the store from a backup."
            ) from error


@cache
def _schema() -> "pa.Schema":
    import pyarrow as pa

    text = ("key", "pipeline", "kind", "verdict", "outcome", "reason", "evidence", "run_id", "previous_hash", "hash")
    times = ("as_of", "window_start", "window_end", "recorded_at")
    moment = pa.timestamp("us", tz="UTC")
    return pa.schema({"sequence": pa.int64()} | dict.fromkeys(text, pa.string()) | dict.fromkeys(times, moment))


def _row(entry: JournalEntry) -> "pa.Table":
    import pyarrow as pa

    decision = entry.decision
    row = {
        "sequence": entry.sequence,
        "key": decision.key,
        "pipeline": decision.pipeline,
        "kind": decision.kind,
        "verdict": str(decision.verdict),
        "outcome": decision.outcome,
        "reason": decision.reason,
        "evidence": json.dumps(decision.evidence, sort_keys=True, allow_nan=False),
        "run_id": decision.run_id,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
        "as_of": decision.as_of,
        "window_start": decision.window and decision.window.start,
        "window_end": decision.window and decision.window.end,
        "recorded_at": entry.recorded_at,
    }
    return pa.Table.from_pylist([row], schema=_schema())


def _believed(entries: list[JournalEntry]) -> list[JournalEntry]:
    """Refuse what would make another version champion and was changed; the rest of the chain is for `verify`."""
    if told := changed([entry for entry in entries if entry.decision.kind in CROWNING]):
        raise ArtefactMismatch(f"{told[0]} Nothing is decided from it. Restore the store from a backup.")
    return entries


def _entry(row: Mapping[str, Any]) -> JournalEntry:
    if lacking := [name for name in _NEEDED if row[name] is None]:
        raise ValueError(f"no {lacking[0]}")
    decision = Decision(
        key=row["key"],
        pipeline=row["pipeline"],
        kind=row["kind"],
        verdict=Verdict(row["verdict"]),
        outcome=row["outcome"],
        reason=row["reason"],
        as_of=row["as_of"].astimezone(UTC),
        window=row["window_start"] and Window(row["window_start"].astimezone(UTC), row["window_end"].astimezone(UTC)),
        evidence=read_object(row["evidence"]),
        run_id=row["run_id"],
    )
    return JournalEntry(
        row["sequence"], decision, row["recorded_at"].astimezone(UTC), row["previous_hash"], row["hash"]
    )
