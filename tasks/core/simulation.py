"""One policy through a history, period by period: decide as of its start, serve through it, and see what came of it.

Deciding sees a `Past` only; the labels that a period got in the end go into its score and nowhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tasks.core import metrics, rehearsal
from tasks.core.deciding import Serving, decide
from tasks.core.durations import format_duration
from tasks.core.errors import ConfigInvalid, DataRejected
from tasks.core.fitting import LABEL
from tasks.core.governor import PastTraining
from tasks.core.history import History
from tasks.core.policies import Policy
from tasks.core.probe import Refitter, refit_untimed
from tasks.core.rehearsal import Contestant, Setting, Trainer
from tasks.core.results import Window

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

    @property
    def replaced(self) -> bool:
        """Whether a new model took over from another: one that was trained now, or that waited for evidence."""
        return self.promoted and (self.asked or not self.trained)


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
    serving, before = Serving(), moments[0]
    for as_of, end in pairwise(moments):
        setting = change.setting if change is not None and as_of >= change.at else setting
        decided = decide(history.at(as_of), as_of - before, setting, policy, serving, fit, refitter)
        if decided.outcome:
            serving.trainings.append(PastTraining(as_of, decided.outcome, decided.seconds))
        before = as_of
        rows, score = _serve(history, Window(as_of, end), serving.champion, setting)
        yield Period(
            as_of, end, rows, score, serving.champion.number if serving.champion else 0, decided.asked,
            decided.outcome in _TRAINED, decided.promoted, decided.reason, decided.seconds, decided.remedy,
        )  # fmt: skip


def _serve(history: History, window: Window, champion: Contestant | None, setting: Setting) -> tuple[int, float | None]:
    rows = history.outcome(window)
    if champion is None or rows.empty:
        return len(rows), None
    try:
        actual = rows[LABEL].to_numpy("float64")
        return len(rows), metrics.score(setting.metric, actual, rehearsal.predictions(champion, rows))
    except DataRejected:
        return len(rows), None  # one class only: the metric has no value here
