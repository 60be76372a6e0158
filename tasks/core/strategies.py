"""Training strategy kinds: which rows a fit learns from and how much each counts, and where its parameters come from.

Among the rows of `split.history` the search chooses by backtests; `strategy` says whether there is a search at all.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from tasks.core.durations import Duration, format_duration, parse_duration

if TYPE_CHECKING:
    from tasks.core.fitting import Recipe

BEGINNING = datetime(1700, 1, 1, tzinfo=UTC)
"""Where "all history" begins: earlier than any data, and late enough for timestamps of every unit."""
HALF_LIVES = 10
"""Rows older than so many half-lives would count less than a thousandth each; they are left out, which bounds a fit."""

Length = Annotated[Duration, Field(gt=timedelta(0))]


class _Kind(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sliding(_Kind):
    """The newest rows of a fixed length of time, all alike. `180d` stands for `{kind: sliding, length: 180d}`."""

    kind: Literal["sliding"] = "sliding"
    length: Length = Field(description="How far back rows are learned from.")

    @property
    def label(self) -> str:
        """What the search, the tables and MLflow call it."""
        return format_duration(self.length)

    def since(self, newest: datetime) -> datetime:
        """The moment before which no row counts, if the newest row is of that time."""
        return _before(newest, self.length)

    def kept(self, times: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Those of the positions whose event time (datetime64) lies within the length before the newest of them."""
        return _younger(times, positions, self.length)

    def weights(self, times: np.ndarray) -> np.ndarray | None:
        """Weight of each row; None where all count alike."""
        return None


class Expanding(_Kind):
    """Every row there is, all alike: for laws that stay the same."""

    kind: Literal["expanding"] = "expanding"

    @property
    def label(self) -> str:
        """What the search, the tables and MLflow call it."""
        return self.kind

    def since(self, newest: datetime) -> datetime:
        """The moment before which no row counts."""
        return BEGINNING

    def kept(self, times: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """All of the positions."""
        return positions

    def weights(self, times: np.ndarray) -> np.ndarray | None:
        """Weight of each row; None where all count alike."""
        return None


class RecencyWeighted(_Kind):
    """Older rows count less: half as much for each half-life (exponential forgetting), and nothing after ten."""

    kind: Literal["recency_weighted"] = "recency_weighted"
    half_life: Length = Field(description="A row that is older by this counts half as much.")

    @property
    def label(self) -> str:
        """What the search, the tables and MLflow call it."""
        return f"half-life {format_duration(self.half_life)}"

    def since(self, newest: datetime) -> datetime:
        """The moment before which no row counts, if the newest row is of that time."""
        return _before(newest, self.half_life, HALF_LIVES)

    def kept(self, times: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Those of the positions that are at most ten half-lives older than the newest of them."""
        return _younger(times, positions, self.half_life, HALF_LIVES)

    def weights(self, times: np.ndarray) -> np.ndarray | None:
        """1 for the newest row, half of it for one that is a half-life older; float64, one per row."""
        if len(times) == 0:
            return None
        age = (times.max() - times) / np.timedelta64(1, "us")
        return np.asarray(np.exp2(-age / (self.half_life / timedelta(microseconds=1))))


_RowKind = Annotated[Sliding | Expanding | RecencyWeighted, Field(discriminator="kind")]


def _from_a_length(value: Any) -> Any:
    return Sliding(length=parse_duration(value)) if isinstance(value, str | timedelta) else value


TrainingRows = Annotated[_RowKind, BeforeValidator(_from_a_length, json_schema_input_type=Length | _RowKind)]


def training_rows_of(kept: Any) -> TrainingRows:
    """Read back what a recipe keeps; a bare number is a sliding length in seconds, as versions had it at first."""
    seconds = isinstance(kept, int | float) and not isinstance(kept, bool)
    return _ROWS.validate_python(timedelta(seconds=kept) if seconds else kept)


_ROWS: TypeAdapter[TrainingRows] = TypeAdapter(TrainingRows)


class NewSearch(_Kind):
    """Every training searches anew: family, parameters and training rows are chosen by backtests."""

    kind: Literal["new_search"] = "new_search"

    def settled(self, champion: "Recipe | None", tried: "Sequence[Recipe]") -> "Recipe | None":
        """The recipe that needs no search: there is none."""
        return None


class SameRecipe(_Kind):
    """One cheap fit: the champion's family, parameters and training rows, on newer data. A first training searches."""

    kind: Literal["same_recipe"] = "same_recipe"

    def settled(self, champion: "Recipe | None", tried: "Sequence[Recipe]") -> "Recipe | None":
        """The champion's choices in the file's present terms; None (search) where the file offers them no more.

        `tried` holds a recipe of each family that the file offers.
        """
        if champion is None:
            return None
        for one in tried:
            offered = one.family == champion.family and champion.history in one.split.history
            if offered and one.problem == champion.problem:
                return replace(one, parameters=champion.parameters, history=champion.history)
        return None


Strategy = Annotated[NewSearch | SameRecipe, Field(discriminator="kind")]


def _before(newest: datetime, length: timedelta, times: int = 1) -> datetime:
    """That much earlier, and never before the beginning."""
    return BEGINNING if (newest - BEGINNING) / times <= length else newest - length * times


def _younger(times: np.ndarray, positions: np.ndarray, length: timedelta, count: int = 1) -> np.ndarray:
    if len(positions) == 0:
        return positions
    reach = min(length // timedelta(microseconds=1) * count, np.iinfo("int64").max)
    return np.asarray(positions[times[positions].max() - times[positions] < np.timedelta64(reach, "us")])
