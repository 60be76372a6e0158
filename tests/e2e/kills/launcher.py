"""A process that has imported every flow and vendor once, and forks a real process for each thing that is to be done.

Reads one JSON request per line, answers with the number of the process, then with how it ended. `Launcher` talks to it.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path
from queue import Queue
from threading import Lock, Thread
from typing import Any, TextIO

PROJECT = Path(__file__).parents[3]
PRELOADED = (
    "flows.cycle", "flows.training", "flows.reconciliation", "deployments.register", "deployments.render",
    "great_expectations", "evidently", "evidently.metrics", "evidently.ui.workspace", "mlflow", "mlflow.sklearn",
    "deltalake", "optuna", "skops.io", "sklearn.ensemble", "sklearn.inspection", "matplotlib.pyplot", "pyarrow.dataset",
    "sqlalchemy", "tests.e2e.kills.steps",
)  # fmt: skip

# Starting a process looks at how the others ended; done at the same time from two threads, an exit code is lost.
_FORKING = Lock()


@dataclass(frozen=True)
class Ended:
    """How a forked process ended: its exit code (negative: the signal), what it returned, and what it said."""

    code: int
    result: Any
    output: str


@dataclass
class Started:
    """A process at work; `wait` gives its end."""

    pid: int
    _answers: "Queue[dict[str, Any]]" = field(repr=False)

    def wait(self, seconds: float = 700) -> Ended:
        answer = self._answers.get(timeout=seconds)
        return Ended(answer["code"], answer["result"], answer["output"])


class Launcher:
    """Asks the launching process for work; safe for threads."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = Lock()
        self._numbers = count()
        self._answers: dict[int, Queue[dict[str, Any]]] = {}
        Thread(target=self._listen, daemon=True).start()

    def start(self, step: str, environment: Mapping[str, str] | None = None, **arguments: Any) -> Started:
        """Call `tests.e2e.kills.steps.<step>(**arguments)` in a process of its own with these variables set."""
        number, answers = next(self._numbers), Queue[dict[str, Any]]()
        request = {"number": number, "step": step, "environment": dict(environment or {}), "arguments": arguments}
        with self._lock:
            self._answers[number] = answers
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return Started(answers.get(timeout=120)["pid"], answers)

    def run(self, step: str, environment: Mapping[str, str] | None = None, **arguments: Any) -> Ended:
        return self.start(step, environment, **arguments).wait()

    def ask(self, step: str, **arguments: Any) -> Any:
        """Run a step that must end well and give its result."""
        ended = self.run(step, **arguments)
        assert ended.code == 0, f"{step}({arguments}) ended with {ended.code}:\n{ended.output[-6000:]}"
        return ended.result

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            self._answers[answer["number"]].put(answer)


@contextmanager
def launcher(environment: Mapping[str, str]) -> Iterator[Launcher]:
    """The launching process for the length of a block; it ends with its forked processes."""
    command = [sys.executable, "-m", "tests.e2e.kills.launcher"]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Launcher(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def main() -> None:
    from config.settings import apply_environment, load_settings

    apply_environment(load_settings())  # before Prefect is imported
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints must not stand between the answers
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    lock, running = Lock(), []
    for line in sys.stdin:
        request = json.loads(line)
        with _FORKING:
            process, folder = _begin(context, request)
        running.append(process)
        _say(answers, lock, {"number": request["number"], "pid": process.pid})
        Thread(target=_await, args=(process, request["number"], folder, lambda a: _say(answers, lock, a))).start()
    for process in running:
        process.kill()


def _begin(context: Any, request: Mapping[str, Any]) -> tuple[Any, Path]:
    folder = Path(tempfile.mkdtemp(prefix="kills-", dir=os.environ["KEEPFIT_HOME"]))
    arguments = (request["step"], request["arguments"], request["environment"], str(folder))
    process = context.Process(target=_work, args=arguments)
    process.start()
    return process, folder


def _await(process: Any, number: int, folder: Path, say: Callable[[dict[str, Any]], None]) -> None:
    wait([process.sentinel])
    with _FORKING:
        process.join()
    result, output = folder / "result.json", folder / "output"
    say({
        "number": number, "code": process.exitcode,
        "result": json.loads(result.read_text()) if result.is_file() else None,
        "output": output.read_text(errors="replace") if output.is_file() else "",
    })  # fmt: skip


def _say(answers: TextIO, lock: Any, answer: dict[str, Any]) -> None:
    with lock:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _work(step: str, arguments: dict[str, Any], environment: dict[str, str], folder: str) -> None:
    with Path(folder, "output").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.update(environment)
    try:
        result = getattr(import_module("tests.e2e.kills.steps"), step)(**arguments)
    except Exception:
        traceback.print_exc()
        raise
    Path(folder, "result.json").write_text(json.dumps(result, default=str))


if __name__ == "__main__":
    main()
