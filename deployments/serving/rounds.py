"""Rows of requests that come at the same time are scored in one round, by the same code as batches of the flow.

An answer is given after it was written down. HTTP does not belong here.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import orjson

from deployments.serving.canary import OUTSIDE, Canary
from deployments.serving.following import Follower
from deployments.serving.shadow import Shadow
from deployments.serving.verified import Loaded
from tasks.adapters.answers import AnswerLog
from tasks.core.errors import DataRejected, KeepfitError, NoChampion, ServerUnavailable
from tasks.core.features import EVENT_TIME, design_matrix
from tasks.core.online import Answer, log_line
from tasks.core.privacy.keys import Keys
from tasks.core.requests import Asked, event_frame, is_private, protected, row_id
from tasks.core.scoring import predict_each

if TYPE_CHECKING:
    import pandas as pd

_ROUND, _WAITING = 2_000, 100_000  # rows in one round, and rows that may wait
Rows = Sequence[Sequence[Any]]
Identified = tuple[str, str, datetime, Sequence[Any]]
"""A row's own number, its row id, its time, and its values."""


@dataclass(frozen=True)
class Given:
    """The answers to one request; `version` is the champion's, each answer names its own."""

    version: int
    answers: Sequence[Answer]


class Rounds:
    """Answers for one pipeline. While a round is scored in a thread, what arrives waits for the next one."""

    def __init__(self, follower: Follower, asked: Asked, log: AnswerLog, keys: Keys) -> None:
        self._keys, self._private = keys, is_private(asked.columns)
        self.follower, self.asked, self.log = follower, asked, log
        self.rounds = self.log_seconds = self.score_seconds = 0.0
        config = follower.config
        self.shadow = Shadow(log, config.problem, abstains=config.serving.outside == "abstain")
        self.canary = Canary(follower.trying, self._scored)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="round")
        self._waiting: list[tuple[Rows, asyncio.Future[Given]]] = []
        self._rows = 0
        self._task: asyncio.Task[None] | None = None
        self._ids = (f"{uuid4().hex[:20]}{number:012x}" for number in count())

    async def answer(self, rows: Rows) -> Given:
        """The answers to the rows of one request, in order.

        Raises NoChampion, DataRejected (a time that is not allowed) and ServerUnavailable (too much waits, or the
        answer could not be written down).
        """
        if self._rows + len(rows) > _WAITING:
            raise ServerUnavailable("More requests wait than can be answered; try again later.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Given] = loop.create_future()
        self._waiting.append((rows, future))
        self._rows += len(rows)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await future

    def close(self) -> None:
        """End the thread and close the log, which can then be taken up."""
        self._pool.shutdown()
        self.shadow.close()
        self.log.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken: list[tuple[Rows, asyncio.Future[Given]]] = []
            rows = 0
            while self._waiting and (not taken or rows + len(self._waiting[0][0]) <= _ROUND):
                taken.append(self._waiting.pop(0))
                rows += len(taken[-1][0])
            found = await loop.run_in_executor(self._pool, self._round, [one for one, _ in taken])
            self._rows -= rows
            for (_, future), outcome in zip(taken, found, strict=True):
                if future.done():  # given up meanwhile
                    continue
                if isinstance(outcome, Given):
                    future.set_result(outcome)
                else:
                    future.set_exception(outcome)

    def _round(self, requests: Sequence[Rows]) -> list[Given | Exception]:
        try:
            return list(self._score(requests))
        except DataRejected as error:  # of one request; the others are answered
            return [error] if len(requests) == 1 else [found for one in requests for found in self._round([one])]
        except KeepfitError as error:
            return [error] * len(requests)
        except Exception as error:  # noqa: BLE001 - each request is told; its message may quote a value
            told = ServerUnavailable(f"The round failed ({type(error).__name__}).")
            return [told] * len(requests)

    def _score(self, requests: Sequence[Rows]) -> list[Given]:
        loaded, trial, now = self.follower.current, self.follower.trying.current, datetime.now(UTC)
        if loaded is None:
            raise NoChampion(self.follower.standing.why)
        began = time.perf_counter()
        frame, rows = self._frame([row for request in requests for row in request], loaded, now)
        identified = self._identified(rows, frame)
        answers, unheard = self._answers(identified, frame, loaded), None
        if trial and trial.replaces == loaded.number:
            answers, unheard = self.canary.answer(trial, answers, frame)
        scored = time.perf_counter()
        line = log_line(answers, self.asked.columns, loaded.number, now)
        self.log.write(orjson.dumps(line))
        self.rounds += 1
        self.score_seconds += scored - began
        self.log_seconds += time.perf_counter() - scored
        if unheard:
            self.shadow.offer(unheard)
        found, first = [], 0
        for request in requests:
            found.append(Given(loaded.number, answers[first : first + len(request)]))
            first += len(request)
        return found

    def _frame(self, rows: Rows, loaded: Loaded, now: datetime) -> tuple["pd.DataFrame", Rows]:
        """The rows as models take them, and as they are written down, without what is personal."""
        frame = event_frame(self.asked.columns, rows, now)
        if not self._private:
            return frame, rows
        known = loaded.ranges.categorical if loaded.ranges else {}
        protection = self.follower.config.suite.protection
        return protected(frame, self.asked.columns, protection, self._keys, known)

    def _identified(self, rows: Rows, frame: "pd.DataFrame") -> list[Identified]:
        numbers = [next(self._ids) for _ in rows]
        return [
            (number, row_id(self.asked.columns, values, number), time, values)
            for number, values, time in zip(numbers, rows, frame[EVENT_TIME].tolist(), strict=True)
        ]

    def _answers(self, identified: Sequence[Identified], frame: "pd.DataFrame", loaded: Loaded) -> list[Answer]:
        matrix = design_matrix(frame, loaded.features)
        try:
            predicted, refused = predict_each(loaded.model, matrix, self.follower.config.problem)
        except Exception as error:  # noqa: BLE001 - what a library raises over values; here of every row
            reason = f"the model does not take the row ({type(error).__name__})"
            predicted, refused = np.full(len(matrix), np.nan), dict.fromkeys(range(len(matrix)), reason)
        marks = loaded.ranges.outside(matrix) if loaded.ranges else [None] * len(matrix)
        answers = []
        for at, ((number, identity, moment, values), value, outside) in enumerate(
            zip(identified, predicted, marks, strict=True)
        ):
            why = refused.get(at)
            if why is None and outside and self.follower.config.serving.outside == "abstain":
                why = f"{OUTSIDE}: {', '.join(outside)}"
            said = None if why else float(value)
            answers.append(Answer(number, identity, moment, said, outside, why, values, loaded.number))
        return answers

    def _scored(self, answers: Sequence[Answer], frame: "pd.DataFrame", loaded: Loaded) -> list[Answer]:
        """What another model says of rows that were answered."""
        return self._answers([(one.answer_id, one.row_id, one.event_time, one.row) for one in answers], frame, loaded)
