"""How runs are called in the Prefect UI, and where a run stands: its id, and whether it is a step of another flow."""

from datetime import UTC, datetime

from prefect.context import FlowRunContext
from prefect.runtime import flow_run


def run_name() -> str:
    """Pipeline and moment, for example `subscriptions as of 2025-03-01`."""
    parameters = flow_run.get_parameters() or {}
    as_of = parameters.get("as_of") or datetime.now(UTC)
    moment = datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    version = f" version {parameters['version']}" if "version" in parameters else ""
    return f"{parameters.get('pipeline')}{version} as of {moment:%Y-%m-%d %H:%M}"


def run_id() -> str:
    """Id of the current flow run: the holder of its leases."""
    return str(flow_run.get_id())


def is_step() -> bool:
    """Whether this flow runs inside another one of ours, which has reconciled already."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return bool(run and run.parent_task_run_id and not run.deployment_id)


def flow_name() -> str | None:
    """Name of the flow that runs here; None outside of a run. No server is asked."""
    context = FlowRunContext.get()
    return context.flow.name if context and context.flow else None
