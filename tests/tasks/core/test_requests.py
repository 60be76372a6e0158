"""A row that is asked about online is the row that a delivery of it would be: id, time, features, to the last digit."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.batches import event_times, row_ids
from tasks.core.columns import Column, convert
from tasks.core.errors import DataRejected
from tasks.core.features import EVENT_TIME, design_matrix, features_of
from tasks.core.online import Answer, answer_tables, log_line
from tasks.core.privacy.keys import Keys
from tasks.core.privacy.policies import Refuse
from tasks.core.privacy.protection import Protection
from tasks.core.ranges import ranges_of
from tasks.core.requests import asked_of, event_frame, protected, row_id

NOW = datetime(2025, 6, 1, tzinfo=UTC)
COLUMNS = [
    Column(name="key", role="id", type="string"),
    Column(name="number of shop", role="id", type="integer"),
    Column(name="when", role="time", type="datetime"),
    Column(name="n", role="feature", type="number", missing=("", "-999")),
    Column(name="k", role="feature", type="integer"),
    Column(name="b", role="feature", type="boolean"),
    Column(name="c", role="feature", type="category", missing=("", "none")),
    Column(name="y", role="target", type="number"),
    Column(name="sex", role="protected", type="category"),
]
FEATURES = features_of(COLUMNS, ("hour", "weekday"))
ASKED = asked_of(COLUMNS, "p", 100)
WORDS = st.text(st.characters(categories=("L", "N", "P", "Zs"), max_codepoint=0x2FF), max_size=8) | st.just("none")
ROWS = st.fixed_dictionaries({
    "key": WORDS.filter(str.strip),
    "number of shop": st.integers(-(10**18) + 1, 10**18 - 1),
    "when": st.datetimes(datetime(2001, 1, 1), datetime(2025, 6, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    "n": st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.just(-999.0),
    "k": st.none() | st.integers(-(10**18) + 1, 10**18 - 1),
    "b": st.none() | st.booleans(),
    "c": st.none() | WORDS,
})  # fmt: skip


def values(row):
    return ASKED.values(ASKED.one.validate_python(row))


def as_text(value):
    if value is None:
        return ""
    if value == -999:  # as the pipeline's file writes it
        return "-999"
    return value.isoformat() if isinstance(value, datetime) else str(value).lower() if value is True else str(value)


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(st.lists(ROWS, min_size=1, max_size=6))
def test_it_is_the_row_that_a_delivery_would_be(rows):
    used = [column for column in COLUMNS if column.name in ASKED.row.model_json_schema()["properties"]]
    text = pd.DataFrame([{name: as_text(value) for name, value in row.items()} for row in rows], dtype=object)
    delivered = convert(text, used)
    assert delivered.faults == {}
    delivered.frame[EVENT_TIME] = event_times(delivered.frame, used, NOW)
    asked = [values(row) for row in rows]
    frame = event_frame(ASKED.columns, asked, NOW)
    pd.testing.assert_frame_equal(
        design_matrix(frame, FEATURES),
        design_matrix(delivered.frame, FEATURES),
        check_exact=True,
        check_index_type=False,
    )
    assert [row_id(ASKED.columns, row, "x") for row in asked] == list(row_ids(delivered.frame, used, "batch"))
    assert list(frame[EVENT_TIME]) == list(delivered.frame[EVENT_TIME])


GOOD = {"key": "a", "number of shop": 1, "n": 1.5, "k": 2, "b": True, "c": "x"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"k": "2"}, "int_type"), ({"k": 2.5}, "int_type"), ({"k": True}, "int_type"), ({"n": "1"}, "float_type"),
        ({"k": 10**18}, "less_than_equal"), ({"b": 1}, "bool_type"), ({"c": 3}, "string_type"), ({"n": float("nan")},
        "finite_number"), ({"c": "a\u202eb"}, "value_error"), ({"key": None}, "string_type"), ({"more": 1},
        "extra_forbidden"), ({"sex": "f"}, "extra_forbidden"), ({"y": 1.0}, "extra_forbidden"), ({"c": "x" * 10_001},
        "string_too_long"), ({"when": datetime(2025, 1, 1)}, "timezone_aware"),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_what_is_not_of_its_type_is_refused(change, rule):
    assert values(GOOD)
    with pytest.raises(ValidationError) as refused:
        values(GOOD | change)
    assert [fault["type"] for fault in refused.value.errors()] == [rule]


@pytest.mark.parametrize("name", ["key", "number of shop", "n", "k", "b", "c"])
def test_a_feature_or_id_that_is_not_there_is_refused_and_not_guessed(name):
    with pytest.raises(ValidationError, match="Field required"):
        values({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("time", [datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(days=2)])
def test_an_impossible_time_is_refused_and_none_is_now(time):
    assert event_frame(ASKED.columns, [values(GOOD)], NOW)[EVENT_TIME][0] == pd.Timestamp(NOW)
    with pytest.raises(DataRejected, match="time"):
        event_frame(ASKED.columns, [values(GOOD), values(GOOD | {"when": time})], NOW)


def test_whole_hours_are_added_to_a_date_as_in_a_delivery_and_an_hour_that_is_not_is_refused():
    columns = [
        Column(name="day", role="time", type="datetime", hours_from="hr", timezone="Europe/Berlin"),
        Column(name="hr", role="feature", type="integer"),
    ]
    day = datetime(2025, 3, 30, tzinfo=UTC) - timedelta(hours=1)  # midnight in Berlin, when summer time begins
    frame = event_frame(columns, [[day, 5], [None, 5]], NOW)
    assert list(frame[EVENT_TIME]) == [pd.Timestamp("2025-03-30T03:00Z"), pd.Timestamp(NOW)]
    clock = [[day + timedelta(hours=hours), 5] for hours in (0, 5, 22)]  # 22 hours after its midnight it is 23:00
    assert set(event_frame(columns, clock, NOW)[EVENT_TIME]) == {pd.Timestamp("2025-03-30T03:00Z")}, "hours count once"
    with pytest.raises(DataRejected, match="does not exist"):
        event_frame(columns, [[day, 2]], NOW)


def test_a_value_that_training_never_saw_is_marked_and_a_missing_one_is_not():
    seen = event_frame(ASKED.columns, [values(GOOD | {"n": n, "c": c}) for n, c in [(0, "x"), (2, "y")]], NOW)
    ranges = ranges_of(design_matrix(seen, FEATURES), FEATURES)
    rows = [
        GOOD,
        GOOD | {"n": 2.1},
        GOOD | {"c": "z", "k": 3},
        GOOD | {"n": None, "c": None},
        GOOD | {"n": 0, "c": "y"},
    ]
    asked = event_frame(ASKED.columns, [values(row) for row in rows], NOW)
    assert ranges.outside(design_matrix(asked, FEATURES)) == [[], ["n"], ["k", "c"], [], []]


def test_lines_of_the_log_become_rows_of_the_tables():
    columns = [*COLUMNS, Column(name="prediction", role="feature", type="integer")]
    asked = asked_of(columns, "p", 5)
    row = asked.values(asked.one.validate_python(GOOD | {"prediction": 7, "k": None}))
    answers = [
        Answer(f"a{n}", f"r{n}", NOW, value, [], why, row, 3) for n, value, why in [(1, 0.5, None), (2, None, "no")]
    ]
    lines = [log_line(answers, asked.columns, 3, NOW)]
    tables = answer_tables(lines, columns, "online-1")
    assert {name: len(table) for name, table in tables.items()} == {
        "requests": 2, "unscored": 1, "predictions": 1,
    }  # fmt: skip
    assert tables["predictions"].iloc[0][["_row_id", "prediction", "model_version", "_answer_id"]].tolist() == [
        "r1", 0.5, 3, "a1",
    ]  # fmt: skip
    assert tables["requests"]["prediction"].tolist() == [7, 7]
    assert tables["requests"]["k"].isna().all()
    assert set(tables["requests"]) & {"sex", "y", "when"} == set()
    assert tables["unscored"]["reason"].tolist() == ["no"]
    assert answer_tables([], columns, "online-2") == {}


def test_personal_values_are_protected_as_in_a_delivery_before_anything_is_scored_or_written_down():
    columns = [
        Column(name="mail", role="id", type="string", privacy="mail"),
        Column(name="age", role="feature", type="integer", privacy="age"),
        Column(name="town", role="feature", type="category", privacy="place"),
    ]
    keys, protection = Keys({"k1": b"s" * 32}), Protection()
    frame = event_frame(columns, [["a@b.example", 47, "Ulm"], ["a@b.example", None, "Nowhere"]], NOW)
    changed, kept = protected(frame, columns, protection, keys, {"town": frozenset({"Ulm"})})
    delivered = protection.protect(frame, columns, keys)
    assert list(changed["mail"]) == list(delivered["mail"])
    assert changed["age"].tolist()[0] == 40
    assert kept[0][1:] == [40, "Ulm"]
    assert kept[1][2] == delivered["town"][1] != "Nowhere"
    assert row_id(columns, kept[0], "x") == row_ids(delivered, columns, "batch")[0]
    assert "a@b" not in str(kept)
    refusing = Protection({"mail": Refuse()})
    with pytest.raises(DataRejected, match="refuses"):
        protected(frame, columns, refusing, keys, {})
