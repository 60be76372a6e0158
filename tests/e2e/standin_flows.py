"""The smallest flow with the parameters of ours: for tests of scheduling, where what runs does not matter."""

from datetime import datetime

from prefect import flow


@flow(name="cycle")
def cycle_flow(pipeline: str, as_of: datetime | None = None) -> str:
    """Answer with the pipeline's name.

    Args:
        pipeline: Which pipeline.
        as_of: The moment as which the run decides; empty means now.
    """
    return f"{pipeline} at {as_of}"
