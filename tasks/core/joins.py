"""Joins by key and event time: which row of another source an event gets, and what that source has to deliver.

An event gets the newest row whose time is at or before its own and that was known by then. Nothing is read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from tasks.core.columns import RESERVED_PREFIX, Column, convert
from tasks.core.features import EVENT_TIME

if TYPE_CHECKING:
    import pandas as pd

JOINED = "joined"
KEY = "_key"
"""A digest of a row's key, in the tables of joined rows."""
_BATCH, _INGESTED, _PLACE, _NEWEST = "_batch_id", "_ingested_at", "_place", "_newest"
_TIME = "_joined_time"
Missing = Literal["null", "quarantine"]


@dataclass(frozen=True)
class Join:
    """One further source of a pipeline's events.

    `key` names columns of the events, each with the source's column that holds the same; `fields` names the joined
    columns, each with the source's column that fills it. `columns` are those that the source delivers.
    """

    name: str
    key: Mapping[str, str]
    fields: Mapping[str, str]
    columns: tuple[Column, ...] = ()
    known_at: str | None = None
    max_age: timedelta | None = None
    missing: Missing = "null"
    newest_of_name: bool = False
    """Whether a delivery takes the place of earlier ones of its name."""
    typed: Sequence[Column] = field(default_factory=tuple)
    """The joined columns as the events declare them."""

    @property
    def table(self) -> str:
        """What its deliveries are called, and the table of their rows."""
        return f"{JOINED}_{self.name}"

    @property
    def lineage(self) -> str:
        """The column of the events that says from which batch a row's joined values are."""
        return f"{RESERVED_PREFIX}{self.table}"

    @property
    def rule(self) -> str:
        """The rule by which an event without a joined row is quarantined."""
        return f"join:{self.name}"

    def identity(self) -> tuple[str, ...]:
        """The columns that tell the source's rows apart: key, time and, where it is told, when they became known."""
        time = next(column.name for column in self.columns if column.role == "time")
        return (*self.key.values(), time, *((self.known_at,) if self.known_at else ()))


def is_joined(kind: str) -> bool:
    """Whether deliveries of this kind (and the table of that name) belong to a join."""
    return kind.startswith(f"{JOINED}_")


def key_digests(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.Series":
    """A digest of each row's key, the typed values as texts; missing where any of them is."""
    texts = frame[list(names)].astype("string")
    whole = texts.notna().all(axis=1)
    joined = texts[whole].astype(object).agg("\x1f".join, axis=1) if whole.any() else texts.iloc[:0, 0].astype(object)
    digests = {text: sha256(text.encode()).hexdigest()[:24] for text in joined.unique()}
    return joined.map(digests).reindex(frame.index).astype(object)


def newest_known(keys: "pd.Series", times: "pd.Series", rows: "pd.DataFrame", join: Join) -> "pd.Series":
    """For each event the place (0, 1, ...) among `rows` of the one that it gets; -1 where there is none.

    Of rows of one key and time the one that became known last counts, then the one that was delivered last.

    Args:
        keys: each event's key; missing ones get nothing.
        times: each event's time (UTC), with the same index.
        rows: `_key`, `_event_time`, `_ingested_at` and, where the join has one, the column `join.known_at`.
        join: how old a row may be, and whether it tells when it became known.
    """
    import pandas as pd

    found = pd.Series(-1, index=keys.index, dtype="int64")
    asked = keys.notna() & times.notna()
    if rows.empty or not asked.any():
        return found
    events = pd.DataFrame({KEY: keys[asked].astype(object), EVENT_TIME: times[asked]}).sort_values(EVENT_TIME)
    candidates = _successive(rows, join.known_at)
    matched = pd.merge_asof(events, candidates, left_on=EVENT_TIME, right_on=_NEWEST, by=KEY).set_index(events.index)
    there = matched[_PLACE].notna()
    if join.max_age is not None:
        there &= matched[EVENT_TIME] - matched[_TIME] <= join.max_age
    found.loc[matched.index[there]] = matched.loc[there, _PLACE].astype("int64")
    return found


def _successive(rows: "pd.DataFrame", known_at: str | None) -> "pd.DataFrame":
    """Of each key the rows that were the newest one from some moment on, with that moment, in its order.

    A row that became known after a newer one never was: events later than that moment get the newer one.
    """
    rows = rows.reset_index(drop=True)
    told = rows[[KEY, EVENT_TIME, _INGESTED]].rename(columns={EVENT_TIME: _TIME}).astype({KEY: object})
    told = told.assign(_known=rows[EVENT_TIME if known_at is None else known_at], **{_PLACE: rows.index})
    told = told.sort_values([_TIME, "_known", _INGESTED, _PLACE], ignore_index=True)
    told["_rank"] = told.index
    told[_NEWEST] = told[_TIME].where(told[_TIME] >= told["_known"], told["_known"])
    told = told.sort_values([_NEWEST, "_rank"], ignore_index=True)
    newest = told["_rank"] == told.groupby(KEY)["_rank"].cummax()
    return told.loc[newest, [KEY, _NEWEST, _TIME, _PLACE]]


def joined_values(rows: "pd.DataFrame", places: "pd.Series", join: Join) -> "pd.DataFrame":
    """The joined columns and the batch of each event, by the places that `newest_known` gave.

    A column that no joined row has yet (it was declared later) is missing in its declared type.
    """
    import pandas as pd

    empty = convert(pd.DataFrame(index=places.index), join.typed).frame
    rows = rows.reset_index(drop=True)
    values = {}
    for column in join.typed:
        if join.fields[column.name] in rows:
            taken = rows[join.fields[column.name]].reindex(places).set_axis(places.index)
            values[column.name] = taken.astype(empty[column.name].dtype)
        else:
            values[column.name] = empty[column.name]
        if values[column.name].dtype == object:
            values[column.name] = values[column.name].where(values[column.name].notna(), None)
    batches = rows[_BATCH].reindex(places).set_axis(places.index).astype(object)
    return pd.DataFrame({**values, join.lineage: batches.where(batches.notna(), None)}, index=places.index)
