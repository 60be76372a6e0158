from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.schedules import Schedule, Schedules


def test_a_schedule_is_a_cron_or_an_interval():
    assert Schedule(cron="0  6 * * 1").cron == "0 6 * * 1"
    assert Schedule(every="90m").every == timedelta(minutes=90)
    assert Schedule(cron="@daily", timezone="Europe/Berlin", active=False).model_dump() == {
        "cron": "@daily",
        "every": None,
        "timezone": "Europe/Berlin",
        "active": False,
    }


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "exactly one of cron and every"),
        ({"cron": "0 6 * * *", "every": "1h"}, "exactly one of cron and every"),
        ({"cron": "61 * * * *"}, "not a cron expression"),
        ({"cron": "hourly"}, "not a cron expression"),
        ({"cron": ""}, "not a cron expression"),
        ({"cron": "* * * * * *"}, "five fields"),
        ({"cron": "H(0-5) * * * *"}, "not a cron expression"),
        ({"cron": "R/5 * * * *"}, "not a cron expression"),
        ({"cron": "0 6 30 2 *"}, "never"),
        ({"every": "0s"}, "too short"),
        ({"every": "hourly"}, "write a duration"),
        ({"every": "1h", "timezone": "Berlin"}, "not a time zone"),
        ({"every": "1h", "cadence": 3}, "Extra inputs"),
    ],
)
def test_a_wrong_schedule_is_refused_with_what_is_allowed(wrong, says):
    with pytest.raises(ValidationError, match=says):
        Schedule(**wrong)


def test_promotion_has_no_schedule():
    with pytest.raises(ValidationError):
        Schedules(promotion={"every": "1h"})
    assert Schedules().for_flow("promotion") is None


def test_schedules_by_flow():
    schedules = Schedules(cycle={"every": "1h"})
    assert schedules.for_flow("cycle") == Schedule(every="1h")
    assert schedules.for_flow("training") is None
    assert schedules.for_flow("model_config") is None


@given(st.integers(0, 59), st.integers(0, 23), st.sampled_from(["*", "mon", "1-5", "thu", "*/2"]))
def test_what_is_accepted_prefect_can_schedule(minute, hour, weekday):
    from prefect.server.schemas.schedules import CronSchedule

    accepted = Schedule(cron=f"{minute} {hour} * * {weekday}", timezone="America/New_York")
    assert next(CronSchedule(cron=accepted.cron, timezone=accepted.timezone)._get_dates_generator(n=1))
