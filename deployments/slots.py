"""One schedule on the Prefect server: reading it as a slot, changing it in place, planning its runs anew.

In place, because Prefect recognises planned runs by the schedule's id: a schedule made anew would run a slot twice.
Who wins belongs to `merge.py`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from deployments.merge import Merged, Slot

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse


def apply(client: "SyncPrefectClient", deployment: "DeploymentResponse", slug: str, merged: Merged) -> bool:
    """Bring one schedule of the server to what was decided, changing it in place; returns whether it wrote anything."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    found, slot, since = find(deployment, slug), merged.slot, datetime.now(UTC)
    before = slot_of(found)
    if before == slot:
        return False
    if slot is None:
        if found is not None:
            client.delete_deployment_schedule(deployment.id, found.id)
    elif found is None or before is None:
        create = DeploymentScheduleCreate(schedule=slot.schedule, active=slot.active, slug=slug)
        client.create_deployment_schedules(deployment.id, [create])
    else:
        client.update_deployment_schedule(
            deployment.id,
            found.id,
            active=slot.active if slot.active != before.active else None,
            schedule=slot.schedule if slot.timing != before.timing else None,
        )
    replan(client, deployment.id, since)
    return True


def replan(client: "SyncPrefectClient", deployment: "UUID", since: datetime) -> None:
    """Have Prefect plan the runs due from `since` on; a slot that has a run already gets no second one.

    Each write drops the planned runs and Prefect's scheduler plans again from its own next pass on: a slot in between
    would never run.
    """
    start = {"start_time": since.isoformat()}
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment}, json=start)


def find(deployment: "DeploymentResponse", slug: str) -> "DeploymentSchedule | None":
    """The schedule with that slug; None when the server has none."""
    return next((schedule for schedule in deployment.schedules if schedule.slug == slug), None)


def slot_of(schedule: "DeploymentSchedule | None") -> Slot | None:
    """A schedule of the server as a slot."""
    return None if schedule is None else Slot(timing_of(schedule.schedule), schedule.active, schedule.schedule)


def timing_of(schedule: Any) -> str:
    """Comparable, readable text of a Prefect schedule: the same text for the same slots."""
    zone = schedule.timezone or "UTC"
    if hasattr(schedule, "cron"):
        return f"cron {schedule.cron} {zone}" + ("" if schedule.day_or else " (day and weekday)")
    if hasattr(schedule, "interval"):
        anchor = schedule.anchor_date.astimezone(UTC)
        return f"every {schedule.interval.total_seconds():g} s from {anchor:%Y-%m-%dT%H:%M:%S} {zone}"
    return f"rrule {' '.join(schedule.rrule.split())} {zone}"


def slot_of_file(entry: Mapping[str, Any]) -> Slot:
    """A schedule in the vocabulary of prefect.yaml as a slot."""
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    schedule: CronSchedule | IntervalSchedule
    if "cron" in entry:
        schedule = CronSchedule(cron=entry["cron"], timezone=entry["timezone"])
    else:
        schedule = IntervalSchedule(
            interval=timedelta(seconds=entry["interval"]),
            anchor_date=datetime.fromisoformat(entry["anchor_date"]),
            timezone=entry["timezone"],
        )
    return Slot(timing_of(schedule), entry.get("active", True), schedule)
