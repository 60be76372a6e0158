"""One part under watch: starting it, noticing that it died or fell silent, restarting it with growing pauses.

Decides about one part only; the order of parts and the state file are the supervisor's.
"""

import logging
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from config.settings import PROJECT
from deployments.stack.parts import Part
from deployments.stack.processes import end, family, find, identify
from deployments.stack.state import Health, PartState, ProcessId

_PAUSES = (0.5, 1, 2, 4, 8, 15, 30)
_STEADY = 60.0  # healthy for so long, a part starts again with the shortest pause
_STARTUP = 120.0  # a part may need so long for its first answer
_LOG_BYTES = 10_000_000

log = logging.getLogger("keepfit.stack")


@dataclass
class Watch:
    """A part, its process, and what the supervisor knows about it. Times are those of the monotonic clock."""

    part: Part
    home: Path
    hung_seconds: float
    process: subprocess.Popen[bytes] | None = None
    identity: ProcessId | None = None
    health: Health = "starting"
    failures: int = 0
    restarts: int = 0
    seconds: float | None = None
    _started: float = 0.0
    _answered: float = 0.0
    _healthy_since: float = 0.0
    _due: float = field(default=0.0)

    @property
    def log_path(self) -> Path:
        """The file that the part writes its output to."""
        return self.home / "logs" / f"{self.part.name}.log"

    def start(self) -> None:
        """Start the process in a session of its own, so that a Ctrl-C in the terminal reaches the supervisor only."""
        self._trim_log()
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                self.part.command,
                cwd=PROJECT,
                env=dict(self.part.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.identity = identify(self.process.pid)
        self.health = "starting"
        self._started = self._answered = time.monotonic()

    def observe(self, answered: bool, excused: bool) -> None:
        """Take in one look at the part. `excused`: what it depends on is down, so silence is not its fault."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._due:
                self.start()
        elif (code := self.process.poll()) is not None:
            self._plan_restart(f"ended by itself ({_describe(code)})")
        elif answered:
            self._note_answer(now)
        elif excused:
            self._answered = now
        else:
            self._note_silence(now)

    def state(self) -> PartState:
        """What `stack.json` says about this part."""
        return PartState(
            title=self.part.title,
            address=self.part.address,
            health=self.health,
            process=self.identity,
            restarts=self.restarts,
            seconds=self.seconds,
        )

    def _note_answer(self, now: float) -> None:
        if self.health != "healthy":
            if self.seconds is None or self.health == "starting":
                self.seconds = round(now - self._started, 1)
                log.info("%s is healthy after %.1f s", self.part.title, self.seconds)
            else:
                log.info("%s answers again", self.part.title)
            self._healthy_since = now
        elif now - self._healthy_since > _STEADY:
            self.failures = 0
            self._trim_log()
        self.health = "healthy"
        self._answered = now

    def _note_silence(self, now: float) -> None:
        if self.health == "healthy":
            self.health = "silent"
        silent = now - self._answered
        if silent > (_STARTUP if self.health == "starting" else self.hung_seconds):
            end(self._members, grace=5)
            self._plan_restart(f"did not answer for {silent:.0f} s and was ended")

    def _trim_log(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_BYTES:
            shutil.copyfile(self.log_path, self.log_path.with_suffix(".log.1"))
            os.truncate(self.log_path, 0)  # the part keeps the file open; it appends, so it goes on at the start

    def _plan_restart(self, what: str) -> None:
        end(self._members, grace=2)
        pause = _PAUSES[min(self.failures, len(_PAUSES) - 1)]
        self.failures += 1
        self.restarts += 1
        log.warning("%s %s; restarting it in %.1f s (log: %s)", self.part.title, what, pause, self.log_path)
        self.process = self.identity = None
        self.health = "restarting"
        self._due = time.monotonic() + pause

    def _members(self) -> list[psutil.Process]:
        """What to end before a restart: a server's children hold its port, a worker's are flow runs that may finish."""
        if self.part.name == "worker":
            worker = find(self.identity)
            return [worker] if worker else []
        return family(self.home, [self.identity], self.part.name)


def _describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
