"""The smallest flows with the parameters of ours: for tests of scheduling, where what runs does not matter."""

from datetime import datetime

from prefect import flow

from flows.running import begin_run


@flow(name="cycle")
def cycle_flow(pipeline: str, as_of: datetime | None = None) -> str:
    """Answer with the pipeline's name.

    Args:
        pipeline: Which pipeline.
        as_of: The moment as which the run decides; empty means now.
    """
    return f"{pipeline} at {as_of}"


@flow(name="reconciliation")
def reconciliation_flow(pipeline: str) -> None:
    """Hold the pipeline's lease for a moment and end well: what a reconciliation leaves as its sign of life.

    Args:
        pipeline: Which pipeline.
    """
    _, session = begin_run(pipeline)
    with session.hold("reconciliation"):
        pass
