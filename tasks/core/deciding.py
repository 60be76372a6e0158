"""What a policy decides at one moment of a simulation: ask, probe, train, judge, judge again who waits for evidence.

Sees a `Past` only. The way through the moments is `simulation`'s, fits and gates are `rehearsal`'s.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tasks.core import challenger, probe, rehearsal
from tasks.core.errors import DataRejected
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.gates import duel_of
from tasks.core.governor import Outcome, PastTraining
from tasks.core.history import Past
from tasks.core.ledger import Look
from tasks.core.policies import Policy
from tasks.core.probe import Refitter
from tasks.core.rehearsal import Contestant, Setting, Trainer
from tasks.core.results import Check, Verdict, Window
from tasks.core.sight import Sight


@dataclass
class Serving:
    """What a policy has at hand between two moments. `judged`: the challenger's rows at each judgement; `tried`: the
    place of its training among the trainings.
    """  # noqa: D205

    champion: Contestant | None = None
    models: int = 0
    trainings: list[PastTraining] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    challenger: Contestant | None = None
    judged: list[int] = field(default_factory=list)
    tried: int = 0


@dataclass(frozen=True)
class Decided:
    """What was decided as of one moment.

    `asked`: a retraining was wanted (the first training is none), and no probe held it back. `outcome`: how the
    training ended that was decided on; None: there was none, or no first one could be made. `seconds` of one core: what
    the trainer said that the fits took, whether now or in an earlier run. `remedy` is what the policy chose, where it
    tells remedies apart. `waited`: who became champion is a challenger of an earlier training.
    """

    as_of: datetime
    asked: bool = False
    outcome: Outcome | None = None
    reason: str = ""
    seconds: float = 0.0
    remedy: str = ""
    waited: bool = False

    @property
    def trained(self) -> bool:
        """Whether it came to a fit."""
        return self.outcome in {"promoted", "refused"}

    @property
    def promoted(self) -> bool:
        """Whether a new model serves from now on."""
        return self.waited or self.outcome == "promoted"

    @property
    def replaced(self) -> bool:
        """Whether a new model took over from another: one that was trained now, or that waited for evidence."""
        return self.promoted and (self.asked or not self.trained)


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
    if policy.gated and (reconsidered := _reconsider(past, setting, serving)):
        return reconsidered
    sight = Sight(past, serving.champion, setting, period)
    answer = policy.asks(sight, serving.trainings)
    remedy = str(answer.numbers.get("remedy", ""))
    if answer.verdict is not Verdict.FAIL:
        return Decided(past.as_of, reason=answer.reason, remedy=remedy)
    wanted = policy.gated and probe.is_wanted(setting.probe, setting.strategy)
    probed, seconds = _probe(sight, refitter) if wanted else (None, 0.0)
    if probed and (held := probe.held_back(probed)):
        told = f"{answer.reason}; {held} by the probe: {probed.reason}"
        return Decided(past.as_of, False, held, told, seconds, remedy)
    trained = _train(past, setting, policy, serving, fit, answer.reason)
    return replace(trained, remedy=remedy, seconds=trained.seconds + seconds)


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
        margin=duel_of(setting.gates).margin, limit=sight.limit, seed=setting.seed,
    )  # fmt: skip
    return check, seconds


def _reconsider(past: Past, setting: Setting, serving: Serving) -> Decided | None:
    """Judge the challenger again where there are rows enough; None unless it is promoted."""
    waiting = serving.challenger
    if waiting is None or setting.governor.mode != "auto":
        return None
    again = with_newest(waiting, past)
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
    serving.trainings[serving.tried] = replace(serving.trainings[serving.tried], outcome="promoted")
    told = f"version {waiting.number} promoted on {serving.judged[-1]} rows: {answer.reason}"
    return Decided(past.as_of, reason=told, waited=True)


def with_newest(candidate: Contestant, past: Past) -> Contestant:
    """The candidate beside all rows since its evaluation part began whose labels are known and that it has not seen."""
    rows = past.labelled(Window(candidate.judged_on[EVENT_TIME].min().to_pydatetime(), past.as_of))
    rows = rows[~rows[ROW_ID].isin(candidate.seen[ROW_ID])].reset_index(drop=True)
    return replace(candidate, judged_on=rows, predicted=rehearsal.predictions(candidate, rows))


def _train(past: Past, setting: Setting, policy: Policy, serving: Serving, fit: Trainer, why: str) -> Decided:
    asked = serving.champion is not None
    try:
        candidate = rehearsal.contestant(past, setting, fit, serving.models + 1, serving.champion)
    except DataRejected as error:
        return Decided(past.as_of, asked, "failed" if asked else None, f"{why}; no training: {error}")
    serving.models += 1
    told, promoted = f"{why}; version {candidate.number} serves", True
    if policy.gated:
        answer, look = rehearsal.judge(candidate, serving.champion, setting, serving.looks)
        serving.looks += [look] if look else []
        promoted = answer.passed
        lacks = answer.verdict is Verdict.UNKNOWN
        serving.challenger, serving.judged = candidate if lacks else None, [len(candidate.judged_on)] if lacks else []
        serving.tried = len(serving.trainings)
        told = f"{why}; version {candidate.number} {'promoted' if promoted else 'refused'}: {answer.reason}"
    if promoted:
        serving.champion = candidate
    outcome: Outcome = "promoted" if promoted else "refused"
    return Decided(past.as_of, asked, outcome, told, candidate.trained.seconds)
