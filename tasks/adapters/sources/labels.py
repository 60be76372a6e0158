"""Where labels come from: the events themselves, or files of their own that come later."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters.sources.files import Files
from tasks.core.durations import Duration


class ColumnLabels(BaseModel):
    """The target stands in the events themselves and is known `delay` after the event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["column"] = "column"
    delay: Duration = Field(default="0s", validate_default=True, description="How long after the event it is known.")


class FolderLabels(Files):
    """The target arrives later, in files of its own: row id, label, and the time at which it became known."""

    kind: Literal["folder"] = "folder"
    id: str = Field(description="The column that holds the id of the event row.")
    label: str = Field(description="The column that holds the label.")
    known_at: str | None = Field(
        default=None,
        description="The column that holds when the label became known (ISO 8601, or known_format). Without one it is "
        "known from its delivery on.",
    )
    known_format: str | None = Field(default=None, description="strptime format of known_at, or epoch_seconds, ...")
    delay: Duration = Field(default="0s", validate_default=True, description="When a label is due after its event.")


Labels = Annotated[ColumnLabels | FolderLabels, Field(discriminator="kind")]
