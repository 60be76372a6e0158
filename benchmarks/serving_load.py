"""Load on a server: connections that are kept open, one request after the other on each, at the least cost per request.

A client library would take more of the shared processors than the server that is measured.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Outcome:
    """What became of requests: seconds of the good ones, the bodies that `keep` wants, and what failed how."""

    seconds: list[float] = field(default_factory=list)
    kept: list[tuple[Any, dict[str, Any], float, float]] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    cut: int = 0
    elapsed: float = 0.0

    def fail(self, why: str) -> None:
        self.failed[why] = self.failed.get(why, 0) + 1


@dataclass(frozen=True)
class Load:
    """`body(number)` is the row of a request; `down()` says that the server was killed on purpose just now."""

    url: str
    headers: dict[str, str]
    body: Callable[[int], dict[str, Any]]
    connections: int
    pause: float = 0.0
    keep: bool = False
    down: Callable[[], bool] = lambda: False

    async def run(self, is_over: Callable[[], bool]) -> Outcome:
        outcome, numbers, began = Outcome(), iter(range(10**9)), time.perf_counter()
        await asyncio.gather(*(self._connection(outcome, numbers, is_over) for _ in range(self.connections)))
        outcome.elapsed = time.perf_counter() - began
        return outcome

    async def _connection(self, outcome: Outcome, numbers: Any, is_over: Callable[[], bool]) -> None:
        streams = None
        while not is_over():
            asked = self.body(next(numbers))
            began = time.perf_counter()
            try:
                streams = streams or await self._open()
                status, body = await self._ask(streams, json.dumps(asked).encode())
            except (OSError, asyncio.IncompleteReadError) as error:
                if self.down():
                    outcome.cut += 1
                else:
                    outcome.fail(type(error).__name__)
                streams = None
                await asyncio.sleep(0.2)
                continue
            ended = time.perf_counter()
            if status == 200:
                outcome.seconds.append(ended - began)
                if self.keep:
                    outcome.kept.append((asked, json.loads(body), began, ended))
            else:
                outcome.fail(str(status))
            if self.pause:
                await asyncio.sleep(self.pause)
        if streams:
            streams[1].close()

    async def _open(self) -> Any:
        parts = urlsplit(self.url)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def _ask(self, streams: Any, body: bytes) -> tuple[int, bytes]:
        reader, writer = streams
        parts = urlsplit(self.url)
        fixed = {"host": parts.netloc, "content-type": "application/json", "content-length": str(len(body))}
        lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in (fixed | self.headers).items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return int(head[9:12]), await reader.readexactly(length)


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of them lie; nan without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
