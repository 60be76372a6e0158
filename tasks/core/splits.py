"""Time-ordered parts: what a model is fitted on, tuned on and judged on never overlap and never run backwards."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.core.durations import Duration
from tasks.core.errors import DataRejected
from tasks.core.strategies import BEGINNING, TrainingRows

Part = Duration | float


class Split(BaseModel):
    """How a snapshot is cut, newest rows last: train, then tuning, then evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    history: tuple[TrainingRows, ...] = Field(
        min_length=1,
        description="Training rows that the search may choose from: lengths (180d), or kinds (sliding, expanding, "
        "recency_weighted).",
    )
    tuning: Part = Field(description="The stretch before the evaluation: a duration (14d) or a share of rows (0.15).")
    evaluation: Part = Field(description="The newest labelled stretch: a duration (14d) or a share of rows (0.15).")
    folds: int = Field(
        default=1,
        ge=1,
        le=12,
        description="Backtests of each trial: stretches as long as `tuning`, one before the other, each predicted by a "
        "fit on what came before it. A trial costs as many fits.",
    )
    min_rows: int = Field(default=50, ge=2, description="Fewest rows that each part must hold.")

    @field_validator("tuning", "evaluation")
    @classmethod
    def _a_share_below_one_half(cls, part: Part) -> Part:
        if isinstance(part, float) and not 0 < part <= 0.5:  # noqa: PLR2004 - the message names it
            raise ValueError("a share has to be above 0 and at most 0.5")
        return part

    def since(self, newest: datetime) -> datetime:
        """Where a snapshot begins whose newest row is of that time: all rows that any part or backtest may use."""
        tuning = [self.tuning] * self.folds
        later = sum((part for part in (*tuning, self.evaluation) if isinstance(part, timedelta)), timedelta())
        start = newest - min(later, max(newest - BEGINNING, timedelta()))
        return min(rows.since(start) for rows in self.history)


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


def backtests(times: np.ndarray, split: Split) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rolling origin (Tashman 2000): positions of (train, tuning) rows of every fold, the newest fold first.

    Folds lie one before the other, all before the evaluation; those with fewer than `split.min_rows` rows are left out.

    Raises:
        DataRejected: not even the newest one has enough rows.
    """
    parts = split_parts(times, split)
    folds = [(parts.train, parts.tuning)]
    order = np.argsort(times, kind="stable")
    stop = len(parts.train)
    while len(folds) < split.folds:
        start = _cut(times[order], stop, split.tuning)
        if min(start, stop - start) < split.min_rows:
            break
        folds.append((order[:start], order[start:stop]))
        stop = start
    return folds


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
