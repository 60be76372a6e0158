"""What a policy decides at one moment of a simulation: ask, probe, train, judge, judge again who waits for evidence.

Sees a `Past` only. The way through the moments is `simulation`'s, fits and gates are `rehearsal`'s.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from tasks.core import challenger, probe, rehearsal
from tasks.core.errors import DataRejected
from tasks.core.features import ROW_ID
from tasks.core.governor import PastTraining
from tasks.core.history import Past
from tasks.core.ledger import Look
from tasks.core.policies import Policy
from tasks.core.probe import Refitter
from tasks.core.rehearsal import Contestant, Setting, Trainer
from tasks.core.results import Check, Verdict
from tasks.core.sight import Sight


@dataclass
class Serving:
    """What a policy has at hand between two moments."""

    champion: Contestant | None = None
    models: int = 0
    trainings: list[PastTraining] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    challenger: Contestant | None = None
    judged: list[int] = field(default_factory=list)  # rows at each judgement of the challenger


@dataclass(frozen=True)
class Decided:
    """What came of one moment; as `simulation.Period` tells it."""

    asked: bool = False
    trained: bool = False
    promoted: bool = False
    reason: str = ""
    seconds: float = 0.0
    remedy: str = ""


def decide(  # noqa: PLR0913, PLR0917 - all that a decision may use
    past: Past,
    period: timedelta,
    setting: Setting,
    policy: Policy,
    serving: Serving,
    fit: Trainer,
    refitter: Refitter,
) -> Decided:
    """Decide as of one moment, `period` after the last one; keeps what later moments need in `serving`."""
    if serving.champion is None:
        return _train(past, setting, policy, serving, fit, "there is no model yet")
    if policy.gated and (told := _reconsider(past, setting, serving)):
        return told
    sight = Sight(past, serving.champion, setting, period)
    answer = policy.asks(sight, serving.trainings)
    remedy = str(answer.numbers.get("remedy", ""))
    if answer.verdict is not Verdict.FAIL:
        return Decided(reason=answer.reason, remedy=remedy)
    wanted = policy.gated and probe.is_wanted(setting.probe, setting.strategy)
    probed, seconds = _probe(sight, refitter) if wanted else (None, 0.0)
    if probed and (held := probe.held_back(probed)):
        serving.trainings.append(PastTraining(past.as_of, held, seconds))
        return Decided(reason=f"{answer.reason}; {held} by the probe: {probed.reason}", seconds=seconds, remedy=remedy)
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
    predicted, margin, limit = rehearsal.predictions(champion, stretch), probe.margin_of(setting.gates), sight.limit
    return probe.judge_probe(
        stretch,
        metric=setting.metric,
        champion=predicted,
        refits=refits,
        margin=margin,
        limit=limit,
        seed=setting.seed,
    ), seconds


def _reconsider(past: Past, setting: Setting, serving: Serving) -> Decided | None:
    """Judge the challenger again where there are rows enough; None unless it is promoted."""
    waiting = serving.challenger
    if waiting is None or setting.governor.mode != "auto":
        return None
    again = rehearsal.with_newest(waiting, past)
    if not challenger.is_due(serving.judged, len(again.judged_on)):
        return None
    answer, look = rehearsal.judge(again, serving.champion, setting, serving.looks)
    serving.looks += [look] if look else []
    serving.judged.append(len(again.judged_on))
    if answer.verdict is Verdict.UNKNOWN:
        return None
    serving.challenger = None
    if not answer.passed:
        return None
    serving.champion = waiting
    serving.trainings[-1] = replace(serving.trainings[-1], outcome="promoted")
    rows = serving.judged[-1]
    return Decided(promoted=True, reason=f"version {waiting.number} promoted on {rows} rows: {answer.reason}")


def _train(past: Past, setting: Setting, policy: Policy, serving: Serving, fit: Trainer, why: str) -> Decided:
    asked = serving.champion is not None
    try:
        candidate = rehearsal.contestant(past, setting, fit, serving.models + 1, serving.champion)
    except DataRejected as error:
        serving.trainings += [PastTraining(past.as_of, "failed")] if asked else []
        return Decided(asked, reason=f"{why}; no training: {error}")
    serving.models += 1
    told, promoted = f"{why}; version {candidate.number} serves", True
    if policy.gated:
        answer, look = rehearsal.judge(candidate, serving.champion, setting, serving.looks)
        serving.looks += [look] if look else []
        promoted = answer.passed
        lacks = answer.verdict is Verdict.UNKNOWN
        serving.challenger, serving.judged = candidate if lacks else None, [len(candidate.judged_on)] if lacks else []
        told = f"{why}; version {candidate.number} {'promoted' if promoted else 'refused'}: {answer.reason}"
    serving.trainings.append(PastTraining(past.as_of, "promoted" if promoted else "refused"))
    if promoted:
        serving.champion = candidate
    return Decided(asked, True, promoted, told, candidate.trained.seconds)
