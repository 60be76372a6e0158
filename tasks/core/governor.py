"""The governor: may a retraining start now? It knows history, clock and lease as arguments, and no signals.

Every refusal names its rule, so that a suppressed trigger can be written down with its reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.durations import Duration, format_duration
from tasks.core.results import Check, Number, Verdict
from tasks.core.terms import Approval

NAME = "governor"
Outcome = Literal["promoted", "refused", "failed", "running", "spared", "postponed", "proposed"]
Rule = Literal["mode", "single_flight", "cooldown", "budget", "cpu_budget", "min_new_labels", "circuit_breaker"]


class Governor(BaseModel):
    """Limits on retrainings that start by themselves; a person's own run on demand does not ask the governor.

    observe: write down only. suggest: a person starts it. approve: what would start or be promoted is a proposal that
    waits for people (`approval`). auto: start. At most `budget` starts in any `period`, and no
    start once the trainings of a period have used `cpu_minutes` (without it, their cost does not count).
    After `give_up_after` useless trainings the circuit breaker is open; with `retry_after` it lets one more start that
    long after the last of them, and waits twice as long after each further useless one (half-open: Nygard, Release It!,
    2nd ed. 2018, section 5.2). Without `retry_after` it stays open until a person's training promotes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["observe", "suggest", "approve", "auto"] = "auto"
    approval: Approval = Approval()
    cooldown: Annotated[Duration, Field(ge=timedelta(0))] = timedelta(days=7)
    budget: int = Field(default=8, ge=0)
    cpu_minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    period: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=30)
    min_new_labels: int = Field(default=100, ge=0)
    give_up_after: int = Field(default=3, ge=1)
    retry_after: Annotated[Duration, Field(gt=timedelta(0))] | None = None


@dataclass(frozen=True)
class PastTraining:
    """One training that was started: when it was decided (UTC), how it ended, and its CPU seconds (None: not known).

    Two ends come before any search (`probe`). `spared`, it would not have helped, is a useless training like a refused
    one. `postponed`, it came too early, tells nothing of its use: the breaker does not count it, clock and budget do.
    Nor does `proposed` before people have answered.
    """

    decided_at: datetime
    outcome: Outcome
    cpu_seconds: float | None = None


_NO_ANSWER = frozenset({"running", "postponed", "proposed"})
# A rule's answer: the rule, fail or unknown, the reason.
_Objection = tuple[Rule, Verdict, str]


def govern(
    config: Governor,
    *,
    history: Sequence[PastTraining],
    now: datetime,
    new_labels: int | None,
    lease_held: bool | None,
) -> Check:
    """Pass = may start. Fail = suppressed; unknown = cannot tell, hence suppressed. `numbers["rule"]` names the rule.

    `history` holds the pipeline's trainings in any order; `new_labels` counts labelled rows that the champion was not
    trained on; `lease_held` says whether a training holds the pipeline's lease. None = could not be read. A training
    whose outcome is `running` blocks even without a lease: it may still wait for a worker; the reconciler ends dead
    ones.
    """
    past = sorted(history, key=lambda training: training.decided_at)
    objections = [
        *_by_state(config, past, lease_held),
        *_by_clock(config, past, now),
        *_by_worth(config, new_labels),
        *_by_breaker(config, past, now),
    ]
    numbers: dict[str, Number] = {
        "rule": None, "rules": None, "starts": len(past), "new_labels": new_labels, "lease_held": lease_held,
        "mode": config.mode, "cpu_minutes": _cpu_seconds(config, past, now) / 60,
    }  # fmt: skip
    if not objections:
        return Check(NAME, Verdict.PASS, "no rule objects: a retraining may start", numbers)
    # A sure objection tells more than one that could not be read.
    rule, verdict, _ = min(objections, key=lambda objection: objection[1] is not Verdict.FAIL)
    numbers |= {"rule": rule, "rules": "+".join(name for name, _, _ in objections)}
    return Check(NAME, verdict, "; ".join(f"{name}: {why}" for name, _, why in objections), numbers)


def may_be_proposed(governed: Check) -> bool:
    """Whether nothing stands in the way of a retraining but that people have to approve it."""
    return governed.numbers.get("mode") == "approve" and governed.numbers.get("rules") == "mode"


def breaker_is_open(governed: Check) -> bool:
    """Whether the circuit breaker is among the rules that object, whichever of them names the refusal."""
    return "circuit_breaker" in str(governed.numbers.get("rules") or "").split("+")


def _by_state(config: Governor, past: Sequence[PastTraining], lease_held: bool | None) -> Iterator[_Objection]:
    if config.mode == "approve":
        yield "mode", Verdict.FAIL, "this pipeline is set to approve: a person has to approve it"
    elif config.mode != "auto":
        yield "mode", Verdict.FAIL, f"this pipeline is set to {config.mode}; a person may run training on demand"
    if lease_held or any(training.outcome == "running" for training in past):
        yield "single_flight", Verdict.FAIL, "a training is under way; if it died, reconciliation ends it"
    elif lease_held is None:
        yield "single_flight", Verdict.UNKNOWN, "it is not known whether a training is under way"


def _by_clock(config: Governor, past: Sequence[PastTraining], now: datetime) -> Iterator[_Objection]:
    # A start that lies after `now` (a replay of the past, a clock set back) counts as recent, never as long ago.
    if past and now - past[-1].decided_at < config.cooldown:
        ends = past[-1].decided_at + config.cooldown
        yield "cooldown", Verdict.FAIL, f"cooldown of {format_duration(config.cooldown)} lasts until {ends.isoformat()}"
    recent = _recent(config, past, now)
    if len(recent) >= config.budget:
        spent = f"{len(recent)} starts within {format_duration(config.period)}, the budget is {config.budget}"
        yield "budget", Verdict.FAIL, spent
    if config.cpu_minutes is not None:
        yield from _by_cost(config, config.cpu_minutes, recent, _cpu_seconds(config, past, now) / 60)


def _by_cost(config: Governor, limit: float, recent: Sequence[PastTraining], minutes: float) -> Iterator[_Objection]:
    period = format_duration(config.period)
    unknown = sum(training.cpu_seconds is None for training in recent)
    if minutes >= limit:
        yield "cpu_budget", Verdict.FAIL, f"{minutes:.1f} CPU minutes within {period}, the budget is {limit:g}"
    elif unknown:
        told = (
            f"{unknown} of {len(recent)} trainings within {period} left no record of their CPU time ({limit:g} allowed)"
        )
        yield "cpu_budget", Verdict.UNKNOWN, told


def _recent(config: Governor, past: Sequence[PastTraining], now: datetime) -> list[PastTraining]:
    return [training for training in past if now - training.decided_at < config.period]


def _cpu_seconds(config: Governor, past: Sequence[PastTraining], now: datetime) -> float:
    return sum(training.cpu_seconds or 0.0 for training in _recent(config, past, now))


def _by_worth(config: Governor, new_labels: int | None) -> Iterator[_Objection]:
    if new_labels is None:
        yield "min_new_labels", Verdict.UNKNOWN, "it is not known how many labels are new"
    elif new_labels < config.min_new_labels:
        yield "min_new_labels", Verdict.FAIL, f"{new_labels} new labels, at least {config.min_new_labels} are needed"


def _by_breaker(config: Governor, past: Sequence[PastTraining], now: datetime) -> Iterator[_Objection]:
    ended = [training for training in past if training.outcome not in _NO_ANSWER]
    useless = list(takewhile(lambda training: training.outcome != "promoted", reversed(ended)))
    further = len(useless) - config.give_up_after
    if further < 0:
        return
    told = f"the last {len(useless)} trainings promoted nothing; look at them and run training on demand"
    if config.retry_after is not None:
        try:
            due = useless[0].decided_at + config.retry_after * 2**further
        except OverflowError:
            due = datetime.max.replace(tzinfo=UTC)
        if now >= due:
            return
        told += f" (by itself one more may start from {due.isoformat()} on)"
    yield "circuit_breaker", Verdict.FAIL, told
