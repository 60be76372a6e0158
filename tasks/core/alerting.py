"""Who is told of which incident, when, and in which words: one message per incident, and one when it is over.

The section `alerts` of a pipeline's file stands here without its notifiers. Sending belongs to the adapters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.core.durations import Duration, format_duration
from tasks.core.incident_kinds import IncidentKind
from tasks.core.incidents import Incident
from tasks.core.printable import printable

_DIGEST = "digest"
_LONGEST = 600
_LISTED = 20


class Policy(BaseModel):
    """Which kinds are worth waking somebody, which can wait for a digest, how often; other kinds are only listed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_once: tuple[IncidentKind, ...] = Field(
        default=("integrity", "invariant broken", "stage failed", "refused delivery", "broken data", "rollback",
                 "breaker open", "waits for people", "rows not scored"),
        description="Told when they open and when they are over: somebody has to act, or predictions are wrong.",
    )  # fmt: skip
    digest: tuple[IncidentKind, ...] = Field(
        default=("unknown check", "retraining refused", "promotion refused"),
        description="Told together: the loop has answered them already.",
    )
    digest_every: Annotated[Duration, Field(ge=timedelta(0))] = Field(
        default=timedelta(days=1), description="At most one digest in this time."
    )
    cooldown: Annotated[Duration, Field(ge=timedelta(0))] = Field(
        default=timedelta(hours=6), description="Trouble that is over and comes back is not told again within this."
    )

    @model_validator(mode="after")
    def _each_kind_once(self) -> "Policy":
        if both := sorted({*self.at_once} & {*self.digest}):
            raise ValueError(f"{both[0]!r} stands in at_once and in digest; leave it in one of them")
        return self


@dataclass(frozen=True)
class Notice:
    """One message about a pipeline. `tokens` are what it tells of: kept once it was sent, so that it is sent once."""

    pipeline: str
    about: Literal["opened", "over", "digest", "test"]
    tokens: tuple[str, ...]
    title: str
    text: str

    @property
    def urgent(self) -> bool:
        """Whether it is worth waking somebody."""
        return self.about == "opened"


def notices(
    policy: Policy,
    incidents: Sequence[Incident],
    told: Mapping[str, datetime],
    now: datetime,
    links: Mapping[str, str] | None = None,
) -> list[Notice]:
    """What one notifier has to be sent now, the oldest first.

    Args:
        policy: the pipeline's.
        incidents: all of the pipeline, ended ones among them, in the order in which they opened.
        told: what this notifier was sent already: token -> when.
        now: the present (UTC).
        links: page of a run by its id.
    """  # fmt: skip
    found: list[Notice] = []
    sent: dict[str, datetime] = dict(told)
    for one in incidents:
        if one.kind not in policy.at_once:
            continue
        if one.token in sent:
            if one.resolved is not None and over(one) not in sent:
                found.append(_over(one))
        elif one.resolved is None and _cool(one, sent, policy.cooldown, now):
            found.append(_open(one, links or {}))
            sent[one.token] = now
    return [*found, *_digest(policy, incidents, sent, now)]


def over(one: Incident) -> str:
    """The token of the notice that an incident is over."""
    return f"{one.token}:over"


def trial(pipeline: str, now: datetime) -> Notice:
    """The message of `keepfit alerts --test`."""
    text = (
        f"This is a test of the alerts of {pipeline}, sent {_moment(now)}. Nothing is wrong, and nothing is to be done."
    )
    return Notice(pipeline, "test", (), f"[keepfit] {pipeline}: test", text)


def _cool(one: Incident, told: Mapping[str, datetime], cooldown: timedelta, now: datetime) -> bool:
    """Whether nothing was told of the same trouble for long enough; its end does not count."""
    before = [at for token, at in told.items() if token.rpartition("#")[0] == one.key and not token.endswith(":over")]
    # A moment after `now` (a clock that was set back) counts as long ago: silence for years would be worse.
    return not any(timedelta(0) <= now - at < cooldown for at in before)


def _digest(policy: Policy, incidents: Iterable[Incident], told: Mapping[str, datetime], now: datetime) -> list[Notice]:
    last = [at for token, at in told.items() if token.startswith(f"{_DIGEST}#")]
    if any(timedelta(0) <= now - at < policy.digest_every for at in last):
        return []
    mine = [one for one in incidents if one.kind in policy.digest]
    fresh = [one for one in mine if one.resolved is None and one.token not in told]
    gone = [one for one in mine if one.resolved is not None and one.token in told and over(one) not in told]
    if not fresh and not gone:
        return []
    lines = [f"- since {_moment(one.opened)}: {one.kind}: {_short(one.reason)} Next: {one.action}" for one in fresh]
    lines += [f"- over: {one.kind}, which began {_moment(one.opened)}" for one in gone]
    left = [f"and {len(lines) - _LISTED} more: keepfit alerts {mine[0].pipeline}"] if len(lines) > _LISTED else []
    tokens = (f"{_DIGEST}#{now.isoformat()}", *(one.token for one in fresh), *map(over, gone))
    title = f"[keepfit] {mine[0].pipeline}: {len(fresh)} new, {len(gone)} over; nothing is urgent"
    return [Notice(mine[0].pipeline, "digest", tokens, title, "\n".join([*lines[:_LISTED], *left]))]


def _open(one: Incident, links: Mapping[str, str]) -> Notice:
    seen = f"seen {one.times} times, last {_moment(one.last_seen)}" if one.times > 1 else "seen once"
    as_of = "" if one.as_of == one.opened else f", decided as of {_moment(one.as_of)}"
    lines = [
        f"What happened: {_short(one.reason)}",
        f"Evidence: since {_moment(one.opened)}, {seen}{as_of}",
        f"Effect: {one.effect}",
        f"Next: {one.action}",
    ]
    if one.kind != "integrity":
        lines.append(f"Why, in one page: keepfit explain {one.pipeline} {one.episode}")
    if page := links.get(one.run_id or ""):
        lines.append(f"Run: {page}")
    return Notice(one.pipeline, "opened", (one.token,), f"[keepfit] {one.pipeline}: {_called(one)}", "\n".join(lines))


def _over(one: Incident) -> Notice:
    end = one.resolved or one.last_seen
    lasted = format_duration(timedelta(minutes=max(1, round((end - one.opened).total_seconds() / 60))))
    text = f"Over since {_moment(end)}, after {lasted}. It was: {_short(one.reason)}"
    if one.ended_by is not None:
        text += f"\nWhat ended it: keepfit explain {one.pipeline} {one.ended_by}"
    return Notice(one.pipeline, "over", (over(one),), f"[keepfit] {one.pipeline}: over: {_called(one)}", text)


def _called(one: Incident) -> str:
    return {"stage failed": f"{one.subject} failed", "rollback": f"version {one.subject} was rolled back"}.get(
        one.kind, f"{one.kind} ({one.subject})" if one.kind == "refused delivery" else one.kind
    )


def _short(text: str) -> str:
    """One line of bounded length: messages are read on phones."""
    whole = " ".join(text.split())
    clean = " ".join(printable(word) for word in whole.split(" "))
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}..."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
