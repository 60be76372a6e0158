"""What Prometheus reads of the server: requests, rows, seconds, versions, and whether the champion answers."""

import time
from collections import Counter as Counted
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from deployments.serving.following import Follower
from deployments.serving.rounds import Given, Rounds

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass
class Outcome:
    """The status that a request ended with; 500 until it is known."""

    status: int = 500


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter("keepfit_requests", "Requests.", ("pipeline", "status"), registry=registry)
        self._rows = Counter("keepfit_rows", "Rows answered or refused.", ("pipeline", "version", "outcome"),
                             registry=registry)  # fmt: skip
        self._outside = Counter("keepfit_rows_outside", "Rows with a value outside the training data.", ("pipeline",),
                                registry=registry)  # fmt: skip
        self._seconds = Histogram("keepfit_request_seconds", "Seconds of a request.", ("pipeline",), buckets=_SECONDS,
                                  registry=registry)  # fmt: skip
        self._gauges = {
            name: Gauge(f"keepfit_{name}", told, ("pipeline",), registry=registry)
            for name, told in {
                "version": "The version that answers; 0: none.",
                "champion": "The champion by the journal; 0: none.",
                "registry_answers": "Whether MLflow answered when last asked.",
                "current": "Whether the version that answers is the champion.",
                "log_kept": "Whether the disk took everything of the log of answers when last asked.",
                "rounds": "Rounds of scoring so far.",
                "score_seconds": "Seconds spent scoring so far.",
                "log_seconds": "Seconds spent writing answers down so far.",
                "challenger": "The version that is on trial beside the champion; 0: none.",
                "canary_share": "The share of the rows that it answers now.",
                "canary_fell_back": "Rows of its share so far that the champion answered, because it had no answer.",
                "shadow_rows": "Rows that were scored in silence so far.",
                "shadow_dropped": "Rows that could not be scored in silence so far, because too many waited.",
                "shadow_failed": "Rows that it could not score in silence so far.",
                "shadow_seconds": "Seconds spent scoring in silence so far.",
            }.items()
        }

    @contextmanager
    def request(self, pipeline: str) -> Iterator[Outcome]:
        """Count and time one request."""
        outcome, began = Outcome(), time.perf_counter()
        try:
            yield outcome
        finally:
            self._requests.labels(pipeline, outcome.status).inc()
            self._seconds.labels(pipeline).observe(time.perf_counter() - began)

    def answered(self, pipeline: str, given: Given) -> None:
        """Count the rows of one request."""
        outcomes = Counted((one.version, "answered" if one.refused is None else "refused") for one in given.answers)
        for (version, outcome), rows in outcomes.items():
            self._rows.labels(pipeline, version, outcome).inc(rows)
        if marked := sum(bool(answer.outside) for answer in given.answers):
            self._outside.labels(pipeline).inc(marked)

    def page(self, served: dict[str, tuple[Follower, Rounds]]) -> bytes:
        """The page that Prometheus reads."""
        for name, (follower, rounds) in served.items():
            current, standing = follower.current, follower.standing
            values = {
                "version": current.number if current else 0, "champion": standing.champion or 0,
                "registry_answers": standing.registry_answers, "current": not standing.why,
                "log_kept": not rounds.log.fault, "rounds": rounds.rounds,
                "score_seconds": rounds.score_seconds, "log_seconds": rounds.log_seconds,
                "canary_fell_back": rounds.canary.fell_back, "shadow_rows": rounds.shadow.scored,
                "shadow_dropped": rounds.shadow.dropped, "shadow_failed": rounds.shadow.failed,
                "shadow_seconds": rounds.shadow.seconds,
            }  # fmt: skip
            trial = follower.trying.current
            values |= {"challenger": trial.loaded.number, "canary_share": trial.canary} if trial else \
                {"challenger": 0, "canary_share": 0}  # fmt: skip
            for key, value in values.items():
                self._gauges[key].labels(name).set(float(value))
        return bytes(generate_latest(self._registry))
