"""The chain of decisions: stable hashes, and every kind of tampering is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import DataRejected
from tasks.core.journal import GENESIS, canonical, chain, entry_hash, verify_chain
from tasks.core.results import Decision, JournalEntry, Verdict, Window

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=7), NOW)


def decision(number: int, **changes) -> Decision:
    base = Decision(
        f"key-{number}", "p", "monitoring", Verdict.FAIL, "noted", "because", NOW, WINDOW, {"n": number}, "r"
    )
    return replace(base, **changes)


def journal(length: int) -> list[JournalEntry]:
    entries: list[JournalEntry] = []
    for number in range(1, length + 1):
        entries.append(chain(entries[-1] if entries else None, decision(number), NOW + timedelta(seconds=number)))
    return entries


def test_an_untouched_chain_is_whole():
    entries = journal(6)
    assert [entry.sequence for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[0].previous_hash == GENESIS
    assert verify_chain(entries) == []
    assert verify_chain([]) == []


CHANGES = {
    "key": "other",
    "pipeline": "q",
    "kind": "training",
    "verdict": Verdict.PASS,
    "outcome": "sent",
    "reason": "another",
    "as_of": NOW + timedelta(microseconds=1),
    "window": None,
    "evidence": {"n": 3.5},
    "run_id": None,
}


@pytest.mark.parametrize("field", list(CHANGES))
def test_a_change_of_any_field_is_named(field):
    entries = journal(5)
    entries[2] = replace(entries[2], decision=replace(entries[2].decision, **{field: CHANGES[field]}))
    assert any("Entry 3" in line and "was changed" in line for line in verify_chain(entries))


@pytest.mark.parametrize("field", ["recorded_at", "previous_hash", "hash"])
def test_a_change_of_the_entry_itself_is_named(field):
    entries = journal(5)
    value = NOW if field == "recorded_at" else "f" * 64
    entries[2] = replace(entries[2], **{field: value})
    assert any("Entry 3" in line for line in verify_chain(entries))


def test_a_change_with_a_new_hash_breaks_the_link_of_the_next_entry():
    entries = journal(5)
    old = entries[2]
    forged = replace(old.decision, outcome="promoted")
    entries[2] = replace(
        old, decision=forged, hash=entry_hash(old.previous_hash, old.sequence, forged, old.recorded_at)
    )
    assert any("does not follow entry 3" in line for line in verify_chain(entries))


@given(st.integers(2, 7), st.data())
def test_every_missing_duplicated_or_reordered_entry_is_named(length, data):
    entries = journal(length)
    place = data.draw(st.integers(0, length - 2))
    number = place + 1
    assert any(f"Entry {number} is missing" in line for line in verify_chain(entries[:place] + entries[place + 1 :]))
    twice = entries[: place + 1] + entries[place:]
    assert any(f"Entry {number} is duplicated" in line for line in verify_chain(twice))
    swapped = [*entries[:place], entries[place + 1], entries[place], *entries[place + 2 :]]
    assert any(f"Entry {number}" in line and "out of order" in line for line in verify_chain(swapped))


def test_one_key_in_two_entries_is_named():
    first = chain(None, decision(1), NOW)
    problems = verify_chain([first, chain(first, decision(1), NOW)])
    assert len(problems) == 2
    assert all("key-1" in line and "duplicated" in line for line in problems)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_the_canonical_form_is_settled_after_one_pass(value):
    assert canonical(canonical(value)) == canonical(value)


def test_the_canonical_form_takes_what_measurements_give():
    given_ = {"a": np.float64(0.5), "b": (np.int64(3), float("nan")), 3: np.array([1, 2]), "t": NOW, "v": Verdict.PASS}
    assert canonical(given_) == {"a": 0.5, "b": [3, "nan"], "3": [1, 2], "t": NOW.isoformat(), "v": "pass"}
    assert canonical("name-\udcff.csv") == "name-\\udcff.csv"


def test_what_cannot_be_written_is_refused_without_its_value():
    with pytest.raises(DataRejected) as refusal:
        canonical({"rows": pd.Series(["bob@example.org"])})
    assert "Series" in str(refusal.value)
    assert "bob" not in str(refusal.value)


def test_one_moment_has_one_hash_in_every_time_zone_and_type():
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    for same in (there, pd.Timestamp(NOW)):
        assert chain(None, decision(1, as_of=same), same) == chain(None, decision(1), NOW)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(DataRejected, match="time zone"):
        chain(None, decision(1), datetime(2026, 1, 1))  # noqa: DTZ001
