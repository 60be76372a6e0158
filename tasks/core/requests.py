"""A row that is asked about online: its type by the pipeline's columns, and the event row that batch scoring would see.

Ids, times and texts mean here what they mean in a delivery; which model answers does not belong here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, create_model

from tasks.core.batches import event_times, row_id_of
from tasks.core.columns import Column
from tasks.core.conversion import hides
from tasks.core.errors import DataRejected
from tasks.core.features import EVENT_TIME
from tasks.core.privacy.keys import Keys
from tasks.core.privacy.protection import Protection

if TYPE_CHECKING:
    import pandas as pd

ANSWER_ID = "_answer_id"
LONGEST_TEXT = 10_000
_MOST = 10**18 - 1  # what a delivery may hold: eighteen digits
_EXAMPLES: dict[str, Any] = {
    "integer": 3, "number": 2.5, "boolean": True, "category": "a", "string": "a", "datetime": "2026-01-31T12:00:00Z",
}  # fmt: skip
_DTYPES: dict[str, Any] = {"integer": "Int64", "number": "float64", "boolean": "boolean"}


def _plain(text: str) -> str:
    if hides(text):
        raise ValueError("holds signs that nobody sees")
    return text.strip()


_TYPES: dict[str, Any] = {
    "integer": Annotated[int, Field(ge=-_MOST, le=_MOST)],
    "number": Annotated[float, Field(allow_inf_nan=False)],
    "boolean": bool,
    "category": Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_plain)],
    "string": Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_plain)],
    "datetime": AwareDatetime,
}


def asked_columns(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns that a request gives: ids, the time, features; what models do not see is not asked for."""
    hours = {column.hours_from for column in columns if column.role == "time"}
    wanted = [c for c in columns if c.role in {"id", "time", "feature"} or (c.name in hours and c.role != "target")]
    return tuple(column for column in wanted if column.type != "datetime" or column.role == "time")


@dataclass(frozen=True)
class Asked:
    """How rows of a pipeline are asked about. `row` is the strict model of one; its values stand in `columns`' order.

    Every feature has to be there; null is allowed where the column is not required. Without a time it is now.
    """

    columns: tuple[Column, ...]
    row: type[BaseModel]
    one: "TypeAdapter[Any]"
    many: "TypeAdapter[Any]"
    missing: tuple[frozenset[Any], ...]

    def values(self, row: BaseModel) -> list[Any]:
        """The values of one row, in the columns' order; texts that mean `no value` are None."""
        found = row.__dict__.values()
        return [None if value in missing else value for value, missing in zip(found, self.missing, strict=True)]


def _missing_of(columns: Sequence[Column]) -> tuple[frozenset[Any], ...]:
    found = []
    for column in columns:
        words: set[Any] = set(column.missing)
        if column.type in {"integer", "number"}:
            words = {number for word in column.missing if (number := _number(word)) is not None}
        found.append(frozenset(words if column.type in {"integer", "number", "category", "string"} else ()))
    return tuple(found)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def asked_of(columns: Sequence[Column], name: str, most: int) -> Asked:
    """The request types of a pipeline; `most` rows in one batch."""
    given = asked_columns(columns)
    fields: dict[str, Any] = {}
    for number, column in enumerate(given):
        need = column.required or column.role == "id"
        kind = _TYPES[column.type]
        settings: dict[str, Any] = {"alias": column.name, "examples": [_EXAMPLES[column.type]]}
        if column.role == "time":  # where the caller gives none, it happens now
            fields[f"f{number}"] = (kind | None, Field(default=None, **settings))
        else:
            fields[f"f{number}"] = (kind if need else kind | None, Field(**settings))
    row = create_model(f"{name}_row", __config__=ConfigDict(strict=True, extra="forbid"), **fields)
    rows = Annotated[list[row], Field(min_length=1, max_length=most)]
    batch = create_model(f"{name}_rows", __config__=ConfigDict(strict=True, extra="forbid"), rows=(rows, ...))
    return Asked(given, row, TypeAdapter(row), TypeAdapter(batch), _missing_of(given))


def row_id(columns: Sequence[Column], values: Sequence[Any], answer_id: str) -> str:
    """The row id that a delivery of the same row has; the answer's own id where the pipeline has no id column."""
    texts = [str(value) for column, value in zip(columns, values, strict=True) if column.role == "id"]
    return row_id_of("\x1f".join(texts)) if texts else answer_id


def event_frame(columns: Sequence[Column], rows: Sequence[Sequence[Any]], now: datetime) -> "pd.DataFrame":
    """Event rows as the table `events` types them, with `_event_time`, from values in the columns' order.

    Raises DataRejected where a time lies before `earliest` or after `now` by more than `ahead`, or does not exist.
    """
    import numpy as np
    import pandas as pd

    frame: dict[str, Any] = {}
    times: list[datetime | None] = [None] * len(rows)
    for column, found in zip(columns, zip(*rows, strict=True), strict=True):
        if column.role == "time":
            times = list(found)
        elif column.type == "number":
            frame[column.name] = np.array([np.nan if value is None else value for value in found], "float64")
        elif column.type in _DTYPES:
            frame[column.name] = pd.array(list(found), dtype=_DTYPES[column.type])
        else:
            cells = np.empty(len(rows), object)
            cells[:] = found
            frame[column.name] = cells
    table = pd.DataFrame(frame, index=range(len(rows)))
    table[EVENT_TIME] = _times(table, columns, times, now)
    return table


def _times(table: "pd.DataFrame", columns: Sequence[Column], times: list[datetime | None], now: datetime) -> Any:
    import pandas as pd

    column = next((column for column in columns if column.role == "time"), None)
    if column is None or not any(times):
        return pd.Series(pd.Timestamp(now), index=table.index).astype("datetime64[us, UTC]")
    given = [now if time is None else time for time in times]
    if any(time < column.earliest or time > now + column.ahead for time in given):
        raise DataRejected("a time lies before the earliest that is allowed, or in the future", "time")
    moments = pd.Series([time.astimezone(UTC) for time in given], index=table.index).astype("datetime64[us, UTC]")
    if column.hours_from:
        whole = event_times(table.assign(**{column.name: moments}), columns, now)
        moments = whole.where(pd.Series([time is not None for time in times], index=table.index), moments)
    if moments.isna().any():
        raise DataRejected("a time does not exist, or exists twice, in its zone", "time")
    return moments


def is_private(columns: Sequence[Column]) -> bool:
    """Whether any of the columns is declared to hold something personal."""
    return any(column.privacy is not None for column in columns)


def protected(
    frame: "pd.DataFrame",
    columns: Sequence[Column],
    protection: Protection,
    keys: Keys,
    known: Mapping[str, frozenset[str]],
) -> tuple["pd.DataFrame", list[list[Any]]]:
    """Event rows as a delivery of them would be stored, and their values in the columns' order (the time is None).

    What a delivery keeps because it is common in it is kept here where the training knew it (`known`): alone in a
    request, every value is rare. Raises DataRejected where the pipeline's file refuses such values.
    """
    import pandas as pd

    held = [column for column in columns if column.name in frame]
    if refused := protection.refusals(frame, held):
        raise DataRejected(next(iter(refused.values())), "privacy")
    changed = protection.protect(frame, held, keys)
    for column in held:
        policy = protection.policy_of(column)
        if policy is not None and policy.kind == "common":
            seen = frame[column.name].isin(known.get(column.name, frozenset()))
            changed[column.name] = frame[column.name].where(seen, changed[column.name])
    cells = [changed[column.name].tolist() if column.name in changed else [None] * len(frame) for column in columns]
    rows = [[None if pd.isna(value) else value for value in row] for row in zip(*cells, strict=True)]
    return changed, rows
