"""The shadow: a challenger scores in silence, after the answers were given, the rows that the champion answered.

It has a thread and a bounded queue of its own: where it cannot follow, rows are left out and counted, never waited for.
"""

import logging
import queue
import threading
import time
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

_WAITING, _ROUND, _GATHER_SECONDS = 100, 2_000, 0.25  # rounds that may wait; rows at once; for them to come together
_log = logging.getLogger("keepfit.serving")


@dataclass(frozen=True)
class Unheard:
    """Rows that were answered, as the models take them, and who is to score them in silence."""

    loaded: Loaded
    frame: "pd.DataFrame"
    answers: Sequence[Answer]


class Shadow:
    """Scores in silence for one pipeline; `scored`, `dropped` and `failed` count rows, `seconds` its own work."""

    def __init__(self, log: AnswerLog, problem: Problem) -> None:
        self.scored = self.dropped = self.failed = 0
        self.seconds = 0.0
        self._log, self._problem = log, problem
        self._queue: queue.Queue[Unheard | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None

    def offer(self, asked: Unheard) -> None:
        """Leave rows to be scored; never waits, and starts the thread at the first ones."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(asked)
        except queue.Full:
            self.dropped += len(asked.answers)

    def close(self) -> None:
        """Score what waits, and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(30)

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            taken, goes_on = self._gathered()
            began = time.perf_counter()
            for _, group in groupby(taken, key=lambda one: id(one.loaded)):
                self._score(list(group))
            self.seconds += time.perf_counter() - began

    def _gathered(self) -> tuple[list[Unheard], bool]:
        """What came within a moment: rows that are scored together cost little more than one."""
        taken: list[Unheard] = []
        until = float("inf")
        while sum(len(one.answers) for one in taken) < _ROUND:
            left = None if not taken else until - time.monotonic()
            if left is not None and left <= 0:
                break
            try:
                one = self._queue.get(timeout=left)
            except queue.Empty:
                break
            if one is None:
                return taken, False
            until = min(until, time.monotonic() + _GATHER_SECONDS)
            taken.append(one)
        return taken, True

    def _score(self, asked: Sequence[Unheard]) -> None:
        import pandas as pd

        loaded, answers = asked[0].loaded, [answer for one in asked for answer in one.answers]
        try:
            matrix = design_matrix(pd.concat([one.frame for one in asked], ignore_index=True), loaded.features)
            predicted, refused = predict_each(loaded.model, matrix, self._problem)
            line = silent_line(answers, predicted.tolist(), loaded.number, datetime.now(UTC))
            self._log.write(orjson.dumps(line), given=False)
        except Exception as error:  # noqa: BLE001 - whatever fails in silence costs no answer
            if not self.failed:
                _log.warning("version %s cannot score in silence: %s", loaded.number, type(error).__name__)
            self.failed += len(answers)
            return
        self.failed += len(refused)
        self.scored += len(answers) - len(refused)
