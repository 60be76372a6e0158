"""Questions about rows and their labels as they were known at a moment: how new, how many, predicted how."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.adapters.store import Store
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.online import answer_of
from tasks.core.requests import ANSWER_ID
from tasks.core.results import Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.compute as pc


def newest(store: Store, as_of: datetime) -> datetime | None:
    """The event time of the newest row whose label was known by `as_of`; None when there is none."""
    times = _labelled_times(store, as_of)
    return None if times.empty else times.max().to_pydatetime()


def count_after(store: Store, after: datetime, as_of: datetime) -> int:
    """How many rows with an event time later than `after` have a label that was known by `as_of`."""
    times = _labelled_times(store, as_of)
    return int((times > after).sum()) if len(times) else 0


def predictions_in(store: Store, version: int, window: Window, as_of: datetime) -> "pd.DataFrame":
    """A version's predictions of a window: `_row_id, _event_time, prediction, label` (NaN: not known yet)."""
    import pyarrow.compute as pc

    if not store.exists("predictions"):
        return store.read("predictions", [ROW_ID, EVENT_TIME, "prediction", "label"])
    mine = _within(window) & (pc.field("model_version") == version)
    predictions = store.read("predictions", where=mine)
    if ANSWER_ID in predictions and predictions[ANSWER_ID].notna().any():
        # Asked about again online, or delivered later as well, a row counts once: as it was scored last.
        predictions = predictions.sort_values("scored_at", kind="stable").drop_duplicates(ROW_ID, keep="last")
    predictions = predictions[[ROW_ID, EVENT_TIME, "prediction"]]
    return predictions.merge(_known(store, as_of), on=ROW_ID, how="left")


def answered_by_both(store: Store, versions: tuple[int, int], window: Window, as_of: datetime) -> "pd.DataFrame":
    """What two versions said of the same requests: `_row_id, _event_time, first, second, label`, each row once.

    Both of the very values that were sent: of a row that was asked about again, what was said last; a delivery of the
    row does not count. NaN: the version could not score it, or the label is not known yet.
    """
    import pandas as pd
    import pyarrow.compute as pc

    names = [ROW_ID, EVENT_TIME, ANSWER_ID, "model_version", "scored_at"]
    said = []
    inside = (pc.field(EVENT_TIME) >= window.start) & (pc.field(EVENT_TIME) < window.end)
    for table, more in (("predictions", ["prediction"]), ("unscored", [])):
        if store.exists(table):
            rows = store.read(table, where=inside & pc.field("model_version").isin(list(versions)))
            if ANSWER_ID in rows:
                said.append(rows.loc[rows[ANSWER_ID].notna(), [*names, *more]])
    whole = pd.concat(said) if said else pd.DataFrame(columns=names)
    whole = whole.reindex(columns=[*names, "prediction"]).astype({"prediction": "float64"})
    whole["answer"] = answer_of(whole[ANSWER_ID])
    first, second = (whole[whole["model_version"] == version] for version in versions)
    pairs = first.merge(second[["answer", "prediction"]], on="answer", suffixes=("", "_second"))
    pairs = pairs.sort_values("scored_at", kind="stable").drop_duplicates(ROW_ID, keep="last")
    pairs = pairs.rename(columns={"prediction": "first", "prediction_second": "second"})
    return pairs[[ROW_ID, EVENT_TIME, "first", "second"]].merge(_known(store, as_of), on=ROW_ID, how="left")


def with_features(store: Store, predictions: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Predictions (of `predictions_in`) whose rows are there, delivered or asked about, with these columns beside."""
    import pandas as pd
    import pyarrow.compute as pc

    tables = _tables(store)
    if predictions.empty or not tables:
        return predictions.iloc[:0].reindex(columns=[*predictions.columns, *names])
    times = predictions[EVENT_TIME]
    inside = (pc.field(EVENT_TIME) >= times.min()) & (pc.field(EVENT_TIME) <= times.max())
    rows = pd.concat([store.read(table, [ROW_ID, *names], inside) for table in tables]).drop_duplicates(ROW_ID)
    return predictions.merge(rows, on=ROW_ID, how="inner")


def happened_in(store: Store, window: Window, as_of: datetime) -> "pd.DataFrame":
    """All rows of a window, delivered or asked about, in time order: `_row_id, _event_time, label` (NaN: not known)."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [ROW_ID, EVENT_TIME]
    found = [store.read(table, names, _within(window)) for table in _tables(store)]
    rows = (pd.concat(found) if found else pd.DataFrame(columns=names)).drop_duplicates(ROW_ID)
    known = _known(store, as_of, pc.field(ROW_ID).isin(pa.array(rows[ROW_ID], pa.string())))
    return rows.sort_values([EVENT_TIME, ROW_ID], ignore_index=True).merge(known, on=ROW_ID, how="left")


def scan_rows(store: Store, window: Window) -> "Iterator[pd.DataFrame]":
    """The same rows with all their columns, in pieces of bounded size; one that was delivered and asked about twice."""
    for table in _tables(store):
        for batch in store.scan(table, where=_within(window)):
            if batch.num_rows:
                yield batch.to_pandas()


def _tables(store: Store) -> list[str]:
    return [table for table in ("events", "requests") if store.exists(table)]


def _within(window: Window) -> "pc.Expression":
    import pyarrow.compute as pc

    return (pc.field(EVENT_TIME) >= window.start) & (pc.field(EVENT_TIME) < window.end)


def _labelled_times(store: Store, as_of: datetime) -> "pd.Series":
    import pandas as pd
    import pyarrow.compute as pc

    known = _known(store, as_of)
    if known.empty or not store.exists("events"):
        return pd.Series([], dtype="datetime64[us, UTC]")
    events = store.read("events", [ROW_ID, EVENT_TIME], pc.field(EVENT_TIME) < as_of)
    return events.loc[events[ROW_ID].isin(known[ROW_ID]), EVENT_TIME]


def _known(store: Store, as_of: datetime, of: "pc.Expression | None" = None) -> "pd.DataFrame":
    import pyarrow.compute as pc

    if not store.exists("labels"):
        return store.read("labels", [ROW_ID, "label"])
    by_then = pc.field("known_at") <= as_of
    labels = store.read("labels", [ROW_ID, "label", "known_at"], by_then if of is None else by_then & of)
    return labels.sort_values("known_at", kind="stable").drop_duplicates(ROW_ID, keep="last")[[ROW_ID, "label"]]


def rows_between(store: Store, start: datetime, end: datetime, as_of: datetime) -> "pd.DataFrame":
    """The event rows of `start <= time < end` whose label was known by `as_of`, with it as `label`."""
    import pyarrow.compute as pc

    if not store.exists("events"):
        return store.read("events", [ROW_ID, EVENT_TIME, "label"])
    inside = (pc.field(EVENT_TIME) >= start) & (pc.field(EVENT_TIME) < end)
    return store.read("events", where=inside).merge(_known(store, as_of), on=ROW_ID, how="inner")
