"""The one retry rule: transient errors are tried again, everything else is not. Flows themselves are never retried."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from tasks.adapters import stored_results
from tasks.core.errors import TransientError

RETRIES = 3
RETRY_SECONDS = [1, 3, 9]
_Answer = TypeVar("_Answer")


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the failure may go away by itself; the condition that every task of ours is made with."""
    try:
        state.result()
    except TransientError:
        return True
    except BaseException:  # noqa: BLE001 - any other failure is final, whatever it is
        return False
    return False


def tried_again(call: Callable[[], _Answer], final: type[Exception] | tuple[()] = ()) -> _Answer:
    """The rule for a call that is no task of its own; `final`: what here is an answer, though it is transient."""
    for pause in RETRY_SECONDS:
        try:
            return call()
        except final:
            raise
        except TransientError:
            time.sleep(pause)
    return call()


def _key_of(_context: object, parameters: dict[str, Any]) -> str:
    key = str(parameters["key"])
    stored_results.distrust(key)
    return key


STEP: dict[str, Any] = {
    # Arguments hold tables: hashing them to find an earlier result would cost more than most steps.
    "cache_policy": NO_CACHE,
    "retries": RETRIES,
    "retry_delay_seconds": RETRY_SECONDS,
    "retry_condition_fn": is_transient,
}

CACHED: dict[str, Any] = {
    # Found again by the parameter `key`, in whatever run: such a step is never done twice.
    **{name: option for name, option in STEP.items() if name != "cache_policy"},
    "cache_key_fn": _key_of,
    "persist_result": True,
    "result_serializer": "json",
}
