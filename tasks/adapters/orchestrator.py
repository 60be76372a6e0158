"""Prefect's API: start a retraining once per token, list and end flow runs. Events are for people, not decisions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tasks.adapters import processes
from tasks.core.errors import NotFound, ServerUnavailable

FLOWS = (
    "ingestion", "training", "promotion", "scoring", "monitoring", "cycle", "reconciliation", "rollback", "release",
    "simulation", "staleness", "erasure",
)  # fmt: skip

_PROCESS = "keepfit.process"


@dataclass(frozen=True)
class FlowRun:
    """A flow run as Prefect tells it; its state is a claim, not a fact. `process` is what the run signed with."""

    id: str
    name: str
    started_at: datetime | None
    process: str


def start_training(pipeline: str, token: str, reason: str, as_of: datetime | None, *, on_demand: bool = False) -> str:
    """Start the training deployment; the same token gives the same run however often it is asked for.

    `on_demand`: as a person would start it, so that it answers no breach and nothing holds it back.
    Inside a flow the run is linked to it, so that Prefect shows who started it.

    Raises:
        NotFound: the deployment is not registered.
        ServerUnavailable: Prefect did not answer.
    """
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    with answering("did not take the retraining, which is decided and will be sent again"):
        try:
            run: Any = run_deployment(
                f"training/{pipeline}",
                parameters={"pipeline": pipeline, "reason": reason, "token": None if on_demand else token,
                            "as_of": as_of.isoformat() if as_of else None},
                idempotency_key=token,
                timeout=0,
                tags=["keepfit", pipeline, "triggered"],
            )  # fmt: skip
        except (ObjectNotFound, ValueError) as error:
            raise NotFound(
                f"The deployment training/{pipeline} is not registered with Prefect ({type(error).__name__}), so the "
                f"retraining was decided and not started. Run `keepfit deploy {pipeline}`; reconciliation then starts "
                "it."
            ) from error
    return str(run.id)


def answers() -> bool:
    """Whether a Prefect server is known and answers at all, found out in two seconds; Prefect is not imported."""
    import httpx

    try:
        found = httpx.get(f"{os.environ['PREFECT_API_URL']}/health", timeout=2, trust_env=False)
    except (KeyError, httpx.HTTPError):
        return False
    return found.is_success


def sign_flow_run(run_id: str) -> None:
    """Write onto a flow run which process works on it, so that a dead one can be told at once.

    Raises:
        ServerUnavailable: Prefect did not answer.
    """
    from prefect.client.orchestration import get_client

    with answering("did not take the name of this run's process"), get_client(sync_client=True) as client:
        client.update_flow_run_labels(UUID(run_id), {_PROCESS: processes.own()})


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turn Prefect's and the connection's errors into ServerUnavailable; `what` Prefect did not do."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (httpx.HTTPError, PrefectException, OSError) as error:
        raise ServerUnavailable(
            f"Prefect {what} ({type(error).__name__}). Check `keepfit status` and run again."
        ) from error


def running_flow_runs(pipeline: str) -> list[FlowRun]:
    """Keepfit's flow runs of a pipeline that Prefect calls Running. Raises ServerUnavailable."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
    from prefect.client.schemas.filters import FlowRunFilterStateType as StateFilter
    from prefect.client.schemas.objects import StateType

    with answering("did not list its running flow runs"), get_client(sync_client=True) as client:
        named = FlowFilter(name=FlowFilterName(any_=list(FLOWS)))
        running = FlowRunFilter(state=FlowRunFilterState(type=StateFilter(any_=[StateType.RUNNING])))
        found = client.read_flow_runs(flow_filter=named, flow_run_filter=running, limit=200)
    mine = [run for run in found if run.parameters.get("pipeline") == pipeline]
    return [FlowRun(str(run.id), run.name, run.start_time, str(run.labels.get(_PROCESS, ""))) for run in mine]


def crash_flow_run(run_id: str, why: str) -> None:
    """End a flow run whose process is gone, as Crashed, with the reason. Raises ServerUnavailable."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import State, StateType

    with answering("did not end a dead flow run"), get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run_id), State(type=StateType.CRASHED, name="Crashed", message=why), force=True)
