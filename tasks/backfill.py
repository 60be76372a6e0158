"""A backfill: what deliveries say by themselves is found out ahead, side by side, and comes out in their order.

Nothing is decided here: what a verdict needs of earlier deliveries is asked in the flow, one delivery after the other.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from itertools import islice, repeat
from typing import Any, Self

from prefect import task

from tasks.core.batches import Delivery, Suite
from tasks.core.columns import Column
from tasks.reading import Examined, examine
from tasks.retrying import STEP
from tasks.session import Session

# Imported before the first examination: two threads that import them at the same moment can meet half-imported ones.
_READING = ("great_expectations", "phonenumbers", "pyarrow.compute", "stdnum.iban")


# The answer holds rows: it goes from process to process, and (STEP) never into the results that Prefect stores.
@task(name="examine delivery", task_run_name="examine {delivery.name}", **STEP)
def examine_delivery(
    session: Session, delivery: Delivery, source: Any, columns: Sequence[Column], suite: Suite
) -> Examined:
    """What a delivery says by itself, beside no other; one that cannot be read is examined again in its turn."""
    return examine(session, delivery, source, columns, suite, ())


class Ahead:
    """Asks about deliveries ahead, as many as there are workers, in a task runner that starts when two are waiting."""

    def __init__(self, runner: Callable[[], Any] | None = None, workers: int = 1) -> None:
        self._runner, self._workers = runner, workers
        self._pool: Any = None
        self._end = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *how: Any) -> None:
        self._end.__exit__(*how)

    def in_turn(
        self, session: Session, deliveries: Iterator[Delivery], step: Any, given: Mapping[str, Any]
    ) -> Iterator[tuple[Delivery, Any]]:
        """Each delivery with what the step answers, in order; with None where it is alone, and is not asked ahead.

        No more answers than there are workers wait beside the one that was given last. What fails (a delivery that
        cannot be kept, a step) is raised in its turn, when all before it have been given.
        """
        if self._runner is None or self._workers == 1:
            yield from zip(deliveries, repeat(None))
            return
        told = {"session": session.for_reading(), **given}
        kept = _Kept(deliveries)
        first = kept.take(2)
        if len(first) == 1:
            yield first.pop(), None
        asked = deque(self._ask(step, told, one) for one in [*first, *kept.take(self._workers - len(first))])
        while asked:
            delivery, future = asked.popleft()
            answer = future.result()
            asked.extend(self._ask(step, told, one) for one in kept.take(1))
            yield delivery, answer
            del answer, future  # its rows need not be held while the next one is waited for
        kept.end()

    def _ask(self, step: Any, told: Mapping[str, Any], delivery: Delivery) -> tuple[Delivery, Any]:
        if self._pool is None and self._runner is not None:
            for package in _READING:
                import_module(package)
            self._pool = self._end.enter_context(self._runner())
        return delivery, self._pool.submit(step, parameters={**told, "delivery": delivery})


class _Kept:
    """Deliveries as they are kept one by one; what fails then is raised at the `end`."""

    def __init__(self, deliveries: Iterator[Delivery]) -> None:
        self._deliveries = deliveries
        self._failed: Exception | None = None

    def take(self, count: int) -> list[Delivery]:
        found: list[Delivery] = []
        try:
            for delivery in islice(self._deliveries, count):
                found.append(delivery)  # noqa: PERF402 - what was kept before one fails is found
        except Exception as error:  # noqa: BLE001 - whatever it is, those before it come first
            self._failed = error
        return found

    def end(self) -> None:
        if self._failed is not None:
            raise self._failed
