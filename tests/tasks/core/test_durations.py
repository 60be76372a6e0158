from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tasks.core.durations import Duration, format_duration, parse_duration


class Holder(BaseModel):
    length: Duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("14d", timedelta(days=14)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(weeks=2)),
        (" 1.5 h ", timedelta(minutes=90)),
    ],
)
def test_durations_are_read_as_people_write_them(text, length):
    assert Holder(length=text).length == length


@pytest.mark.parametrize("wrong", ["", "14", "d", "-1d", "14 days", "1d2h", "1e3s", "nan d", "inf d", 14, None, True])
def test_anything_else_is_refused_and_told_what_is_allowed(wrong):
    with pytest.raises(ValidationError, match="for example 14d or 12h"):
        Holder(length=wrong)


@settings(deadline=None)
@given(st.integers(0, 100_000), st.sampled_from("wdhm"))
def test_what_is_written_reads_back_the_same(count, unit):
    length = parse_duration(f"{count}{unit}")
    assert parse_duration(format_duration(length)) == length
    assert Holder.model_validate_json(Holder(length=length).model_dump_json()).length == length


@settings(deadline=None)
@given(st.integers(0, 10**10))
def test_every_number_of_seconds_reads_back_the_same(seconds):
    length = timedelta(seconds=seconds)
    assert parse_duration(format_duration(length)) == length


def test_a_duration_beyond_all_calendars_is_refused_like_any_other():
    with pytest.raises(ValidationError):
        Holder(length="99999999999999w")


def test_the_largest_unit_that_divides_is_written():
    assert [format_duration(timedelta(hours=hours)) for hours in (1, 24, 36, 168)] == ["1h", "1d", "36h", "1w"]
