"""How far a pipeline's deliveries reach: what is needed to replay them. Reads the source, stores nothing."""

from datetime import datetime
from pathlib import Path

from config.load import load_pipeline
from config.settings import Settings
from tasks.core.batches import event_times
from tasks.core.columns import convert
from tasks.core.errors import DataRejected


def span_of(pipeline: str, settings: Settings) -> tuple[datetime, datetime]:
    """First and last event time of the files that lie in the source now; raises DataRejected when there is none."""
    config = load_pipeline(pipeline, settings)
    wanted = [c for c in config.columns if c.role == "time"]
    if not wanted:
        raise DataRejected(
            f"{pipeline} has no time column, so its history cannot be cut into periods. Give --from and --to."
        )
    if config.source.fetches:
        raise DataRejected(f"{pipeline} fetches its deliveries; say what to replay: give --from and --to.")
    hours = [column for column in config.columns if column.name == wanted[0].hours_from]
    moments = []
    for path in config.source.listing(Path()).ready:
        frame = convert(config.source.read(path), [*wanted, *hours]).frame
        times = event_times(frame, wanted, datetime.now().astimezone()).dropna()
        moments += [times.min(), times.max()] if len(times) else []
    if not moments:
        raise DataRejected(f"The source of {pipeline} holds no event times yet.")
    return min(moments).to_pydatetime(), max(moments).to_pydatetime()
