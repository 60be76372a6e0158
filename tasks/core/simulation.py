"""One policy through a history, period by period: decide as of its start, serve through it, and see what came of it.

Deciding sees a `Past` only; the labels that a period got in the end go into its score and nowhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from tasks.core import metrics, probe, rehearsal
from tasks.core.durations import format_duration
from tasks.core.errors import ConfigInvalid, DataRejected
from tasks.core.features import ROW_ID
from tasks.core.fitting import LABEL
from tasks.core.governor import Outcome, PastTraining
from tasks.core.history import History, Past
from tasks.core.ledger import Look
from tasks.core.policies import Policy
from tasks.core.probe import Refitter, refit_untimed
from tasks.core.rehearsal import Contestant, Setting, Trainer
from tasks.core.results import Check, Verdict, Window
from tasks.core.sight import Sight

_TRAINED = frozenset({"promoted", "refused"})


@dataclass(frozen=True)
class Period:
    """What was decided as of `as_of`, and the score of the model that served from then until `end`.

    `asked`: the policy wanted a retraining (the first training is none), and no probe held it back. `trained`: it came
    to a fit. `promoted`: the new model serves from `as_of` on. `score` is in units of the pipeline's metric; None
    without a model or its labels. `fit_seconds` is what the trainer said that the fits took, whether now or in an
    earlier run. `remedy` is what the policy chose, where it tells remedies apart.
    """

    as_of: datetime
    end: datetime
    rows: int
    score: float | None
    model: int
    asked: bool
    trained: bool
    promoted: bool
    reason: str
    fit_seconds: float
    remedy: str = ""


@dataclass
class _Serving:
    """What a policy has at hand between two moments."""

    champion: Contestant | None = None
    models: int = 0
    trainings: list[PastTraining] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)


@dataclass(frozen=True)
class _Decided:
    """`outcome`: how the training ended that was decided on; None: there was none, or no first one could be made."""

    asked: bool = False
    outcome: Outcome | None = None
    reason: str = ""
    seconds: float = 0.0
    remedy: str = ""


def moments_between(
    span: Window, every: timedelta, start: datetime | None = None, end: datetime | None = None
) -> list[datetime]:
    """Whole periods counted back from the end: without `start` from a third into the span on, without `end` to its end.

    Raises:
        ConfigInvalid: not one whole period fits in between.
    """
    last = end or span.end
    first = start or span.start + (span.end - span.start) / 3
    count = int((last - first) / every)
    if count < 1:
        told = format_duration(every)
        raise ConfigInvalid(f"From {first:%Y-%m-%d} to {last:%Y-%m-%d} there is no whole period of {told}.")
    return [last - every * number for number in range(count, -1, -1)]


@dataclass(frozen=True)
class Change:
    """From this moment on another setting decides; the champion and what happened so far stay."""

    at: datetime
    setting: Setting


def simulate(  # noqa: PLR0913 - a history, how to decide in it, and who fits
    history: History,
    setting: Setting,
    policy: Policy,
    moments: Sequence[datetime],
    trainer: Trainer | None = None,
    *,
    refitter: Refitter = refit_untimed,
    change: Change | None = None,
) -> Iterator[Period]:
    """Yield one record per period between two moments (UTC-aware, ascending), as soon as it is over.

    All policies begin alike: with the first model that can be trained. Raises what the core raises for broken settings;
    data that do for no training are a period without one.
    """
    fit: Trainer = trainer or rehearsal.train
    serving, before = _Serving(), moments[0]
    for as_of, end in pairwise(moments):
        setting = change.setting if change is not None and as_of >= change.at else setting
        decided = _decide(history.at(as_of), as_of - before, setting, policy, serving, fit, refitter)
        if decided.outcome:
            serving.trainings.append(PastTraining(as_of, decided.outcome, decided.seconds))
        before = as_of
        rows, score = _serve(history, Window(as_of, end), serving.champion, setting)
        yield Period(
            as_of, end, rows, score, serving.champion.number if serving.champion else 0, decided.asked,
            decided.outcome in _TRAINED, decided.outcome == "promoted", decided.reason, decided.seconds, decided.remedy,
        )  # fmt: skip


def _decide(  # noqa: PLR0913, PLR0917 - all that a decision may use
    past: Past,
    period: timedelta,
    setting: Setting,
    policy: Policy,
    serving: _Serving,
    fit: Trainer,
    refitter: Refitter,
) -> _Decided:
    if serving.champion is None:
        return _train(past, setting, policy, serving, fit, "there is no model yet")
    sight = Sight(past, serving.champion, setting, period)
    answer = policy.asks(sight, serving.trainings)
    remedy = str(answer.numbers.get("remedy", ""))
    if answer.verdict is not Verdict.FAIL:
        return _Decided(reason=answer.reason, remedy=remedy)
    wanted = policy.gated and probe.is_wanted(setting.probe, setting.strategy)
    probed, seconds = _probe(sight, refitter) if wanted else (None, 0.0)
    if probed and (held := probe.held_back(probed)):
        return _Decided(False, held, f"{answer.reason}; {held} by the probe: {probed.reason}", seconds, remedy)
    told = _train(past, setting, policy, serving, fit, answer.reason)
    return replace(told, remedy=remedy, seconds=told.seconds + seconds)


def _probe(sight: Sight, refitter: Refitter) -> tuple[Check | None, float]:
    """Would a retraining help, and the seconds that the fits took; None where the rows allow no training either."""
    champion, setting = sight.champion, sight.setting
    own = champion.trained.recipe
    recipes = probe.recipes_like(replace(own, split=setting.split), own.family, own.parameters, own.history)
    try:
        rows = rehearsal.training_rows(sight.past, setting.split)
        fresh = probe.stretch(rows, recipes[0], champion.seen[ROW_ID])
    except DataRejected:
        return None, 0.0
    refits, seconds = refitter(rows, recipes, fresh)
    stretch = rows.iloc[fresh]
    check = probe.judge_probe(
        stretch, metric=setting.metric, champion=rehearsal.predictions(champion, stretch), refits=refits,
        margin=probe.margin_of(setting.gates), limit=sight.limit, seed=setting.seed,
    )  # fmt: skip
    return check, seconds


def _train(past: Past, setting: Setting, policy: Policy, serving: _Serving, fit: Trainer, why: str) -> _Decided:
    asked = serving.champion is not None
    try:
        candidate = rehearsal.contestant(past, setting, fit, serving.models + 1, serving.champion)
    except DataRejected as error:
        return _Decided(asked, "failed" if asked else None, f"{why}; no training: {error}")
    serving.models += 1
    told, promoted = f"{why}; version {candidate.number} serves", True
    if policy.gated:
        answer, look = rehearsal.judge(candidate, serving.champion, setting, serving.looks)
        serving.looks += [look] if look else []
        promoted = answer.passed
        told = f"{why}; version {candidate.number} {'promoted' if promoted else 'refused'}: {answer.reason}"
    if promoted:
        serving.champion = candidate
    return _Decided(asked, "promoted" if promoted else "refused", told, candidate.trained.seconds)


def _serve(history: History, window: Window, champion: Contestant | None, setting: Setting) -> tuple[int, float | None]:
    rows = history.outcome(window)
    if champion is None or rows.empty:
        return len(rows), None
    try:
        actual = rows[LABEL].to_numpy("float64")
        return len(rows), metrics.score(setting.metric, actual, rehearsal.predictions(champion, rows))
    except DataRejected:
        return len(rows), None  # one class only: the metric has no value here
