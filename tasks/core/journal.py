"""The hash chain of decisions: what an entry's hash covers, how the next one follows, and what breaks the chain.

Pure values only; where the entries are stored is `tasks.adapters.journal`'s business.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np

from tasks.core.errors import DataRejected
from tasks.core.results import Decision, JournalEntry, Verdict, Window

GENESIS = "0" * 64


def canonical(value: Any) -> Any:
    """The JSON form of a value, the same before and after storage.

    Keys are text, sequences are lists, times are UTC, numbers that JSON lacks (nan, inf) are text, numpy scalars are
    plain. Raises DataRejected for any other type.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, datetime):
        return _utc(value).isoformat()
    raise DataRejected(
        f"The evidence of a decision holds a {type(value).__name__}; allowed are text, numbers, booleans, None, times, "
        "lists and mappings of these. Convert it before the decision is made."
    )


def entry_hash(previous_hash: str, sequence: int, decision: Decision, recorded_at: datetime) -> str:
    """SHA-256 over canonical JSON (sorted keys, no spaces, UTC) of the place, the time, the link and the decision."""
    body = {
        "previous_hash": previous_hash,
        "sequence": int(sequence),
        "recorded_at": _utc(recorded_at).isoformat(),
        "decision": _decision_json(decision),
    }
    return sha256(_text(body).encode()).hexdigest()


def chain(previous: JournalEntry | None, decision: Decision, recorded_at: datetime) -> JournalEntry:
    """The entry that follows `previous` (None: the first, number 1), with the decision in its canonical form."""
    sequence, link = (previous.sequence + 1, previous.hash) if previous else (1, GENESIS)
    window = decision.window and Window(_utc(decision.window.start), _utc(decision.window.end))
    settled = replace(
        decision,
        verdict=Verdict(decision.verdict),
        as_of=_utc(decision.as_of),
        window=window,
        reason=_clean(decision.reason),
        evidence=canonical(decision.evidence),
    )
    moment = _utc(recorded_at)
    return JournalEntry(sequence, settled, moment, link, entry_hash(link, sequence, settled, moment))


def verify_chain(entries: Sequence[JournalEntry]) -> list[str]:
    """One sentence for every changed, missing, reordered or duplicated entry; empty when the chain is whole.

    An end that was cut off does not show in the entries themselves: compare the last number with the store's own count.
    """
    return [*changed(entries), *_repeated(entries), *_gaps(entries), *_disorder(entries), *_links(entries)]


def changed(entries: Sequence[JournalEntry]) -> list[str]:
    """One sentence for every entry whose content does not give its hash."""
    return [
        f"{_name(entry)} was changed: its content does not give its hash."
        for entry in entries
        if not _gives_its_hash(entry)
    ]


def _gives_its_hash(entry: JournalEntry) -> bool:
    try:
        return entry_hash(entry.previous_hash, entry.sequence, entry.decision, entry.recorded_at) == entry.hash
    except RecursionError:  # deeper than anything that was ever written
        return False


def _repeated(entries: Sequence[JournalEntry]) -> list[str]:
    places = Counter(entry.sequence for entry in entries)
    keys = Counter(entry.decision.key for entry in entries)
    twice = [f"Entry {number} is duplicated: it stands {count} times." for number, count in places.items() if count > 1]
    twice += [
        f"{_name(entry)} is duplicated: its key stands {keys[entry.decision.key]} times."
        for entry in entries
        if keys[entry.decision.key] > 1 and places[entry.sequence] == 1
    ]
    return twice


def _gaps(entries: Sequence[JournalEntry]) -> list[str]:
    present = {entry.sequence for entry in entries}
    return [f"Entry {number} is missing." for number in range(1, max(present, default=0) + 1) if number not in present]


def _disorder(entries: Sequence[JournalEntry]) -> list[str]:
    return [
        f"{_name(after)} is out of order: it stands after entry {before.sequence}."
        for before, after in pairwise(entries)
        if after.sequence < before.sequence
    ]


def _links(entries: Sequence[JournalEntry]) -> list[str]:
    hashes: dict[int, set[str]] = {0: {GENESIS}}
    for entry in entries:
        hashes.setdefault(entry.sequence, set()).add(entry.hash)
    return [
        f"{_name(entry)} does not follow entry {entry.sequence - 1}: one of the two was changed or replaced."
        for entry in entries
        if entry.previous_hash not in hashes.get(entry.sequence - 1, {entry.previous_hash})
    ]


def _decision_json(decision: Decision) -> dict[str, Any]:
    window = decision.window
    return {
        "key": decision.key,
        "pipeline": decision.pipeline,
        "kind": decision.kind,
        "verdict": str(decision.verdict),
        "outcome": decision.outcome,
        "reason": decision.reason,
        "as_of": canonical(decision.as_of),
        "window": window and [canonical(window.start), canonical(window.end)],
        "evidence": canonical(decision.evidence),
        "run_id": decision.run_id,
    }


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise DataRejected(
            "A decision holds a time without a time zone; give every time in UTC (datetime with tzinfo)."
        )
    utc = moment.astimezone(UTC)
    # Built anew: subclasses (pandas) carry nanoseconds, which no table keeps.
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, tzinfo=UTC)


def _clean(text: str) -> str:
    """File names may hold bytes that are no text; written out, they can be stored."""
    return text.encode("utf-8", "backslashreplace").decode()


def _name(entry: JournalEntry) -> str:
    return f"Entry {entry.sequence} ({entry.decision.kind}, key {entry.decision.key})"
