"""What the log of online answers holds of each answer, and the tables' rows that it becomes.

Writing and taking up the log is `tasks.adapters.answers`' business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.core.columns import Column
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.requests import ANSWER_ID, asked_columns

if TYPE_CHECKING:
    import pandas as pd

ONLINE = "online-"
"""How the batch ids of answers begin that were given online."""
_DTYPES: dict[str, Any] = {"integer": "Int64", "number": "float64", "boolean": "boolean"}


@dataclass(frozen=True)
class Answer:
    """One row as it was answered. `prediction` is None where `refused` says why there is none."""

    answer_id: str
    row_id: str
    event_time: datetime
    prediction: float | None
    outside: Sequence[str] | None
    refused: str | None
    row: Sequence[Any]


def log_line(answers: Sequence[Answer], columns: Sequence[Column], version: int, at: datetime) -> Any:
    """The JSON-ready line of answers that one version gave at one moment; the time stands in `_event_time` only."""
    kept = [place for place, column in enumerate(columns) if column.role != "time"]
    rows = [[a.answer_id, a.row_id, a.event_time.isoformat(), a.prediction, a.refused, *[a.row[k] for k in kept]]
            for a in answers]  # fmt: skip
    return {"version": version, "at": at.isoformat(), "columns": [columns[k].name for k in kept],
            "rows": rows}  # fmt: skip


def answer_tables(
    lines: Sequence[Mapping[str, Any]], columns: Sequence[Column], batch_id: str
) -> "dict[str, pd.DataFrame]":
    """The rows of `requests`, `unscored` and `predictions` that lines of the log become."""
    import pandas as pd

    own = (ANSWER_ID, ROW_ID, EVENT_TIME, "_prediction", "_reason")  # a feature's name has no underscore in front
    found = []
    for line in lines:
        frame = pd.DataFrame(line["rows"], columns=[*own, *line["columns"]], dtype=object)
        found.append(frame.assign(_version=int(line["version"]), _at=line["at"]))
    if not found:
        return {}
    rows = pd.concat(found, ignore_index=True).assign(_batch_id=batch_id)
    for name in (EVENT_TIME, "_at"):
        rows[name] = pd.to_datetime(rows[name], format="ISO8601", utc=True).astype("datetime64[us, UTC]")
    rows["_prediction"] = rows["_prediction"].astype("float64")
    answered = rows["_prediction"].notna()
    named = {"_prediction": "prediction", "_reason": "reason", "_version": "model_version", "_at": "scored_at"}
    common = [ROW_ID, EVENT_TIME, "_batch_id", "_version", "_at", ANSWER_ID]
    scored = rows[[*common, "_prediction"]].rename(columns=named)
    left = rows[[*common, "_reason"]].rename(columns=named)
    tables = {
        "requests": _requests(rows, columns),
        "unscored": left[~answered],
        "predictions": scored[answered],
    }
    return {name: table.reset_index(drop=True) for name, table in tables.items() if len(table)}


def _requests(rows: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
    asked = [column for column in asked_columns(columns) if column.role != "time"]
    typed = rows[[ROW_ID, EVENT_TIME, "_batch_id", ANSWER_ID]].copy()
    for column in asked:
        cells = rows.reindex(columns=[column.name])[column.name]
        typed[column.name] = cells.astype(_DTYPES.get(column.type, "object"))
    return typed.assign(_ingested_at=rows["_at"])
