"""Stands for Prefect's task runners, which need a server: the executors that they have beneath, and what was asked."""

import importlib
import multiprocessing
import threading
import weakref
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import cloudpickle


def work(packed: bytes) -> bytes:
    """In the other process: call a task's function; to and fro with Prefect's own pickler."""
    module, name, parameters = cloudpickle.loads(packed)
    return cloudpickle.dumps(getattr(importlib.import_module(module), name).fn(**parameters))


class Unpacked(Future[Any]):
    """What another process answered, as Prefect unpacks it."""

    def __init__(self, packed: "Future[bytes]") -> None:
        super().__init__()
        packed.add_done_callback(self._unpack)

    def _unpack(self, packed: "Future[bytes]") -> None:
        if error := packed.exception():
            self.set_exception(error)
        else:
            self.set_result(cloudpickle.loads(packed.result()))


@dataclass
class Pool:
    """A task runner of so many workers; deliveries `after` others wait for their answers, `failing` ones end so.

    `held`: at each asking, how many deliveries are asked about or their answers in memory, this one among them.
    """

    kind: str = "threads"
    workers: int = 2
    after: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    started: int = 0
    ended: int = 0
    _waiting: int = 0
    _answers: "list[weakref.ref[Any]]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self._after = {name: threading.Event() for name in self.after}

    def __call__(self, _runner: Any) -> "Pool":
        return self

    def __enter__(self) -> "Pool":
        self.started += 1
        spawned = multiprocessing.get_context("spawn")
        self._executor: ThreadPoolExecutor | ProcessPoolExecutor = (
            ThreadPoolExecutor(self.workers)
            if self.kind == "threads"
            else ProcessPoolExecutor(self.workers, mp_context=spawned)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)
        self.ended += 1

    def submit(self, task: Any, parameters: dict[str, Any]) -> "Future[Any]":
        name = parameters["delivery"].name
        self.asked.append(name)
        self._waiting += 1
        self.held.append(self._waiting + sum(answer() is not None for answer in self._answers))
        if self.kind == "threads":
            future = self._executor.submit(self._here, task, parameters, name)
        else:
            packed = cloudpickle.dumps((task.fn.__module__, task.fn.__name__, parameters))
            future = Unpacked(self._executor.submit(work, packed))
        future.add_done_callback(self._note)
        return future

    def _here(self, task: Any, parameters: dict[str, Any], name: str) -> Any:
        if name in self.after and not self._after[name].wait(300):
            raise TimeoutError(f"{self.after[name]} was not answered while {name} waited for it")
        if name in self.failing:
            raise self.failing[name]
        found = task.fn(**parameters)
        self.answered.append(name)
        for waiting, other in self.after.items():
            if other == name:
                self._after[waiting].set()
        return found

    def _note(self, future: "Future[Any]") -> None:
        if not future.cancelled() and not future.exception():
            self._answers.append(weakref.ref(future.result()))
        self._waiting -= 1
