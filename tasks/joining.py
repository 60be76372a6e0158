"""Joins rows of further sources to the events of one delivery, from their tables. Which row an event gets: the core."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tasks.core import corrections
from tasks.core.columns import Column
from tasks.core.features import EVENT_TIME
from tasks.core.joins import KEY, Join, joined_values, key_digests, newest_known
from tasks.core.privacy.policies import Pseudonymise
from tasks.core.privacy.protection import Protection
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd

_CALENDAR = datetime(1900, 1, 1, tzinfo=UTC)  # before it subtracting leaves what timestamps can hold


def attached(
    session: Session,
    typed: "pd.DataFrame",
    frame: "pd.DataFrame",
    join: Join,
    columns: Sequence[Column],
    protection: Protection,
) -> tuple["pd.DataFrame", dict[str, list[int]]]:
    """The events with the columns of one join, and the rules that rows without a value break.

    Args:
        session: whose tables hold the joined rows.
        typed: the events' own columns as they were delivered, typed.
        frame: the same as they may be stored, with their times.
        join: what is joined.
        columns: the events' own columns.
        protection: how keys are named that are personal.
    """
    keys, known = _keys(session, typed, join, [one for one in columns if one.name in join.key], protection)
    rows = _rows(session, join, known, frame[EVENT_TIME])
    places = newest_known(keys, frame[EVENT_TIME], rows, join)
    values = joined_values(rows, places, join)
    broken = {join.rule: places < 0} if join.missing == "quarantine" else {}
    broken |= {f"required:{one.name}": values[one.name].isna() for one in join.typed if one.required}
    return frame.join(values), {rule: list(mask.index[mask]) for rule, mask in broken.items() if mask.any()}


def _keys(
    session: Session, typed: "pd.DataFrame", join: Join, columns: Sequence[Column], protection: Protection
) -> tuple["pd.Series", dict[str, str]]:
    """Each event's key, and under which keys its joined rows may stand: people keep the names of older secrets."""
    named = any(isinstance(protection.policy_of(column), Pseudonymise) for column in columns)
    readings = [
        key_digests(protection.protect(typed, columns, session.keys, secret), list(join.key))
        for secret in (session.keys.ids if named else (None,))
    ]
    keys = readings[0]
    known: dict[str, str] = {}
    for reading in readings:
        there = reading.notna()
        known |= dict(zip(reading[there], keys[there], strict=True))
    return keys, known


def _rows(session: Session, join: Join, known: dict[str, str], times: "pd.Series") -> "pd.DataFrame":
    """The joined rows that any of these events may get, under the events' keys."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    store = session.store
    nothing = pd.DataFrame({name: [] for name in (KEY, "_batch_id")}, dtype=object)
    if not known or times.isna().all() or not store.exists(join.table):
        return nothing
    where: Any = pc.field(KEY).isin(pa.array(list(known), pa.string())) & (pc.field(EVENT_TIME) <= times.max())
    if join.max_age is not None and times.min() > _CALENDAR:
        where &= pc.field(EVENT_TIME) >= times.min() - join.max_age
    if join.newest_of_name:
        where &= ~pc.field("_batch_id").isin(corrections.replaced_by_name(store.read("batches"), join.table))
    found = list(store.scan(join.table, where=where))
    if not found:
        return nothing
    # With gaps whole numbers would turn into floats, which lose the digits of long ones.
    exact = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    rows: pd.DataFrame = pa.Table.from_batches(found).to_pandas(types_mapper=exact.get)
    return rows.assign(**{KEY: rows[KEY].map(known)})
