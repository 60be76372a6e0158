"""Rows that a later delivery took the place of: what the tables hold of it, and how the journal tells it.

Which rows these are is decided elsewhere; the superseded table and the batch's own row hold all that is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from tasks.core.results import Window

if TYPE_CHECKING:
    import pandas as pd

Corrections = Literal["refuse", "by_name", "by_id"]
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Replaced:
    """Earlier rows (`of_batch`, `_row_id`) that a delivery takes the place of, and the window of their events."""

    rows: "pd.DataFrame"
    window: Window | None


def superseded_table(replaced: Replaced, batch_id: str) -> "pd.DataFrame":
    """Rows of the superseded table."""
    return replaced.rows[["of_batch", "_row_id"]].assign(_batch_id=batch_id).reset_index(drop=True)


def beside(batch: "pd.DataFrame", replaced: Replaced) -> "pd.DataFrame":
    """The one row of the batches table, with what the delivery superseded beside it."""
    import pandas as pd

    window = replaced.window
    span = (None, None) if window is None else (window.start, window.end)
    told = batch.assign(superseded=len(replaced.rows), supersedes=", ".join(sorted(set(replaced.rows["of_batch"]))))
    for name, moment in zip(("touched_from", "touched_until"), span, strict=True):
        told[name] = pd.to_datetime(pd.Series([moment]), utc=True).astype("datetime64[us, UTC]")
    return told


def evidence_of(batch: "pd.Series[Any]") -> dict[str, Any]:
    """What the journal holds of a release and of superseded rows, from a row of the batches table; mostly nothing."""
    import pandas as pd

    found: dict[str, Any] = {}
    if isinstance(batch.get("released_of"), str):
        found |= {"released_of": batch["released_of"], "who": str(batch["who"]), "why": str(batch["why"])}
    rows = batch.get("superseded")
    if rows is not None and not pd.isna(rows) and rows:
        touched = None
        if not pd.isna(batch["touched_from"]):
            touched = {"start": batch["touched_from"].isoformat(), "end": batch["touched_until"].isoformat()}
        found["supersedes"] = {"rows": int(rows), "batches": str(batch["supersedes"]).split(", "), "touched": touched}
    return found


def words_of(evidence: Mapping[str, Any]) -> list[str]:
    """The same in words, for the reason of the decision."""
    said = []
    if "released_of" in evidence:
        of = str(evidence["released_of"])[:12]
        said.append(f"released from quarantine (batch {of}) by {evidence['who']}: {evidence['why']}")
    if "supersedes" in evidence:
        told = evidence["supersedes"]
        said.append(f"takes the place of {told['rows']} rows of {len(told['batches'])} earlier deliveries")
        if told["touched"]:
            days = f"{told['touched']['start'][:10]} to {told['touched']['end'][:10]}"
            said[-1] += f", checks of windows from {days} are due again"
    return said


def span_of(times: "pd.Series") -> Window | None:
    """The window of these times, or None."""
    if not len(times):
        return None
    return Window(times.min().to_pydatetime(), times.max().to_pydatetime() + _MOMENT)
