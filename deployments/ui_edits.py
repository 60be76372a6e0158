"""The build step of prefect.yaml that makes plain `prefect deploy` keep schedules edited or deleted in the Prefect UI.

Prefect overwrites a schedule with the file's before any step could stop it, so the step notes what the server has first
and puts the edits back when the command ends. `keepfit deploy` does not need it: it never overwrites.
"""

import atexit
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployments.memory import Memory
from deployments.merge import Slot, merge
from deployments.render import TAG
from deployments.slots import apply, replan, slot_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse


@dataclass(frozen=True)
class _Noted:
    at: datetime
    deployments: tuple["DeploymentResponse", ...]


_noted: list[_Noted] = []


def keep_ui_edits() -> None:
    """Called by Prefect before each deployment that it registers; only the first call of a command does something."""
    if _noted:
        return
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for deployment in deployed(client):
            for schedule in deployment.schedules:
                if not schedule.slug:
                    # A schedule without slug, made in the UI, would have Prefect throw away all of them and start over.
                    client.update_deployment_schedule(deployment.id, schedule.id, slug=f"ui-{schedule.id}")
        _noted.append(_Noted(datetime.now(UTC), tuple(deployed(client))))
    atexit.register(put_back)


def put_back() -> None:
    """Merge what was noted with what Prefect has deployed since; say on stderr which edits were kept."""
    from prefect.client.orchestration import get_client

    noted = _noted.pop()
    before = {deployment.id: deployment for deployment in noted.deployments}
    with get_client(sync_client=True) as client:
        for deployment in deployed(client):
            for edit in _settle(client, before.get(deployment.id), deployment):
                sys.stderr.write(
                    f"keepfit: kept the schedule {edit}. `keepfit deploy --reset-schedules` takes the file's.\n"
                )
            replan(client, deployment.id, noted.at)


def deployed(client: "SyncPrefectClient") -> list["DeploymentResponse"]:
    """All deployments of Keepfit on the server."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    found: list[DeploymentResponse] = []
    only_ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    while page := client.read_deployments(deployment_filter=only_ours, limit=200, offset=len(found)):
        found.extend(page)
    return found


def _settle(
    client: "SyncPrefectClient", noted: "DeploymentResponse | None", deployment: "DeploymentResponse"
) -> list[str]:
    memory, told = Memory(client, deployment.name), []
    before = {schedule.slug: slot_of(schedule) for schedule in noted.schedules} if noted else {}
    for schedule in deployment.schedules:
        slug, now = schedule.slug or "", slot_of(schedule)
        if now is None or not slug.endswith(f"-{deployment.name}"):
            continue
        if noted is None:
            memory.remember(deployment, {slug: now})
        elif before.get(slug) != now:
            last = memory.recall(deployment, slug)
            merged = merge(last, before.get(slug), _file_slot(last, before.get(slug), now))
            apply(client, deployment, slug, merged)
            memory.remember(deployment, {slug: merged.remember})
            told += [f"{slug}, {edit}" for edit in merged.kept]
    return told


def _file_slot(last: Slot | None, before: Slot | None, now: Slot) -> Slot:
    """What the file says, read from what Prefect made of it: where `active` is unsaid, a UI pause shines through."""
    if last is None or before is None or before.active != now.active:
        return now
    return replace(now, active=last.active)
