"""Signs of life: how old the newest of each may be, and which of them are missing. For whoever watches from outside.

Ages and moments come in as arguments; a sign that could not be read is unknown, and unknown is not alive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.durations import Duration
from tasks.core.results import Check, Verdict

_Limit = Annotated[Duration, Field(gt=timedelta(0))]
LATE = timedelta(minutes=15)


class MaxAge(BaseModel):
    """How old each sign of life may be. Without a limit a stage has two periods of its schedule; the rest are told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cycle: _Limit | None = Field(default=None, description="Since a cycle last finished.")
    reconciliation: _Limit | None = Field(default=None, description="Since a reconciliation last finished.")
    model: _Limit | None = Field(default=None, description="Since the champion was promoted.")
    data: _Limit | None = Field(default=None, description="Since the newest accepted event happened.")
    labels: _Limit | None = Field(default=None, description="Since labels were last taken in.")


@dataclass(frozen=True)
class Sign:
    """One sign of life: when it was last seen (None: never), and since when at least it has to be (None: no limit)."""

    name: str
    seen: datetime | None
    due: datetime | None
    hint: str = ""


@dataclass(frozen=True)
class Planned:
    """What Prefect says of a pipeline's runs: how many are planned, how many of these are late; None: no answer."""

    planned: int | None
    late: int | None
    scheduled: bool


def due(limit: timedelta | None, scheduled: datetime | None, now: datetime) -> datetime | None:
    """Since when a sign has to be seen: a limit of its own wins over what its schedule asks for."""
    return scheduled if limit is None else now - limit


def judge(signs: Sequence[Sign], planned: Planned | None, now: datetime) -> list[Check]:
    """One answer per sign; fail for each that is missing or too old.

    Args:
        signs: of one pipeline.
        planned: what Prefect says; None when nobody can be asked, which is no fault: this has to work without it.
        now: the present (UTC).
    """
    answers = [_judge(sign, now) for sign in signs]
    return answers if planned is None else [*answers, *_runs(planned)]


def dead(answers: Mapping[str, Sequence[Check]]) -> list[str]:
    """The reasons for a status that is not 0, one line each: pipeline, sign, why."""
    return [
        f"{pipeline}: {check.name}: {check.reason}"
        for pipeline, checks in answers.items()
        for check in checks
        if not check.passed
    ]


def _judge(sign: Sign, now: datetime) -> Check:
    if sign.seen is None:
        if sign.due is None:
            return Check(sign.name, Verdict.PASS, "not yet")
        told = f"never, expected since {sign.due:%Y-%m-%d %H:%M} UTC"
        return Check(sign.name, Verdict.FAIL, f"{told}. {sign.hint}".rstrip(". ") + ".")
    age = age_of(now - sign.seen)
    if sign.due is None:
        return Check(sign.name, Verdict.PASS, f"{age} ago, without a limit")
    if sign.seen >= sign.due:
        return Check(sign.name, Verdict.PASS, f"{age} ago")
    told = f"{age} ago ({sign.seen:%Y-%m-%d %H:%M} UTC), allowed are {age_of(now - sign.due)}"
    return Check(sign.name, Verdict.FAIL, f"{told}. {sign.hint}".rstrip(". ") + ".")


def _runs(planned: Planned) -> list[Check]:
    if planned.planned is None or planned.late is None:
        return [Check("scheduler", Verdict.UNKNOWN, "Prefect does not answer. See `keepfit status`.")]
    if planned.scheduled and planned.planned == 0:
        told = (
            "Prefect answers and has no run planned: its scheduler stands still, or the schedules are paused. Look at "
            "its log and at the versions that it runs with (sqlalchemy 2.1 stops it in silence)."
        )
        return [Check("scheduler", Verdict.FAIL, told)]
    if planned.late:
        told = f"{planned.late} planned runs did not begin: the worker takes none. See `keepfit logs worker`."
        return [Check("worker", Verdict.FAIL, told)]
    return [Check("scheduler", Verdict.PASS, f"{planned.planned} runs are planned")]


def age_of(length: timedelta) -> str:
    """A length for people, in the largest unit of which there are two."""
    seconds = max(0.0, length.total_seconds())
    for sign, unit in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * unit:
            return f"{int(seconds // unit)} {sign}"
    return f"{int(seconds)} s"
