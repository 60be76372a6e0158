"""The process that owns a stack: starts all parts, watches them, restarts what dies, ends everything when told to.

Run as `python -m deployments.stack.supervisor`; people use `keepfit up` and `keepfit down` (`control.py`).
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from config.settings import Settings, load_settings
from deployments.stack.ending import end_parts
from deployments.stack.health import answers
from deployments.stack.parts import SERVERS, build_parts, needed, served
from deployments.stack.ports import choose_ports
from deployments.stack.processes import find, identify
from deployments.stack.state import ALREADY_RUNNING, Phase, ProcessId, StackState, read_state, try_lock, write_state
from deployments.stack.watch import Watch
from tasks.core.addresses import without_credentials
from tasks.core.errors import KeepfitError, ServerUnavailable

_FOLDERS = ("logs", "tmp", "prefect/results", "mlflow/artifacts", "evidently")
_FAILED_STARTS = 3
_START_SECONDS = 180.0
_LIVELY = ("starting", "ready", "stopping")

log = logging.getLogger("keepfit.stack")


class Supervisor:
    """All parts of one home. `run` returns when it was told to stop, or when the owner is gone."""

    def __init__(self, settings: Settings, asked: Mapping[str, int], owner: ProcessId | None) -> None:
        self.settings = settings
        self.home = settings.home
        self.asked = asked
        self.owner = owner
        self.stopping = threading.Event()
        self.watches: list[Watch] = []
        self.state = StackState()
        self._begun = time.monotonic()

    def run(self) -> int:
        """Start, watch, end. Returns the exit status: 0 when stopped on request, 1 when the stack could not start."""
        failure = ""
        try:
            self._prepare()
            with ThreadPoolExecutor(len(self.watches) + 1) as pool:
                while not self.stopping.wait(2.0 if self.state.phase == "ready" else 0.1):
                    self._look(pool)
        except KeepfitError as error:
            failure = str(error)
            log.error("%s", failure)  # noqa: TRY400 - a message for people; a traceback says nothing more
        self._write("stopping")
        ended = end_parts(self.home, self.state)
        log.info("everything ended (%d processes)", ended)
        self.state = StackState(ports=self.state.ports, supervisor=self.state.supervisor, reason=failure)
        self._write("failed" if failure else "stopped")
        return 1 if failure else 0

    def stop(self, reason: str) -> None:
        """Ask the supervisor to end everything; safe to call from a signal handler."""
        if not self.stopping.is_set():
            log.info("ending everything: %s", reason)
        self.stopping.set()

    def _prepare(self) -> None:
        previous = read_state(self.home)
        if orphans := end_parts(self.home, previous):
            log.warning("ended %d process(es) that an earlier stack left behind", orphans)
        self.state = StackState(supervisor=identify(os.getpid()), ports=previous.ports)
        for folder in _FOLDERS:
            (self.home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        names = needed(self.settings)
        if useless := sorted(set(self.asked) - set(names)):
            log.warning("port for %s not used: its address is set in the environment", ", ".join(useless))
        asked = {name: port for name, port in self.asked.items() if name in names}
        ports = choose_ports(self.home, names, asked, previous.ports)
        given = {name: url for name in SERVERS if (url := self.settings.given(name))}
        self.state = self.state.model_copy(
            update={
                "ports": previous.ports | ports,
                "addresses": served(self.settings, ports),
                "elsewhere": {name: without_credentials(url) for name, url in given.items()},
            }
        )
        parts = build_parts(self.settings, ports)
        self.watches = [Watch(part, self.home, self.settings.hung_seconds) for part in parts]
        for watch in self.watches:
            watch.start()
        self._write("starting")

    def _look(self, pool: ThreadPoolExecutor) -> None:
        if self.owner is not None and find(self.owner) is None:
            return self.stop("the process that started the stack is gone")
        given = self.settings.given("prefect")
        questions = [given + "/health"] if given else []
        replies = list(pool.map(answers, questions + [watch.part.health for watch in self.watches]))
        # The first question is Prefect's, whoever runs it: while it is down, the worker is silent without fault.
        prefect_answers, own = replies[0], replies[len(questions) :]
        for watch, answered in zip(self.watches, own, strict=True):
            watch.observe(answered, excused=watch.part.name == "worker" and not prefect_answers)
        self._write(self._judge_start() if self.state.phase == "starting" else self.state.phase)
        return None

    def _judge_start(self) -> Phase:
        elapsed = time.monotonic() - self._begun
        waiting = [watch for watch in self.watches if watch.health != "healthy"]
        if not waiting:
            self.state = self.state.model_copy(update={"seconds": round(elapsed, 1)})
            log.info("all parts are healthy after %.1f s", elapsed)
            return "ready"
        for watch in waiting:
            if watch.failures >= _FAILED_STARTS or elapsed > _START_SECONDS:
                raise ServerUnavailable(
                    f"{watch.part.title} did not start ({watch.failures} failed starts in {elapsed:.0f} s); "
                    f"the reason is at the end of {watch.log_path}"
                )
        return "starting"

    def _write(self, phase: Phase) -> None:
        parts = {watch.part.name: watch.state() for watch in self.watches} if phase in _LIVELY else {}
        fresh = self.state.model_copy(update={"phase": phase, "parts": parts})
        if fresh != self.state:
            write_state(self.home, fresh)
        self.state = fresh


def main() -> int:
    """Run a supervisor for the home in the environment; a second one for the same home leaves with ALREADY_RUNNING."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--asked", type=json.loads, default={})
    parser.add_argument("--owner", type=int)
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%F %T")
    settings = load_settings().open_home()
    owner = identify(arguments.owner) if arguments.owner else None
    with try_lock(settings.home) as held:
        if not held:
            return ALREADY_RUNNING
        supervisor = Supervisor(settings, arguments.asked, owner)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: supervisor.stop(f"received {signal.Signals(received).name}"))
        return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
