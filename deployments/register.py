"""Registers deployments with a Prefect server so that what people edited in its UI survives.

What the deployments are belongs to `render.py`, who wins to `merge.py`, a single schedule to `slots.py`.
A deployment that has not changed is not written: each write makes Prefect drop and remake the runs it has planned.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployments.memory import Memory
from deployments.merge import Slot, merge
from deployments.render import WORK_POOL
from deployments.slots import apply, find, replan, slot_of, slot_of_file
from tasks.core.addresses import without_credentials
from tasks.core.errors import ConfigInvalid, ServerUnavailable

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse


@dataclass(frozen=True)
class Registered:
    """What became of one deployment: `created`, `updated` or `unchanged`; its schedule now; the edits kept."""

    deployment: str
    change: str
    schedule: str
    kept: tuple[str, ...] = ()
    wanted: str = "none"


def register(specs: Iterable[Mapping[str, Any]], *, reset: bool = False) -> list[Registered]:
    """Register deployments, given in the vocabulary of prefect.yaml; `reset`: the file's schedules win over the UI's.

    Raises:
        ConfigInvalid: a flow cannot be imported, or Prefect refuses a deployment.
        ServerUnavailable: no Prefect server answers.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        with get_client(sync_client=True) as client:
            ensure_work_pool(client)
            return [_register_one(client, spec, reset) for spec in specs]
    except PrefectHTTPStatusError as error:
        if error.response.is_server_error:
            raise ServerUnavailable(
                f"The Prefect server answered {error.response.status_code}; look at its log."
            ) from error
        raise ConfigInvalid(f"Prefect refused a deployment: {error.response.text:.500}") from error
    except httpx.TransportError as error:
        raise ServerUnavailable(
            f"No Prefect server answers at {without_credentials(str(client.api_url))} ({type(error).__name__}). "
            "Start one with `keepfit up`."
        ) from error


def ensure_work_pool(client: "SyncPrefectClient") -> None:
    """Create the work pool `keepfit` (type process) unless there is one with that name, of whatever type."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    try:
        client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        try:
            client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        except ObjectAlreadyExists:
            return


def _register_one(client: "SyncPrefectClient", spec: Mapping[str, Any], reset: bool) -> Registered:
    from prefect.exceptions import ObjectNotFound

    flow_name, fields = _fields(spec)
    name = f"{flow_name}/{spec['name']}"
    wanted = {entry["slug"]: slot_of_file(entry) for entry in spec["schedules"]}
    memory = Memory(client, spec["name"])
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound:
        _create(client, flow_name, spec["name"], fields, wanted)
        memory.remember(client.read_deployment_by_name(name), wanted)
        return Registered(name, "created", _tell(wanted.values()))
    changed = _update(client, deployment, fields)
    now: dict[str, Slot | None] = {}
    kept: list[str] = []
    for slug in sorted(wanted.keys() | memory.slugs(deployment)):
        last, server = memory.recall(deployment, slug), slot_of(find(deployment, slug))
        merged = merge(last, server, wanted.get(slug), reset=reset)
        changed |= apply(client, deployment, slug, merged)
        now[slug] = merged.slot
        kept += merged.kept
        memory.remember(deployment, {slug: merged.remember})
    return Registered(
        name, "updated" if changed else "unchanged", _tell(now.values()), tuple(kept), _tell(wanted.values())
    )


def _fields(spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of the flow and everything of the deployment but its schedules, as Prefect's API names it."""
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.callables import parameter_schema

    try:
        flow: Any = load_flow_from_entrypoint(spec["entrypoint"], use_placeholder_flow=False)
    except Exception as error:
        raise ConfigInvalid(
            f"The flow {spec['entrypoint']} cannot be loaded: {type(error).__name__}: {error}. "
            "Run this from the project's root, in its environment."
        ) from error
    limit = spec["concurrency_limit"]
    return flow.name, {
        "entrypoint": spec["entrypoint"],
        "description": spec["description"],
        "tags": list(spec["tags"]),
        "parameters": dict(spec["parameters"]),
        "work_pool_name": spec["work_pool"]["name"],
        "concurrency_limit": limit["limit"],
        "concurrency_options": {key: value for key, value in limit.items() if key != "limit"},
        "parameter_openapi_schema": parameter_schema(flow).model_dump(exclude_unset=True),
        "enforce_parameter_schema": True,
    }


def _create(
    client: "SyncPrefectClient", flow: str, name: str, fields: Mapping[str, Any], wanted: Mapping[str, Slot]
) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    schedules = [
        DeploymentScheduleCreate(schedule=slot.schedule, active=slot.active, slug=slug) for slug, slot in wanted.items()
    ]
    client.create_deployment(client.create_flow_from_name(flow), name, schedules=schedules, pull_steps=[], **fields)


def _update(client: "SyncPrefectClient", deployment: "DeploymentResponse", fields: Mapping[str, Any]) -> bool:
    """Write the fields that differ; returns whether there were any. Schedules are left alone."""
    from prefect.client.schemas.actions import DeploymentUpdate

    server = deployment.model_dump(mode="json")
    server["concurrency_limit"] = (server.get("global_concurrency_limit") or {}).get("limit")
    changes = {key: value for key, value in fields.items() if server.get(key) != value}
    if not changes:
        return False
    since = datetime.now(UTC)
    client.update_deployment(deployment.id, DeploymentUpdate(**changes))
    replan(client, deployment.id, since)
    return True


def _tell(slots: Iterable[Slot | None]) -> str:
    return "; ".join(str(slot) for slot in slots if slot) or "none"
