"""The shadow: a challenger scores in silence, after the answers were given, the rows that the champion answered.

It has a thread and a bounded memory of its own: where it cannot follow, rows are left out and counted, nobody waits.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

import orjson

from deployments.serving.verified import Loaded
from tasks.adapters.answers import AnswerLog
from tasks.core.features import design_matrix
from tasks.core.metrics import Problem
from tasks.core.online import Answer, silent_line
from tasks.core.scoring import predict_each

if TYPE_CHECKING:
    import pandas as pd

_WAITING, _ROUND, _GATHER_SECONDS = 20_000, 2_000, 0.25  # rows that may wait; rows at once; for them to come together
_END_SECONDS = 2.0
_log = logging.getLogger("keepfit.serving")


@dataclass(frozen=True)
class Unheard:
    """Rows that were answered, as the models take them, and who is to score them in silence."""

    loaded: Loaded
    frame: "pd.DataFrame"
    answers: Sequence[Answer]


class Shadow:
    """Scores in silence for one pipeline; `scored`, `dropped` and `failed` count rows, `seconds` its own work.

    `abstains`: rows outside the training data are answered by nobody, so that nothing is said of them here either.
    """

    def __init__(self, log: AnswerLog, problem: Problem, *, abstains: bool = False) -> None:
        self.scored = self.dropped = self.failed = 0
        self.seconds = 0.0
        self._log, self._problem, self._abstains = log, problem, abstains
        self._waiting: deque[Unheard] = deque()
        self._rows, self._ended = 0, False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def offer(self, unheard: Unheard) -> None:
        """Leave rows to be scored. Never waits and never raises; starts the thread at the first ones."""
        with self._changed:
            if self._ended or self._rows + len(unheard.answers) > _WAITING or not self._runs():
                self.dropped += len(unheard.answers)
                return
            self._waiting.append(unheard)
            self._rows += len(unheard.answers)
            self._changed.notify()

    def close(self) -> None:
        """End the thread; what waits is left out: nobody was given it."""
        with self._changed:
            self._ended = True
            self.dropped += self._rows
            self._waiting.clear()
            self._rows = 0
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _runs(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread to be had; the next rows ask again
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        while taken := self._gathered():
            began = time.perf_counter()
            for _, group in groupby(taken, key=lambda one: id(one.loaded)):
                self._score(list(group))
            self.seconds += time.perf_counter() - began

    def _gathered(self) -> list[Unheard]:
        """What came within a moment: rows that are scored together cost little more than one. Empty: it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._waiting)
            self._changed.wait_for(lambda: self._ended or self._rows >= _ROUND, _GATHER_SECONDS)
            taken: list[Unheard] = []
            rows = 0
            while self._waiting and (not taken or rows + len(self._waiting[0].answers) <= _ROUND):
                taken.append(self._waiting.popleft())
                rows += len(taken[-1].answers)
            self._rows -= rows
            return taken

    def _score(self, unheard: Sequence[Unheard]) -> None:
        import pandas as pd

        loaded, answers = unheard[0].loaded, [answer for one in unheard for answer in one.answers]
        try:
            matrix = design_matrix(pd.concat([one.frame for one in unheard], ignore_index=True), loaded.features)
            predicted, refused = self._predicted(loaded, matrix)
            marks = loaded.ranges.outside(matrix) if self._abstains and loaded.ranges else [[]] * len(matrix)
            kept = [at for at in range(len(answers)) if at in refused or not marks[at]]
            why = {place: refused[at] for place, at in enumerate(kept) if at in refused}
            said = [predicted[at] for at in kept]
            line = silent_line([answers[at] for at in kept], said, why, loaded.number, datetime.now(UTC))
            self._log.write(orjson.dumps(line), given=False)
        except Exception as error:  # noqa: BLE001 - whatever fails in silence costs no answer
            if not self.failed:
                _log.warning("version %s cannot score in silence: %s", loaded.number, type(error).__name__)
            self.failed += len(answers)
            return
        self.failed += len(refused)
        self.scored += len(kept) - len(refused)

    def _predicted(self, loaded: Loaded, matrix: "pd.DataFrame") -> tuple[list[float | None], dict[int, str]]:
        try:
            predicted, refused = predict_each(loaded.model, matrix, self._problem)
        except Exception as error:  # noqa: BLE001 - what a library raises over values; here of every row
            reason = f"the model does not take the row ({type(error).__name__})"
            return [None] * len(matrix), dict.fromkeys(range(len(matrix)), reason)
        return [None if at in refused else float(value) for at, value in enumerate(predicted)], refused
