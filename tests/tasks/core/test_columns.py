"""Texts become typed values exactly or not at all: nothing is guessed, rounded, shifted or dropped on the way."""

import io
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.columns import Column, convert, texts_of

QUICK = settings(max_examples=60, deadline=None)


def naive(*parts):
    return datetime(*parts)  # noqa: DTZ001 - a file may hold times without a zone


def column(type_, role="feature", **more):
    return Column(name="c", role="time" if type_ == "datetime" else role, type=type_, **more)


def read(values, type_, **more):
    return convert(pd.DataFrame({"c": pd.Series(values, dtype=object)}), [column(type_, **more)])


def as_values(frame):
    """Categories are read as such; what they stand for is what counts."""
    coded = [name for name, kind in frame.dtypes.items() if str(kind) == "category"]
    return frame.assign(**{name: frame[name].astype(object).where(frame[name].notna(), None) for name in coded})


def through_parquet(array):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"c": array}), buffer)
    buffer.seek(0)
    return pq.read_table(buffer).to_pandas(integer_object_nulls=True)


def test_ids_keep_leading_zeros_and_words_that_other_readers_take_for_missing_stay_text():
    values = ["007", "NA", "None", "null", "nan", "1e5", "ﬁ"]
    got = read(values, "string", role="id")
    assert list(got.frame["c"]) == values
    assert got.faults == {}


def test_a_whole_number_beyond_float_precision_stays_exact():
    assert [int(v) for v in read(["9007199254740995", "-9007199254740993"], "integer").frame["c"]] == [
        9007199254740995,
        -9007199254740993,
    ]


@QUICK
@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1), min_size=1, max_size=20))
def test_every_whole_number_of_up_to_18_digits_comes_back_as_it_is(numbers):
    got = read([str(n) for n in numbers], "integer")
    assert [int(v) for v in got.frame["c"]] == numbers
    assert got.faults == {}


@QUICK
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_finite_number_comes_back_to_the_last_bit(numbers):
    got = read([repr(n) for n in numbers], "number")
    assert list(got.frame["c"]) == numbers
    assert got.faults == {}


@QUICK
@given(st.from_regex(r"\A[+-]?[0-9]{1,25}\.[0-9]{1,25}\Z"))
def test_a_decimal_becomes_the_nearest_number_there_is(word):
    (got,) = read([word], "number").frame["c"]
    exact = Fraction(word)
    neighbours = (np.nextafter(got, -np.inf), np.nextafter(got, np.inf))
    assert all(abs(Fraction(got) - exact) <= abs(Fraction(float(n)) - exact) for n in neighbours)


@pytest.mark.parametrize(
    "word",
    ["1e400", "-1e400", "inf", "-Infinity", "nan", "1,234", "1 234", "0x10", "True", "1_000", "1d5", "12 €",
     "١٢", "e5"],
)  # fmt: skip
def test_what_is_no_finite_number_is_refused_and_never_counted_as_missing(word):
    got = read([word, "1.5"], "number", required=True)
    assert got.faults == {"type:c": [0]}
    assert got.frame["c"].isna().tolist() == [True, False]


@pytest.mark.parametrize("word", ["1.0", "1e3", "12345678901234567890", "1,234", "0x1", "", "١٢", "True"])
def test_what_is_no_whole_number_is_refused(word):
    assert read([word], "integer", missing=("-",)).faults == {"type:c": [0]}


@pytest.mark.parametrize("word", ["YES", "t", "1", "True", "y"])
def test_words_for_yes_and_no(word):
    got = read([word, "No", "maybe", ""], "boolean")
    assert got.frame["c"].tolist()[:2] == [True, False]
    assert got.faults == {"type:c": [2]}


TEXTS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(["", "NA", "-", "nan", "now", "today", "1", "1.5", "yes", "2024-03-31 02:30", "2024-01-01T00+01"]),
    st.datetimes().map(str),
    st.floats().map(str),
    st.integers().map(str),
    st.just(float("nan")),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=8),
    st.sampled_from(["integer", "number", "boolean", "category", "string", "datetime"]),
    st.booleans(),
    st.sampled_from([None, "%d.%m.%Y", "%Y-%m-%d %H:%M", "%d.%m.%Y %z", "epoch_seconds", "epoch_milliseconds"]),
)
def test_every_row_has_a_value_or_is_missing_or_is_a_fault(values, type_, required, form):
    got = read(values, type_, missing=("", "NA"), timezone="Europe/Berlin", required=required, format=form)
    faults = {rule: set(rows) for rule, rows in got.faults.items()}
    assert list(got.frame.index) == list(range(len(values)))
    for row, value in enumerate(values):
        short = isinstance(value, float)
        missing = not short and (value is None or value.strip() in ("", "NA"))
        empty = bool(got.frame["c"].isna()[row])
        assert (row in faults.get("short:c", ())) == short
        assert (row in faults.get("required:c", ())) == (missing and required)
        hidden = row in faults.get("characters:c", ())
        assert hidden + (row in faults.get("type:c", ())) == (empty and not missing and not short)
        assert empty or not (missing or short)


def test_a_field_that_a_short_row_lacks_is_a_fault_and_an_empty_field_is_missing():
    got = read(["1", "", float("nan")], "integer")
    assert got.faults == {"short:c": [2]}


def test_an_id_is_always_required():
    assert read(["a", ""], "string", role="id").faults == {"required:c": [1]}


def test_missing_words_and_blanks_around_values():
    got = read(["  7 ", " - ", "n/a", "\t"], "integer", missing=("", "-", "n/a"), required=True)
    assert [None if pd.isna(v) else int(v) for v in got.frame["c"]] == [7, None, None, None]
    assert got.faults == {"required:c": [1, 2, 3]}


UTC_NOON = pd.Timestamp("2024-06-01T12:00:00Z")


@pytest.mark.parametrize(
    "word",
    ["2024-06-01T12:00:00Z", "2024-06-01T14:00+02", "2024-06-01 14:00 +0200", "2024-06-01T14:00:00.000+02:00",
     "2024-06-01T06:00-0600", "2024-06-01 14:00"],
)  # fmt: skip
def test_offsets_count_and_a_time_without_one_is_local(word):
    got = read([word, "2024-06-01T12:00Z"], "datetime", timezone="Europe/Berlin")
    assert got.frame["c"].tolist() == [UTC_NOON, UTC_NOON]
    assert str(got.frame["c"].dtype) == "datetime64[us, UTC]"


def test_offsets_that_change_within_a_column_are_read_one_by_one():
    words = ["2024-03-31T01:59:00+01:00", "2024-03-31T03:00:00+02:00", "2024-03-31T01:01:00Z", "2024-03-31T03:02:00"]
    minutes = read(words, "datetime", timezone="Europe/Berlin").frame["c"].diff().dt.total_seconds().tolist()[1:]
    assert minutes == [60.0, 60.0, 60.0]


@pytest.mark.parametrize("word", ["2024-03-31T02:30:00", "2024-10-27T02:30:00"])
def test_an_hour_that_does_not_exist_or_exists_twice_is_refused(word):
    assert read([word], "datetime", timezone="Europe/Berlin").faults == {"type:c": [0]}
    assert read([word], "datetime", timezone="UTC").faults == {}


@pytest.mark.parametrize("word", ["now", "today", "Today", "yesterday", "31.12.2024", "2024-13-01", "1850-01-0", "12"])
def test_what_is_no_date_is_refused_and_the_clock_is_never_read(word):
    assert read([word], "datetime").faults == {"type:c": [0]}


@pytest.mark.parametrize("word", ["now", "today", "2024-01-02"])
def test_a_declared_format_is_the_only_one(word):
    got = read([word, "02.01.2024"], "datetime", format="%d.%m.%Y")
    assert got.faults == {"type:c": [0]}
    assert got.frame["c"][1] == pd.Timestamp("2024-01-02", tz="UTC")


def test_a_declared_format_with_an_offset():
    got = read(["02.01.2024 00:00 +0100"], "datetime", format="%d.%m.%Y %H:%M %z", timezone="Asia/Tokyo")
    assert got.frame["c"][0] == pd.Timestamp("2024-01-01T23:00Z")


@pytest.mark.parametrize(("form", "word"), [("epoch_seconds", "1717243200"), ("epoch_milliseconds", "1717243200000")])
def test_epochs_are_read_as_declared(form, word):
    got = read([word, "", "2024-06-01", "inf", "nan", "1e30"], "datetime", format=form)
    assert got.frame["c"].tolist() == [UTC_NOON, *[pd.NaT] * 5]
    assert got.faults == {"type:c": [2, 3, 4, 5]}
    typed = convert(through_parquet(pa.array([int(word), None])), [column("datetime", format=form)])
    assert typed.frame["c"].tolist() == [UTC_NOON, pd.NaT]


@QUICK
@given(st.lists(st.datetimes(naive(1700, 1, 1), naive(2200, 1, 1)), min_size=1, max_size=10))
def test_every_utc_moment_comes_back_to_the_microsecond(moments):
    words = [m.replace(tzinfo=UTC).isoformat() for m in moments]
    assert [v.to_pydatetime() for v in read(words, "datetime").frame["c"]] == [m.replace(tzinfo=UTC) for m in moments]


MOMENTS = [datetime(2024, 3, 5, 6, 7, 8, 9, tzinfo=UTC), None, datetime(2025, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("array", "words", "type_", "more"),
    [
        (pa.array([9007199254740995, None, -3]), ["9007199254740995", None, "-3"], "integer", {}),
        (pa.array([7.0, None, 3.0]), ["7", None, "3"], "integer", {}),
        (pa.array([7.5, None, 3.0]), ["7.5", None, "3"], "integer", {}),
        (pa.array([0.1 + 0.2, None, 1e22]), ["0.30000000000000004", None, "1e22"], "number", {}),
        (pa.array([float("inf"), None, 1.0]), ["inf", None, "1"], "number", {}),
        (pa.array([2**63, None, 1], pa.uint64()), [str(2**63), None, "1"], "number", {}),
        (pa.array([True, None, False]), ["true", None, "false"], "boolean", {}),
        (pa.array([True, False]), ["true", "false"], "boolean", {}),
        (pa.array([1, None, 0]), ["1", None, "0"], "boolean", {}),
        (pa.array([123.0, None]), ["123", None], "category", {}),
        (pa.array(["NA", None, " x "]), ["NA", None, "x"], "string", {}),
        (pa.array(["a", None, " b "]).dictionary_encode(), ["a", None, "b"], "category", {}),
        (pa.array([b"a7", None]), ["a7", None], "category", {}),
        (pa.array(MOMENTS, pa.timestamp("us", "UTC")), [m and m.isoformat() for m in MOMENTS], "datetime", {}),
        (pa.array([naive(2024, 6, 1, 14)]), ["2024-06-01 14:00"], "datetime", {"timezone": "Europe/Berlin"}),
        (pa.array([naive(2024, 3, 31, 2, 30)]), ["2024-03-31 02:30"], "datetime", {"timezone": "Europe/Berlin"}),
        (pa.array([date(2024, 6, 1), None]), ["01.06.2024", None], "datetime", {"format": "%d.%m.%Y"}),
        (pa.array([naive(2024, 6, 1), None]), ["01.06.2024", None], "datetime", {"format": "%d.%m.%Y"}),
        (pa.array([None, None], pa.null()), [None, None], "number", {}),
        (pa.array([[1, 2], None]), ["[1 2]", None], "number", {}),
    ],
)  # fmt: skip
def test_parquet_values_mean_the_same_as_their_texts(array, words, type_, more):
    typed, text = convert(through_parquet(array), [column(type_, **more)]), read(words, type_, **more)
    pd.testing.assert_frame_equal(as_values(typed.frame), text.frame)
    assert typed.faults == text.faults


@pytest.mark.parametrize("type_", ["integer", "number", "boolean", "category", "string", "datetime"])
def test_no_rows_give_an_empty_column_of_the_right_type(type_):
    got = read([], type_)
    assert len(got.frame) == 0
    assert got.frame["c"].dtype == read([None], type_).frame["c"].dtype
    assert got.faults == {}


def test_ignored_columns_are_left_out_and_row_labels_stay():
    text = pd.DataFrame({"a": ["x", "1"], "b": ["1", "2"]}, index=[10, 20])
    got = convert(
        text, [Column(name="a", role="feature", type="integer"), Column(name="b", role="ignore", type="string")]
    )
    assert list(got.frame) == ["a"]
    assert got.faults == {"type:a": [10]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "_row_id"}, "rename the column"),
        ({"timezone": "Mars/Olympus"}, "IANA"),
        ({"role": "time", "type": "string"}, "has to be of type datetime"),
        ({"hours_from": "h"}, "belongs to the time column"),
        ({"role": "feature", "type": "datetime"}, "calendar"),
        ({"tpye": "string"}, "Extra inputs"),
    ],
)
def test_a_column_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        Column(**({"name": "c", "role": "feature", "type": "string"} | wrong))


def test_a_day_of_24_hours_apart_is_what_a_timezone_says():
    got = read(["2024-03-30", "2024-03-31", "2024-04-01"], "datetime", timezone="Europe/Berlin").frame["c"]
    assert got.diff().tolist()[1:] == [timedelta(hours=24), timedelta(hours=23)]


def test_a_decimal_comma_is_read_where_it_is_declared_and_a_point_is_refused_there():
    column = Column(name="x", role="feature", type="number", decimal=",")
    converted = convert(pd.DataFrame({"x": ["1,5", "2", "1.5", "1.234,5", "-0,25"]}), [column])
    assert converted.frame["x"].tolist()[:2] == [1.5, 2.0]
    assert converted.faults == {"type:x": [2, 3]}
    typed = convert(pd.DataFrame({"x": [1.5, 2.0]}), [column])  # as Parquet holds it
    assert (typed.frame["x"].tolist(), typed.faults) == ([1.5, 2.0], {})


def test_an_optional_column_may_lack_and_its_values_are_missing_then():
    columns = [
        Column(name="x", role="feature", type="number"),
        Column(name="y", role="feature", type="integer", optional=True),
    ]
    converted = convert(pd.DataFrame({"x": ["1", "2"]}), columns)
    assert converted.faults == {}
    assert converted.frame["y"].isna().all()
    for role, more in (("time", {"type": "datetime"}), ("id", {}), ("target", {}), ("feature", {"required": True})):
        with pytest.raises(ValueError, match="cannot be optional"):
            Column(**{"name": "x", "role": role, "type": "string", "optional": True} | more)
    with pytest.raises(ValueError, match="decimal belongs to columns of type number only"):
        Column(name="x", role="feature", type="integer", decimal=",")


@pytest.mark.parametrize("frame", [
    pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", None], "d": pd.to_datetime(["2024-01-01", None])}),
])  # fmt: skip
def test_values_of_any_type_have_the_text_that_converts_to_them(frame):
    assert texts_of(frame).to_numpy().tolist() == [["1", "1.5", "x", "2024-01-01T00:00:00"], ["2", "", "", ""]]
