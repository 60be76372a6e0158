"""One policy through a history, period by period: decide as of its start, serve through it, and see what came of it.

Deciding sees a `Past` only; the labels that a period got in the end go into its score and nowhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from tasks.core import metrics, rehearsal
from tasks.core.deciding import Decided, Serving, decide
from tasks.core.durations import format_duration
from tasks.core.errors import ConfigInvalid, DataRejected
from tasks.core.fitting import LABEL
from tasks.core.governor import PastTraining
from tasks.core.history import History
from tasks.core.policies import Policy
from tasks.core.probe import Refitter, refit_untimed
from tasks.core.rehearsal import Contestant, Setting, Trainer
from tasks.core.results import Window

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Period:
    """What was decided from `as_of` until `end`, and the score of what served then, each row by who was champion.

    `score` is in units of the pipeline's metric; None without a model or its labels. `model` is the last one's number.
    There is at least one decision, as of the beginning.
    """

    as_of: datetime
    end: datetime
    rows: int
    score: float | None
    model: int
    decisions: tuple[Decided, ...]

    @property
    def asked(self) -> bool:
        """Whether a retraining was wanted at any moment."""
        return any(one.asked for one in self.decisions)

    @property
    def trained(self) -> bool:
        """Whether it came to a fit."""
        return any(one.trained for one in self.decisions)

    @property
    def promoted(self) -> bool:
        """Whether a new model began to serve."""
        return any(one.promoted for one in self.decisions)

    @property
    def replaced(self) -> bool:
        """Whether a new model took over from another."""
        return any(one.replaced for one in self.decisions)

    @property
    def reason(self) -> str:
        """What was decided, in words: of several decisions those that changed something, or else the last."""
        if len(self.decisions) == 1:
            return self.decisions[0].reason
        told = [one for one in self.decisions if one.asked or one.promoted] or self.decisions[-1:]
        return "; ".join(f"{one.as_of:%Y-%m-%d}: {one.reason}" for one in told)


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
    check_every: timedelta | None = None,
) -> Iterator[Period]:
    """Yield one record per period between two moments (UTC-aware, ascending), as soon as it is over.

    All policies begin alike: with the first model that can be trained. A policy that decides as the pipeline does (a
    gated one) also does so within a period, once per `check_every`, as its cycle would; the others go by periods.
    Raises what the core raises for broken settings; data that do for no training are a period without one.
    """
    if check_every is not None and check_every <= timedelta(0):
        raise ConfigInvalid(f"check_every is {check_every}, and has to be longer than nothing, for example one day.")
    fit: Trainer = trainer or rehearsal.train
    serving, before = Serving(), moments[0]
    for start, end in pairwise(moments):
        decisions, served = [], []
        checks = _checks(start, end, check_every if policy.gated else None)
        for as_of, until in pairwise((*checks, end)):
            setting = change.setting if change is not None and as_of >= change.at else setting
            decided = decide(history.at(as_of), as_of - before, setting, policy, serving, fit, refitter)
            if decided.outcome:
                serving.trainings.append(PastTraining(as_of, decided.outcome, decided.seconds))
            decisions.append(decided)
            served.append((history.outcome(Window(as_of, until)), serving.champion))
            before = as_of
        rows, number = sum(len(part) for part, _ in served), serving.champion.number if serving.champion else 0
        yield Period(start, end, rows, _score(served, setting), number, tuple(decisions))


def _checks(start: datetime, end: datetime, every: timedelta | None) -> list[datetime]:
    """The moments of decision in a period: its beginning, and every so much later as long as it lasts."""
    if every is None:
        return [start]
    return [start + number * every for number in range(ceil((end - start) / every))]


def _score(served: Sequence[tuple["pd.DataFrame", Contestant | None]], setting: Setting) -> float | None:
    """The metric over all rows, each as its champion predicts it; None where nobody did, or it has no value."""
    pairs = [(rows, champion) for rows, champion in served if len(rows)]
    if not pairs or any(champion is None for _, champion in pairs):
        return None
    try:
        actual = np.concatenate([rows[LABEL].to_numpy("float64") for rows, _ in pairs])
        predicted = np.concatenate([rehearsal.predictions(one, rows) for rows, one in pairs if one is not None])
        return metrics.score(setting.metric, actual, predicted)
    except DataRejected:
        return None  # one class only: the metric has no value here
