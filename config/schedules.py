"""When each flow of a pipeline runs by itself: the `schedules` section of a pipeline's file.

Only the shape and its validation. Turning a schedule into a Prefect deployment belongs to `deployments/render.py`.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.core.durations import Duration

_SHORTEST = timedelta(seconds=1)
_CRON_FIELDS = 5


class Schedule(BaseModel):
    """One timetable: a cron expression or a fixed interval, in a time zone, running or paused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: str | None = Field(
        default=None, description="Five fields: minute hour day month weekday; or @daily and the like."
    )
    every: Duration | None = Field(
        default=None, description="A fixed interval, for example 1h; slots count from a Monday."
    )
    timezone: str = Field(default="UTC", description="IANA name, for example Europe/Berlin; cron is read in this zone.")
    active: bool = Field(default=True, description="false: the schedule is deployed paused.")

    @field_validator("cron")
    @classmethod
    def _cron_is_valid(cls, value: str | None) -> str | None:
        if value is None:
            return None
        expression = " ".join(value.split())
        if not _is_cron(expression):
            raise ValueError(
                f"{value!r} is not a cron expression; write five fields (minute hour day month weekday), "
                "for example '0 6 * * 1' for Mondays at 06:00"
            )
        if not _ever_due(expression):
            raise ValueError(f"{value!r} is never due: there is no such day; write a date that exists")
        return expression

    @field_validator("every")
    @classmethod
    def _interval_is_positive(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < _SHORTEST:
            raise ValueError(f"an interval of {value.total_seconds():g} s is too short; write at least 1s")
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, value: str) -> str:
        if value != "UTC" and value not in _timezones():
            raise ValueError(f"{value!r} is not a time zone; write an IANA name such as UTC or Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "Schedule":
        if (self.cron is None) == (self.every is None):
            raise ValueError("give exactly one of cron and every; to have no schedule, leave the whole entry out")
        return self


def slot_before_last(schedule: Schedule, now: datetime) -> datetime | None:
    """The slot before the newest one that is past (UTC): whatever has not finished since then missed two of them.

    None for a schedule that is deployed paused.
    """
    if not schedule.active:
        return None
    if schedule.every is not None:
        return now - 2 * schedule.every
    croniter: Any = import_module("prefect._vendor.croniter").croniter
    slots = croniter(schedule.cron, now.astimezone(ZoneInfo(schedule.timezone)))
    slots.get_prev(datetime)
    found: datetime = slots.get_prev(datetime)
    return found.astimezone(UTC)


class Schedules(BaseModel):
    """The timetable of a pipeline, by flow. A flow without an entry runs only on demand.

    Promotion, approval, release and staleness have no entry: they follow a training and people, never the clock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ingestion: Schedule | None = None
    training: Schedule | None = None
    scoring: Schedule | None = None
    monitoring: Schedule | None = None
    cycle: Schedule | None = None
    reconciliation: Schedule | None = None

    def for_flow(self, flow: str) -> Schedule | None:
        """The schedule of the flow with this name; None where it has none or can have none."""
        schedule = getattr(self, flow) if flow in type(self).model_fields else None
        return schedule if isinstance(schedule, Schedule) else None


def _is_cron(expression: str) -> bool:
    """Whether Prefect would schedule the expression: its own parser decides; seconds and years are refused."""
    from prefect.client.schemas.schedules import CronSchedule

    if not expression.startswith("@") and len(expression.split()) != _CRON_FIELDS:
        return False
    try:
        CronSchedule(cron=expression)
    except ValueError:
        return False
    # Hashed and random parts inside a field ("H(0-5)", "R/5") pass Prefect's check and then fail when slots are made.
    return not any(re.match(r"[hr](\(|/|$)", field) for field in expression.lower().split())


def _ever_due(expression: str) -> bool:
    # Prefect's own copy of croniter; it is untyped.
    croniter: Any = import_module("prefect._vendor.croniter")
    try:
        croniter.croniter(expression).get_next()
    except croniter.CroniterBadDateError:
        return False
    return True


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
