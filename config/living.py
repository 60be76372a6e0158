"""What a pipeline's file lets expect of it: the signs of life with their limits, and runs that Prefect has planned."""

from datetime import UTC, datetime

from config.load import pipeline_path
from config.schedules import slot_before_last
from config.schema import PipelineConfig
from config.settings import Settings
from tasks.adapters.planned import count_runs
from tasks.core.errors import KeepfitError
from tasks.core.heartbeat import LATE, MaxAge, Planned, Sign, due
from tasks.living import Life

_STAGES = ("cycle", "reconciliation")


def signs_of(config: PipelineConfig, settings: Settings, limits: MaxAge, life: Life, now: datetime) -> list[Sign]:
    """The pipeline's signs of life. A stage that never finished is waited for since the file was last changed."""
    changed = datetime.fromtimestamp(pipeline_path(config.pipeline, settings).stat().st_mtime, UTC)
    signs = []
    for stage in _STAGES:
        schedule = config.schedules.for_flow(stage)
        slot = slot_before_last(schedule, now) if schedule else None
        since, seen = due(getattr(limits, stage), slot, now), life.finished.get(stage)
        if seen is None and since is not None:
            began = max(filter(None, (changed, life.last_entry)))
            # Young enough to be waited for: nothing is missed yet.
            since = since if since > began else None
        at_work = (
            f"A run holds it now: {life.busy[stage]}; it may hang" if stage in life.busy else "Nothing runs it now"
        )
        signs.append(Sign(stage, seen, since, at_work))
    return [
        *signs,
        Sign("model", life.promoted, due(limits.model, None, now), "The champion is old: see `keepfit decisions`"),
        Sign("data", life.newest_event, due(limits.data, None, now), "Nothing newer was accepted: look at the source"),
        Sign("labels", life.newest_labels, due(limits.labels, None, now), "No labels came: look at their source"),
    ]


def planned_of(config: PipelineConfig, settings: Settings, now: datetime) -> Planned | None:
    """What Prefect has planned for the pipeline; None where no server is known: then nobody can be asked."""
    scheduled = any(
        schedule is not None and schedule.active
        for schedule in map(config.schedules.for_flow, type(config.schedules).model_fields)
    )
    try:
        address = settings.prefect_api_url()
    except KeepfitError:
        return None
    try:
        planned, late = count_runs(address, config.pipeline, now - LATE)
    except KeepfitError:
        return Planned(None, None, scheduled)
    return Planned(planned, late, scheduled)
