"""Every delivered row is accepted, or quarantined with the rule that refused it; tables and journal say the same."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import batches
from tasks.core.batches import (
    WHOLE_BATCH,
    Delivery,
    closing_tables,
    decision_of,
    event_tables,
    event_times,
    judge_rows,
    row_id_of,
    row_ids,
)
from tasks.core.classes import target_values
from tasks.core.columns import Column, convert
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.results import Verdict, Window

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
COLUMNS = (
    Column(name="key", role="id", type="string"),
    Column(name="when", role="time", type="datetime"),
    Column(name="age", role="feature", type="integer"),
    Column(name="junk", role="ignore", type="string"),
    Column(name="goal", role="target", type="category"),
)
DELIVERY = Delivery("a.csv", "5e" * 32, "events", NOW)


def rows(count):
    frame = pd.DataFrame(
        {
            "key": [f"k{number}" for number in range(count)],
            "when": pd.Series([NOW - timedelta(hours=count - n) for n in range(count)], dtype="datetime64[us, UTC]"),
            "age": pd.array(range(count), dtype="Int64"),
            "goal": pd.Series([("won", "lost", None)[number % 3] for number in range(count)], dtype=object),
        }
    )
    return frame.assign(**{EVENT_TIME: frame["when"], ROW_ID: frame["key"].map(row_id_of)})


def published(judged):
    return event_tables(judged, DELIVERY, COLUMNS, "won", timedelta(days=3))


def unreadable():
    return batches.unreadable("empty", "The file is empty.")


@settings(max_examples=150, deadline=None)
@given(
    st.data(), st.integers(0, 15), st.floats(0, 1), st.lists(st.sampled_from(["no rows", "null column"]), max_size=2)
)
def test_accepted_and_quarantined_are_delivered_in_the_judgement_the_tables_and_the_journal(
    data, count, share, refusals
):
    number = st.integers(0, max(0, count - 1))
    rules = data.draw(
        st.dictionaries(st.sampled_from(["type:age", "unique", "x"]), st.lists(number, max_size=6 * bool(count)))
    )
    judged = judge_rows(rows(count), rules, dict.fromkeys(refusals, "why"), share)
    refused = {n for numbers in rules.values() for n in numbers}
    whole = bool(refusals) or (count > 0 and len(refused) / count > share)

    assert len(judged.accepted) + judged.quarantined == judged.delivered == count
    assert set(judged.refused) == (set(range(count)) if whole else refused)
    assert set(judged.accepted.index) == set(range(count)) - set(judged.refused)
    assert (judged.refusal is not None) == whole

    tables = published(judged)
    (batch,) = tables["batches"].to_dict("records")
    events, quarantine = (
        tables.get("events", pd.DataFrame()),
        tables.get("quarantine", pd.DataFrame({"_row_number": []})),
    )
    assert len(events) == batch["accepted"]
    assert (quarantine["_row_number"] != WHOLE_BATCH).sum() == batch["quarantined"]
    assert batch["accepted"] + batch["quarantined"] == batch["delivered"] == count
    assert quarantine["_row_number"].is_unique

    decision = decision_of(tables["batches"].iloc[0], quarantine, "p", NOW)
    assert [decision.evidence[name] for name in ("delivered", "accepted", "quarantined")] == [
        count, len(judged.accepted), judged.quarantined,
    ]  # fmt: skip
    assert (decision.outcome, decision.verdict) == (
        ("quarantined", Verdict.FAIL) if whole else ("accepted", Verdict.PASS)
    )
    for rule, numbers in rules.items():
        assert decision.evidence["rules"].get(rule, 0) == len(set(numbers))


def test_a_row_carries_every_rule_that_refused_it():
    judged = judge_rows(rows(4), {"b": [1, 1], "a": [1, 2]}, {}, 1.0)
    assert judged.refused == {1: "a; b", 2: "a"}
    assert judged.accepted["key"].tolist() == ["k0", "k3"]


def test_the_share_that_refuses_a_batch_is_more_than_the_one_allowed_and_says_both():
    assert judge_rows(rows(4), {"a": [1]}, {}, 0.25).refusal is None
    judged = judge_rows(rows(4), {"a": [1, 2]}, {}, 0.25)
    assert judged.refusal == "batch: max_quarantined_share (50% of rows refused, 25% allowed)"
    assert judged.refused[1] == "a; batch:max_quarantined_share"
    assert len(judged.accepted) == 0


def test_an_unreadable_delivery_leaves_one_line_in_quarantine_and_its_closing_row():
    tables = published(unreadable())
    assert set(tables) == {"quarantine", "batches"}
    assert tables["quarantine"][["_row_number", "rule"]].to_numpy().tolist() == [[WHOLE_BATCH, "batch:empty"]]
    decision = decision_of(tables["batches"].iloc[0], tables["quarantine"], "p", NOW)
    assert (decision.outcome, decision.window) == ("quarantined", None)
    assert decision.reason == "batch:empty: The file is empty."
    assert decision.evidence["rules"] == {"batch:empty": 1}


def test_tables_hold_declared_columns_and_our_own_and_no_others():
    tables = published(judge_rows(rows(6).assign(junk="x", stray="y"), {}, {}, 1.0))
    assert set(tables["events"]) == {"key", "when", "age", ROW_ID, EVENT_TIME, "_batch_id", "_ingested_at"}
    assert set(tables["labels"]) == {ROW_ID, "label", "known_at", "_batch_id"}
    assert set(tables["events"]["_batch_id"]) == {"5e" * 16}


def test_a_label_in_the_events_is_known_after_its_delay_and_rows_without_one_have_none():
    tables = published(judge_rows(rows(6), {"bad": [0]}, {}, 1.0))
    labels = tables["labels"].merge(tables["events"], on=ROW_ID)
    assert labels["key"].tolist() == ["k1", "k3", "k4"]
    assert labels["label"].tolist() == [0, 1, 0]
    assert (labels["known_at"] - labels[EVENT_TIME] == timedelta(days=3)).all()


def test_the_batch_and_its_decision_span_the_events():
    tables = published(judge_rows(rows(6), {}, {}, 1.0))
    decision = decision_of(tables["batches"].iloc[0], pd.DataFrame(), "p", NOW)
    assert decision.window == Window(NOW - timedelta(hours=6), NOW - timedelta(hours=1) + timedelta(microseconds=1))
    assert decision.key == "ingestion:" + "5e" * 16
    assert decision.reason == "6 of 6 rows accepted, 0 quarantined"


def test_ids_follow_from_the_id_columns_and_not_from_the_delivery():
    one = row_ids(rows(3), COLUMNS, "batch-1")
    assert one.tolist() == row_ids(rows(3), COLUMNS, "batch-2").tolist() == [row_id_of(f"k{n}") for n in range(3)]
    assert one.is_unique


def test_a_renamed_delivery_has_the_same_identity():
    renamed = Delivery("b.csv", DELIVERY.sha256, "events", NOW + timedelta(days=1))
    assert renamed.batch_id == DELIVERY.batch_id
    without = COLUMNS[1:]
    assert row_ids(rows(3), without, renamed.batch_id).tolist() == row_ids(rows(3), without, DELIVERY.batch_id).tolist()
    assert row_ids(rows(3), without, "other")[0] != row_ids(rows(3), without, DELIVERY.batch_id)[0]


@pytest.mark.parametrize("ids", [("key",), ("key", "part")])
def test_the_id_of_a_row_does_not_depend_on_the_rows_beside_it(ids):
    columns = [Column(name=name, role="id", type="integer") for name in ids]
    text = pd.DataFrame({"key": ["9007199254740993", "7", ""], "part": ["1", "", "2"]})
    beside_a_gap = row_ids(convert(text, columns).frame, columns, "b")
    alone = row_ids(convert(text.iloc[:2], columns).frame, columns, "b")
    assert beside_a_gap[:2].tolist() == alone.tolist()
    assert ids != ("key",) or beside_a_gap[1] == row_id_of("7")
    assert beside_a_gap.is_unique


def test_two_id_columns_do_not_run_into_each_other():
    columns = [Column(name=name, role="id", type="string") for name in "ab"]
    ids = row_ids(pd.DataFrame({"a": ["1", "11"], "b": ["11", "1"]}), columns, "x")
    assert ids.is_unique


def test_without_a_time_column_the_delivery_tells_the_time():
    assert event_times(rows(2), [COLUMNS[0]], NOW).tolist() == [pd.Timestamp(NOW)] * 2


def test_hours_are_those_of_the_local_clock():
    columns = (
        Column(name="day", role="time", type="datetime", timezone="Europe/Berlin", hours_from="hour"),
        Column(name="hour", role="feature", type="integer"),
    )
    text = pd.DataFrame({"day": ["2024-03-31"] * 3 + ["2024-06-01"], "hour": ["1", "2", "12", ""]})
    times = event_times(convert(text, columns).frame, columns, NOW)
    noon = pd.Timestamp("2024-03-31T10:00Z")
    assert times.tolist() == [pd.Timestamp("2024-03-31T00:00Z"), pd.NaT, noon, pd.NaT]


@pytest.mark.parametrize(
    ("texts", "positive", "expected"),
    [
        (pd.Series(["won", "lost", None], dtype=object), "won", [1, 0, np.nan]),
        (pd.Series(["1", "0", None], dtype=object), "1", [1, 0, np.nan]),
        (pd.Series(pd.array([True, False, None], dtype="boolean")), None, [1, 0, np.nan]),
        (pd.Series(pd.array([True, False, None], dtype="boolean")), "yes", [1, 0, np.nan]),
        (pd.Series(pd.array([True, False, None], dtype="boolean")), "No", [0, 1, np.nan]),
        (pd.Series([1.0, 2.0, np.nan]), "2", [0, 1, np.nan]),
        (pd.Series(pd.array([1, 2, None], dtype="Int64")), "1.0", [1, 0, np.nan]),
        (pd.Series(pd.array([1, 2, None], dtype="Int64")), None, [1, 2, np.nan]),
        (pd.Series([1.5, np.nan]), None, [1.5, np.nan]),
    ],
)
def test_the_target_is_a_number_by_the_positive_text_or_as_it_is(texts, positive, expected):
    got = target_values(texts, positive)
    assert got.dtype == "float64"
    np.testing.assert_array_equal(got, expected)


def test_labels_of_a_batch_that_was_refused_are_not_stored():
    judged = judge_rows(rows(3), {}, {"no": "no"}, 1.0)
    assert set(published(judged)) == {"quarantine", "batches"}
    assert closing_tables(judged, DELIVERY, None)["batches"]["refusal"].tolist() == ["batch: no"]


def _as_ever(frame: pd.DataFrame, names: list[str]) -> list[str]:
    """How ids have been made since the first day: tables hold them, so that they may never be others."""
    texts = frame[names].astype("string").fillna("").astype(object)
    joined = texts.agg("\x1f".join, axis=1) if len(names) > 1 else texts[names[0]]
    return [hashlib.sha256(str(one).encode()).hexdigest()[:24] for one in joined]


CELLS = {
    "text": (object, st.none() | st.text(max_size=4)),
    "whole": ("Int64", st.none() | st.integers(-(2**62), 2**62)),
    "real": ("float64", st.floats()),
    "truth": ("boolean", st.none() | st.booleans()),
    "time": (
        "datetime64[us, UTC]",
        st.none() | st.integers(0, 2**41).map(lambda ms: pd.Timestamp(ms, unit="ms", tz="UTC")),
    ),
}


@given(st.data(), st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=3, unique=True), st.integers(1, 5))
def test_row_ids_are_those_that_they_have_always_been(data, names, rows):
    values = {
        name: pd.Series(data.draw(st.lists(CELLS[name][1], min_size=rows, max_size=rows)), dtype=CELLS[name][0])
        for name in names
    }
    frame = pd.DataFrame(values)
    assert list(batches.row_ids(frame, [], "b", names)) == _as_ever(frame, names)


def test_the_id_of_a_row_is_this_one():
    frame = pd.DataFrame({"a": ["x", None], "n": pd.array([7, None], "Int64")})
    assert list(batches.row_ids(frame, [], "b", ["a"])) == ["2d711642b726b04401627ca9", "e3b0c44298fc1c149afbf4c8"]
    assert list(batches.row_ids(frame, [], "b", ["a", "n"])) == ["26962e6d185d034a07c9b484", "ffe679bb831c95b67dc17819"]
