"""The terms of an approval: how long a proposal waits, how many people it takes, and the freezes of the week.

What an approval is held against stands in `approval`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tasks.core.durations import Duration

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_A_DAY = 24 * 60


def _week_time(value: Any) -> Any:
    """Check "Fri 16:00"; raise ValueError naming the allowed form."""
    try:
        day, clock = str(value).split()
        moment = datetime.strptime(clock, "%H:%M")  # noqa: DTZ007 - a time of day, in the freeze's own zone
        return f"{_DAYS[_DAYS.index(day.lower())].capitalize()} {moment:%H:%M}"
    except ValueError:
        raise ValueError("write a weekday (Mon, Tue, Wed, Thu, Fri, Sat, Sun) and a time of day: Fri 16:00") from None


WeekTime = Annotated[str, BeforeValidator(_week_time)]


class Freeze(BaseModel):
    """From `begins` on and before `ends`, every week, by the clocks of `timezone`; it may reach over the week's end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begins: WeekTime
    ends: WeekTime
    timezone: str = Field(default="UTC", description="An IANA name, for example Europe/Berlin.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{name!r} is no time zone; write an IANA name such as Europe/Berlin or UTC") from None
        return name

    @model_validator(mode="after")
    def _has_a_length(self) -> "Freeze":
        if self.begins == self.ends:
            raise ValueError(f"a freeze from {self.begins} to {self.ends} has no length")
        return self

    def holds(self, now: datetime) -> bool:
        """Whether `now` (with a zone) lies inside, by the wall clock of the freeze's zone."""
        local = now.astimezone(ZoneInfo(self.timezone))
        minute = local.weekday() * _MINUTES_A_DAY + local.hour * 60 + local.minute
        begins, ends = _minute_of(self.begins), _minute_of(self.ends)
        return begins <= minute < ends if begins < ends else minute >= begins or minute < ends

    def __str__(self) -> str:
        return f"{self.begins} to {self.ends} {self.timezone}"


class Approval(BaseModel):
    """How proposals are approved: without an answer within `expires`, a proposal is refused.

    `four_eyes`: two different people have to approve. `freeze`: when nothing is promoted, in whichever mode; what
    passes inside of a freeze is a proposal. A rollback knows no freeze.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    expires: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=7)
    four_eyes: bool = False
    freeze: tuple[Freeze, ...] = ()


def frozen_by(freezes: Sequence[Freeze], now: datetime) -> Freeze | None:
    """The first freeze that `now` lies in; None: promotions are free."""
    return next((freeze for freeze in freezes if freeze.holds(now)), None)


def _minute_of(moment: str) -> int:
    day, clock = moment.split()
    hour, minute = clock.split(":")
    return _DAYS.index(day.lower()) * _MINUTES_A_DAY + int(hour) * 60 + int(minute)
