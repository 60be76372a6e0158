"""The routes of one pipeline: rows in, answers out; and the words in which a request that does not fit is refused."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.schema import PipelineConfig
from deployments.serving import arrow
from deployments.serving.guard import error_body
from deployments.serving.metrics import Metrics
from deployments.serving.rounds import Given, Rounds
from tasks.core.errors import DataRejected, KeepfitError
from tasks.core.requests import Asked

_JSON = "application/json"
_TOLD = 10  # faults of one request
_HALF = 0.5


class RowAnswer(BaseModel):
    """What the champion says of one row."""

    model_config = ConfigDict(extra="forbid")

    answer_id: str = Field(description="The answer's own id; under it the answer stands in the tables.")
    row_id: str = Field(description="The row's id, as labels and deliveries have it.")
    prediction: float | None = Field(
        description="The class (1 or 0, at a score of 0.5) or the number; null: see reason."
    )
    score: float | None = Field(description="The probability of the positive class, or the number; the tables hold it.")
    outside: list[str] | None = Field(description="Features outside the training data; null: the ranges are unknown.")
    reason: str | None = Field(description="Why the row is not answered.")
    model_version: int = Field(description="Who answered: the champion, or a challenger for its share (a canary).")


class ManyAnswers(BaseModel):
    """The answers to a batch, in the order of its rows; `model_version` is the champion's."""

    model_config = ConfigDict(extra="forbid")

    model_version: int
    answers: list[RowAnswer]


class Refusal(BaseModel):
    """What is wrong, and nothing of what was sent."""

    error: str
    details: list[dict[str, str]]


class Routes:
    """The two routes of a pipeline, and how OpenAPI describes them."""

    def __init__(self, config: PipelineConfig, asked: Asked, rounds: Rounds, metrics: Metrics) -> None:
        self.config, self.asked, self.rounds, self.metrics = config, asked, rounds, metrics

    async def one(self, request: Request) -> Response:
        """Answer one row."""
        return await self._timed(request, self._one)

    async def many(self, request: Request) -> Response:
        """Answer a batch, in JSON or as an Arrow stream; the answers come in the same form."""
        return await self._timed(request, self._many)

    async def _timed(self, request: Request, answer: Any) -> Response:
        with self.metrics.request(self.config.pipeline) as outcome:
            response = await self._guarded(request, answer)
            outcome.status = response.status_code
            return response

    async def _guarded(self, request: Request, answer: Any) -> Response:
        seconds = self.config.serving.seconds
        try:
            async with asyncio.timeout(seconds):
                body = await self._body(request)
        except TimeoutError:
            return refusal(408, f"the request did not arrive within {seconds:g} s")
        if body is None:
            return refusal(413, f"a request has at most {self.config.serving.most_bytes} bytes")
        return await self._answered(request, body, answer)

    async def _answered(self, request: Request, body: bytes, answer: Any) -> Response:
        seconds = self.config.serving.seconds
        try:
            async with asyncio.timeout(seconds):
                response: Response = await answer(request, body)
                return response
        except TimeoutError:
            return refusal(503, f"no answer within {seconds:g} s; try again later")
        except ValidationError as error:
            return refusal(422, "the request does not fit the pipeline's columns", _faults(error, self.asked))
        except DataRejected as error:
            return refusal(422, str(error))
        except KeepfitError as error:
            return refusal(503, str(error))

    async def _body(self, request: Request) -> bytes | None:
        limit, parts, size = self.config.serving.most_bytes, [], 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
        return b"".join(parts)

    async def _one(self, request: Request, body: bytes) -> Response:
        if not _is(request, _JSON):
            return refusal(415, f"send the row as {_JSON}")
        given = await self.rounds.answer([self.asked.values(self.asked.one.validate_json(body))])
        (answer,) = self._told(given)
        return Response(orjson.dumps(answer), media_type=_JSON)

    async def _many(self, request: Request, body: bytes) -> Response:
        if _is(request, arrow.MEDIA_TYPE):
            return await self._arrow(body)
        if not _is(request, _JSON):
            return refusal(415, f"send the rows as {_JSON} or {arrow.MEDIA_TYPE}")
        rows = [self.asked.values(row) for row in self.asked.many.validate_json(body).rows]
        given = await self.rounds.answer(rows)
        found = {"model_version": given.version, "answers": self._told(given)}
        return Response(orjson.dumps(found), media_type=_JSON)

    async def _arrow(self, body: bytes) -> Response:
        most = self.config.serving.most_rows
        rows = await asyncio.to_thread(arrow.rows_of, body, most)
        given = await self.rounds.answer([self.asked.values(self.asked.one.validate_python(row)) for row in rows])
        return Response(arrow.written(self._told(given)), media_type=arrow.MEDIA_TYPE)

    def _told(self, given: Given) -> list[dict[str, Any]]:
        binary = self.config.problem == "binary"
        self.metrics.answered(self.config.pipeline, given)
        return [
            {
                "answer_id": answer.answer_id,
                "row_id": answer.row_id,
                "prediction": float(answer.prediction >= _HALF) if binary and answer.prediction is not None
                else answer.prediction,
                "score": answer.prediction,
                "outside": answer.outside,
                "reason": answer.refused,
                "model_version": answer.version,
            }
            for answer in given.answers
        ]  # fmt: skip


def refusal(status: int, told: str, details: list[dict[str, str]] | None = None) -> Response:
    """An error as every route gives it."""
    headers = {"retry-after": "5"} if status == 503 else None  # noqa: PLR2004 - Service Unavailable
    return Response(error_body(told, details), status, headers, _JSON)


def _is(request: Request, media_type: str) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == media_type


def _faults(error: ValidationError, asked: Asked) -> list[dict[str, str]]:
    """Which column, and what it has to be: unknown names are of the caller's making and are not given back."""
    known = {column.name for column in asked.columns} | {"rows"}
    faults = error.errors(include_url=False, include_context=False, include_input=False)[:_TOLD]
    return [{"where": _place(fault["loc"], known), "rule": fault["type"], "told": fault["msg"]} for fault in faults]


def _place(location: Sequence[int | str], known: set[str]) -> str:
    parts = [str(part) if isinstance(part, int) or part in known else "(a field that does not exist)"
             for part in location]  # fmt: skip
    return ".".join(parts) or "(the whole body)"
