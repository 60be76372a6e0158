"""The canary: a challenger answers its share of the rows, by their ids, and costs the others nothing.

Whatever goes wrong with it, the champion's answer is given; a challenger that goes on failing answers nobody any more.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deployments.serving.shadow import Unheard
from deployments.serving.trying import Trial, Trying
from deployments.serving.verified import Loaded
from tasks.core.online import Answer, Beside
from tasks.core.trial import place

if TYPE_CHECKING:
    import pandas as pd

OUTSIDE = "outside the training data"
"""How a reason begins that is a rule of the pipeline's file and no fault of a model."""
_SLOW_SECONDS, _FAULTS = 1.0, 3  # a round that takes longer is a fault; after so many in a row it answers nobody
_log = logging.getLogger("keepfit.serving")

Scores = Callable[[Sequence[Answer], "pd.DataFrame", Loaded], list[Answer]]
"""What a model says of the rows of some answers, as answers of the same rows."""


class Canary:
    """Lets the challenger on trial answer; `fell_back` counts rows of its share that the champion answered."""

    def __init__(self, trying: Trying, scores: Scores, clock: Callable[[], float] = time.perf_counter) -> None:
        self.fell_back = 0
        self._trying, self._scores, self._clock = trying, scores, clock
        self._faults = ("", 0)  # of which file, in a row

    def answer(
        self, trial: Trial, answers: Sequence[Answer], frame: "pd.DataFrame"
    ) -> tuple[list[Answer], Unheard | None]:
        """The answers as they are given, from those of the champion; and what is to be scored in silence."""
        places = [place(one.row_id) for one in answers]
        mine = [at for at, here in enumerate(places) if here < trial.canary]
        given = list(answers)
        if mine:
            for at, answer in zip(mine, self._said(trial, [answers[at] for at in mine], frame.iloc[mine]), strict=True):
                given[at] = answer
        rest = [at for at, here in enumerate(places) if trial.canary <= here < trial.shadow]
        return given, Unheard(trial.loaded, frame.iloc[rest], [given[at] for at in rest]) if rest else None

    def _said(self, trial: Trial, champion: Sequence[Answer], frame: "pd.DataFrame") -> list[Answer]:
        """The challenger's answers, beside what the champion says; where it has none, the other way round."""
        began, version = self._clock(), trial.loaded.number
        try:
            said: Sequence[Answer | None] = self._scores(champion, frame, trial.loaded)
            reason = ""
        except Exception as error:  # noqa: BLE001 - whatever fails here, the champion has answered already
            said, reason = [None] * len(champion), f"the challenger failed ({type(error).__name__})"
        given, without = [], 0
        for ours, theirs in zip(champion, said, strict=True):
            if theirs is not None and theirs.refused is None:
                given.append(replace(theirs, beside=Beside(ours.version, ours.prediction, ours.refused)))
                continue
            why = reason if theirs is None else theirs.refused or reason
            rule = why.startswith(OUTSIDE)
            without += not rule
            given.append(ours if rule else replace(ours, beside=Beside(version, None, why)))
            self.fell_back += 1
        self._watch(trial, self._clock() - began, failed=without == len(champion))
        return given

    def _watch(self, trial: Trial, seconds: float, *, failed: bool) -> None:
        whose, before = self._faults
        count = (before if whose == trial.loaded.sha256 else 0) + 1 if failed or seconds > _SLOW_SECONDS else 0
        self._faults = trial.loaded.sha256, count
        if count >= _FAULTS:
            why = f"it answers nobody: {_FAULTS} rounds in a row it had no answer, or took over {_SLOW_SECONDS:g} s"
            _log.warning("version %s: %s", trial.loaded.number, why)
            self._trying.silence(trial.loaded, why)
