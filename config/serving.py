"""The section `serving` of a pipeline's file: how its champion answers online."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.governor import Governor


class Serving(BaseModel):
    """How `keepfit serve` answers for a pipeline, and how safely answers are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outside: Literal["answer", "abstain"] = Field(
        default="answer",
        description="A row with a value outside the training data is answered with a mark, or not answered.",
    )
    most_rows: int = Field(default=1_000, ge=1, le=100_000, description="Rows in one batch request.")
    most_bytes: int = Field(default=5_000_000, ge=1_000, le=100_000_000, description="Bytes of one request.")
    seconds: float = Field(default=10, gt=0, le=300, description="A request that takes longer is given up.")
    durability: Literal["process", "power"] = Field(
        default="process",
        description="What an answer survives before it is given: the end of the process (written; on the disk within a "
        "second), or a loss of power as well (on the disk; slower).",
    )
    shadow: float = Field(
        default=0,
        ge=0,
        le=1,
        description="Share of the rows that a challenger, while one waits for evidence, scores in silence.",
    )
    canary: float = Field(
        default=0,
        ge=0,
        le=0.5,
        description="Share of the rows, by a hash of their id, that it answers instead of the champion. Only with "
        "governor.mode auto, outside of freezes, and where the duel is all that it lacks.",
    )

    @property
    def tries(self) -> bool:
        """Whether a challenger is tried on live requests at all."""
        return self.shadow > 0 or self.canary > 0


def refuse_unapproved_canary(serving: Serving, governor: Governor) -> None:
    """Raise ValueError where a version that people have not approved would answer."""
    if serving.canary and governor.mode != "auto":
        raise ValueError(
            f"serving.canary lets a version answer that nobody has approved, and governor.mode is {governor.mode}: "
            "set canary to 0 (shadow may stay), or the mode to auto"
        )
