"""The application: routes per pipeline, health, readiness and metrics behind the guard; and the threads beside it."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from config.schema import PipelineConfig
from deployments.serving.describing import description, row_body, rows_body
from deployments.serving.following import Follower
from deployments.serving.guard import OPEN, Guard
from deployments.serving.metrics import CONTENT_TYPE, Metrics
from deployments.serving.rounds import Rounds
from deployments.serving.routes import ManyAnswers, Refusal, Routes, RowAnswer, refusal
from tasks.adapters.answers import AnswerLog, folder_of
from tasks.core.requests import asked_of
from tasks.session import Session

_JSON = "application/json"
_log = logging.getLogger("keepfit.serving")
_TURN_SECONDS = 5.0  # after which answers can be taken up


class Server:
    """Everything that is served, and the one thread that looks after it."""

    def __init__(
        self, pipelines: Mapping[str, tuple[PipelineConfig, Session]], home: Path, look_seconds: float
    ) -> None:
        self.metrics, self._look_seconds = Metrics(), look_seconds
        self.served: dict[str, tuple[Follower, Rounds]] = {}
        self.routes: dict[str, Routes] = {}
        for name, (config, session) in pipelines.items():
            follower = Follower(config, session, home / "serving" / name / "models")
            asked = asked_of(config.columns, name, config.serving.most_rows)
            log = AnswerLog(folder_of(home, name), durable=config.serving.durability == "power")
            rounds = Rounds(follower, asked, log, session.keys)
            self.served[name] = follower, rounds
            self.routes[name] = Routes(config, asked, rounds, self.metrics)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._follow, self._tend)]

    def begin(self) -> None:
        """Look once, then start following: no connection is taken before a champion that is there can answer."""
        for follower, _ in self.served.values():
            follower.look()
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop following and close the logs."""
        self._ended.set()
        for thread in self._threads:
            thread.join(10)
        for _, rounds in self.served.values():
            rounds.close()

    def _follow(self) -> None:
        while not self._ended.is_set():
            for follower, _ in self.served.values():
                follower.look()
            self._ended.wait(self._look_seconds)

    def _tend(self) -> None:
        turned = time.monotonic()
        while not self._ended.wait(1):
            turn = time.monotonic() - turned > _TURN_SECONDS
            for name, (_, rounds) in self.served.items():
                try:
                    rounds.log.turn() if turn else rounds.log.flush()
                except OSError as error:  # a full disk: answers are refused by themselves, and this is tried again
                    _log.error("%s: the log of answers cannot be kept: %s", name, error.strerror)
            turned = time.monotonic() if turn else turned

    def state(self) -> tuple[bool, dict[str, Any]]:
        """Whether every pipeline that has a champion answers, and how each of them stands."""
        told, ready = {}, bool(self.served)
        for name, (follower, rounds) in self.served.items():
            current, standing = follower.current, follower.standing
            ready = ready and (current is not None or (standing.champion is None and standing.why != "starting"))
            told[name] = {
                "answers": current is not None, "version": current and current.number,
                "sha256": current and current.sha256, "receipt": current and current.receipt,
                "since": current and current.since.isoformat(), "champion": standing.champion,
                "mlflow_answers": standing.registry_answers, "why": standing.why,
                "trial": _trial(follower),
                "ranges_known": current is not None and current.ranges is not None, "log_fault": rounds.log.fault,
            }  # fmt: skip
        return ready, told


def _trial(follower: Follower) -> dict[str, Any] | None:
    """Who is on trial, with which shares of the rows, and why not with those of the pipeline's file."""
    trial, why = follower.trying.current, follower.trying.why
    if trial is None:
        return {"version": None, "why": why} if why else None
    return {"version": trial.loaded.number, "sha256": trial.loaded.sha256, "canary": trial.canary,
            "shadow": trial.shadow, "why": why}  # fmt: skip


def build_app(server: Server, token: str) -> Guard:
    """The ASGI application; it starts and ends the server's threads with its own life."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(server.begin)
        yield
        server.end()

    app = FastAPI(title="Keepfit", version="1", lifespan=life, docs_url=None, redoc_url=None, redirect_slashes=False,
                  description=description(server.served), openapi_url="/openapi.json")  # fmt: skip
    app.add_exception_handler(HTTPException, _told)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _failed)
    _add_pages(app, server)
    refusals: dict[int | str, Any] = {status: {"model": Refusal} for status in (400, 401, 405, 408, 413, 415, 422, 503)}
    for name, routes in server.routes.items():
        common: dict[str, Any] = {"methods": ["POST"], "tags": [name]}
        app.add_api_route(f"/{name}/predict", routes.one, responses=refusals | {200: {"model": RowAnswer}},
                          operation_id=f"{name}_one", openapi_extra=row_body(routes.asked), **common)  # fmt: skip
        app.add_api_route(f"/{name}/predict/batch", routes.many, responses=refusals | {200: {"model": ManyAnswers}},
                          operation_id=f"{name}_many", openapi_extra=rows_body(routes.asked), **common)  # fmt: skip
    return Guard(app, token)


def _add_pages(app: FastAPI, server: Server) -> None:
    def health() -> Response:
        """Whether the process answers at all; the only page without a token."""
        return Response(b'{"status":"alive"}', media_type=_JSON)

    def ready() -> Response:
        """Whether every pipeline that has a champion answers, with which version, and what keeps others from it."""
        is_ready, told = server.state()
        return Response(orjson.dumps({"ready": is_ready, "pipelines": told}), 200 if is_ready else 503, None, _JSON)

    def metrics() -> Response:
        """For Prometheus."""
        return Response(server.metrics.page(server.served), media_type=CONTENT_TYPE)

    for path, page in {OPEN: health, "/ready": ready, "/metrics": metrics}.items():
        kind = PlainTextResponse if page is metrics else JSONResponse
        app.add_api_route(path, page, methods=["GET"], response_class=kind, tags=["server"],
                          responses={401: {"model": Refusal}, 503: {}})  # fmt: skip


async def _told(_: Request, error: HTTPException) -> Response:
    response = refusal(error.status_code, {404: "there is no such page", 405: "this method is not allowed here"}.get(
        error.status_code, "the request was not understood"))  # fmt: skip
    response.headers.update(error.headers or {})
    return response


async def _failed(_: Request, error: Exception) -> Response:
    return refusal(500, f"the server failed ({type(error).__name__})")
