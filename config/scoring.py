"""The section `scoring` of a pipeline's file: which rows the champion scores, and where predictions go."""

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters.outputs import Output
from tasks.core.durations import Duration


class Scoring(BaseModel):
    """Which rows the champion scores, and where its predictions go beside the store's own table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lookback: Duration = Field(
        default="90d", validate_default=True, description="Rows older than this before the newest one are not scored."
    )
    outputs: tuple[Output, ...] = Field(
        default=(), description="Also deliver the champion's predictions here: files or a table of a database."
    )
