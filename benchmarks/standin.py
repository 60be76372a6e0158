"""A training that trains nothing, for the measurement of starts: its process imports what a real training imports."""

from datetime import datetime

from prefect import flow

from flows import training as _production  # noqa: F401 - its imports are part of what a start costs


@flow(name="training", persist_result=False)
def training_flow(
    pipeline: str, as_of: datetime | None = None, reason: str = "on demand", token: str | None = None
) -> None:
    """Take what a training takes, and end."""
