"""Starting and stopping a stack from the outside: what `keepfit up` and `down`, the demo and the tests use.

Talks to the supervisor through its state file and signals only.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from config.settings import PROJECT, Settings, environment, is_locked
from deployments.stack.ending import end_parts
from deployments.stack.processes import find
from deployments.stack.state import ALREADY_RUNNING, StackState, read_state, try_lock
from tasks.core.errors import ServerUnavailable

_STOP_SECONDS = 30.0  # then a supervisor that does not react is killed
_TICK = 0.1


@dataclass(frozen=True)
class StackInfo:
    """A stack that is up. `seconds`: from the start to all parts healthy; `ours`: this call started it."""

    prefect_url: str
    prefect_api_url: str
    mlflow_url: str
    evidently_url: str
    pids: Mapping[str, int]
    seconds: float
    ours: bool


class Stack:
    """The stack of one home, seen from outside. `ports` (by part name) must be free; others are found."""

    def __init__(self, settings: Settings, ports: Mapping[str, int] | None = None) -> None:
        self.settings = settings
        self.home = settings.home
        self._ports = dict(ports or {})
        self._supervisor: subprocess.Popen[bytes] | None = None

    def state(self) -> StackState:
        """What is known now; phase `stopped` when no supervisor lives, whatever the file says."""
        state = read_state(self.home)
        lives = is_locked(self.home) and find(state.supervisor) is not None
        return state if lives else state.model_copy(update={"phase": "stopped"})

    def start(self, detach: bool = False, on_change: Callable[[StackState], None] | None = None) -> StackInfo:
        """Start all parts and wait until they are healthy. An already running stack is returned as it is.

        Unless `detach`, the stack ends when the calling process ends, however that happens.
        `on_change` sees every state on the way. Raises ServerUnavailable or ConfigInvalid (a port that was asked for
        is taken) when it does not come up; then nothing is left running.
        """
        self.settings.open_home()
        supervisor = self._supervisor = None if is_locked(self.home) else self._launch(detach)
        while True:
            state = self.state()
            if on_change:
                on_change(state)
            if state.phase == "ready":
                return self._info(state, ours=supervisor is not None)
            if supervisor is not None and (code := supervisor.poll()) is not None:
                if code != ALREADY_RUNNING:
                    raise ServerUnavailable(self._why(code))
                supervisor = None
            elif supervisor is None and not is_locked(self.home):
                raise ServerUnavailable("the stack that was starting has ended; run `keepfit up` again")
            time.sleep(_TICK)

    def stop(self) -> int:
        """End everything that belongs to the stack of this home and say how many parts or orphans there were.

        Works without a supervisor, too (it was killed): then what it had recorded and marked is ended.
        Raises ServerUnavailable when something cannot be ended.
        """
        if not self.home.is_dir():
            return 0
        begun = time.monotonic()
        parts = 0
        while (elapsed := time.monotonic() - begun) < 2 * _STOP_SECONDS:
            with try_lock(self.home) as held:
                if held:
                    self._reap()
                    return parts + end_parts(self.home, read_state(self.home))
            state = read_state(self.home)
            parts = parts or len(state.parts)
            if supervisor := find(state.supervisor):
                self._tell(supervisor, state, elapsed)
            time.sleep(_TICK)
        raise ServerUnavailable(f"the stack of {self.home} does not end; see the logs in {self.log_path.parent}")

    def _tell(self, supervisor: psutil.Process, state: StackState, elapsed: float) -> None:
        with suppress(psutil.NoSuchProcess):
            if elapsed > _STOP_SECONDS:
                supervisor.kill()
            elif state.phase != "stopping":
                supervisor.terminate()

    def _reap(self) -> None:
        if self._supervisor is not None:
            self._supervisor.wait(timeout=_STOP_SECONDS)

    @property
    def log_path(self) -> Path:
        """What the supervisor said: starts, deaths, restarts."""
        return self.home / "logs" / "stack.log"

    def _launch(self, detach: bool) -> "subprocess.Popen[bytes]":
        self.log_path.parent.mkdir(mode=0o700, exist_ok=True)
        owner = [] if detach else ["--owner", str(os.getpid())]
        command = [sys.executable, "-m", "deployments.stack.supervisor", "--asked", json.dumps(self._ports), *owner]
        variables = os.environ | environment(self.settings, {})
        path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
        with self.log_path.open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=self.home,
                env=variables | {"PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _why(self, code: int) -> str:
        reason = read_state(self.home).reason
        return reason or f"the stack ended while starting (exit code {code}); the reason is in {self.log_path}"

    def _info(self, state: StackState, ours: bool) -> StackInfo:
        urls = state.elsewhere | state.addresses
        return StackInfo(
            prefect_url=urls["prefect"].removesuffix("/api"),
            prefect_api_url=urls["prefect"],
            mlflow_url=urls["mlflow"],
            evidently_url=urls["evidently"],
            pids={name: part.process.pid for name, part in state.parts.items() if part.process},
            seconds=state.seconds or 0.0,
            ours=ours,
        )


@contextmanager
def running_stack(settings: Settings, ports: Mapping[str, int] | None = None) -> Iterator[StackInfo]:
    """A stack for the length of a `with` block; one that ran before is used and left running."""
    stack = Stack(settings, ports)
    info = stack.start()
    try:
        yield info
    finally:
        if info.ours:
            stack.stop()
