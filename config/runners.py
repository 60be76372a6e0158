"""Where trials of a training, and deliveries of a backfill, run side by side: kinds that a pipeline's file picks from.

Starting them: flows.running.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Runner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Threads(_Runner):
    """Threads of the flow's own process."""

    kind: Literal["threads"] = "threads"
    workers: int = Field(default=2, ge=1, description="Trials, or deliveries, at the same time.")


class Processes(_Runner):
    """Processes of this machine."""

    kind: Literal["processes"] = "processes"
    workers: int = Field(default=2, ge=1, description="Trials, or deliveries, at the same time.")


class Dask(_Runner):
    """A Dask cluster; without an address, one that lives as long as the run."""

    kind: Literal["dask"] = "dask"
    workers: int = Field(default=2, ge=1, description="Trials, or deliveries, at the same time.")
    address: str | None = Field(default=None, description="Of the scheduler, for example tcp://10.0.0.5:8786.")


Runner = Annotated[
    Threads | Processes | Dask,
    Field(discriminator="kind", description="Where trials, and the deliveries of a backfill, run side by side."),
]
