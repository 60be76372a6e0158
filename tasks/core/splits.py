"""Time-ordered parts: what a model is fitted on, tuned on and judged on never overlap and never run backwards."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.core.durations import Duration
from tasks.core.errors import DataRejected

Part = Duration | float


class Split(BaseModel):
    """How a snapshot is cut, newest rows last: train, then tuning, then evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    history: tuple[Duration, ...] = Field(
        min_length=1, description="Lengths of training history that the search may choose from."
    )
    tuning: Part = Field(description="The stretch before the evaluation: a duration (14d) or a share of rows (0.15).")
    evaluation: Part = Field(description="The newest labelled stretch: a duration (14d) or a share of rows (0.15).")
    min_rows: int = Field(default=50, ge=2, description="Fewest rows that each part must hold.")

    @field_validator("tuning", "evaluation")
    @classmethod
    def _a_share_below_one_half(cls, part: Part) -> Part:
        if isinstance(part, float) and not 0 < part <= 0.5:  # noqa: PLR2004 - the message names it
            raise ValueError("a share has to be above 0 and at most 0.5")
        return part

    def longest(self) -> timedelta:
        """How far before its newest row a snapshot reaches back: the longest history, and both later parts."""
        later = [part for part in (self.tuning, self.evaluation) if isinstance(part, timedelta)]
        return max(self.history) + sum(later, timedelta())


@dataclass(frozen=True)
class Parts:
    """Positions (int arrays) of the rows of each part, in time order."""

    train: np.ndarray
    tuning: np.ndarray
    evaluation: np.ndarray


def split_parts(times: np.ndarray, split: Split) -> Parts:
    """Cut rows by event time (datetime64, any order); rows of one instant never fall into two parts.

    Raises:
        DataRejected: a part would hold fewer than `split.min_rows` rows.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    evaluation_from = _cut(ordered, len(ordered), split.evaluation)
    tuning_from = _cut(ordered, evaluation_from, split.tuning)
    parts = Parts(order[:tuning_from], order[tuning_from:evaluation_from], order[evaluation_from:])
    for name in ("train", "tuning", "evaluation"):
        rows = len(getattr(parts, name))
        if rows < split.min_rows:
            raise DataRejected(
                f"The {name} part would hold {rows} labelled rows and needs at least {split.min_rows}. "
                f"Wait for more labels, or change split.{'history' if name == 'train' else name} or split.min_rows."
            )
    return parts


def _cut(ordered: np.ndarray, stop: int, part: Part) -> int:
    """First position of the part that ends before position `stop`; whole instants only."""
    if stop == 0:
        return 0
    if isinstance(part, float):
        first = ordered[max(0, stop - max(1, round(part * len(ordered))))]
        if first == ordered[0] == ordered[-1]:
            return max(0, stop - max(1, round(part * len(ordered))))  # no time at all: the order of delivery counts
    else:
        last = ordered[stop - 1]
        first = last - np.timedelta64(int(part.total_seconds() * 1e6), "us") + np.timedelta64(1, "us")
    return int(np.searchsorted(ordered[:stop], first, side="left"))


def within_history(times: np.ndarray, positions: np.ndarray, history: Duration) -> np.ndarray:
    """The positions whose event time lies within `history` before the newest of them."""
    if len(positions) == 0:
        return positions
    newest = times[positions].max()
    young = times[positions] > newest - np.timedelta64(int(history.total_seconds() * 1e6), "us")
    return np.asarray(positions[young])
