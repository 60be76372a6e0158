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
class Beside:
    """What another version said of a row that somebody else answered: a prediction, or why it has none."""

    version: int
    prediction: float | None
    refused: str | None


@dataclass(frozen=True)
class Answer:
    """One row as `version` answered it. `prediction` is None where `refused` says why there is none.

    `beside`: what champion or challenger said of a row of the canary that the other one answered.
    """

    answer_id: str
    row_id: str
    event_time: datetime
    prediction: float | None
    outside: Sequence[str] | None
    refused: str | None
    row: Sequence[Any]
    version: int
    beside: Beside | None = None


def log_line(answers: Sequence[Answer], columns: Sequence[Column], version: int, at: datetime) -> Any:
    """The JSON-ready line of answers that were given at one moment; the time stands in `_event_time` only.

    `version` is the champion's; rows that another one answered stand under `versions` by their place.
    """
    kept = [place for place, column in enumerate(columns) if column.role != "time"]
    rows = [[a.answer_id, a.row_id, a.event_time.isoformat(), a.prediction, a.refused, *[a.row[k] for k in kept]]
            for a in answers]  # fmt: skip
    line = {"version": version, "at": at.isoformat(), "columns": [columns[k].name for k in kept], "rows": rows}
    if others := [[place, a.version] for place, a in enumerate(answers) if a.version != version]:
        line["versions"] = others
    if beside := [[place, a.beside.version, a.beside.prediction, a.beside.refused]
                  for place, a in enumerate(answers) if a.beside]:  # fmt: skip
        line["beside"] = beside
    return line


def silent_line(
    answers: Sequence[Answer], predicted: Sequence[float | None], refused: Mapping[int, str], version: int, at: datetime
) -> Any:
    """The JSON-ready line of what a version said in silence of rows that another one answered, or why it could not."""
    rows = [[a.answer_id, a.row_id, a.event_time.isoformat(), value, refused.get(place)]
            for place, (a, value) in enumerate(zip(answers, predicted, strict=True))]  # fmt: skip
    return {"version": version, "at": at.isoformat(), "silent": rows}


def silent_id(answer_id: Any, version: Any) -> Any:
    """The id of what a version said in silence beside an answer: nobody was given it."""
    return f"{answer_id}@{version}"


def answer_of(answer_ids: "pd.Series") -> "pd.Series":
    """The id of the answer itself, of ids of answers and of what was said beside them."""
    return answer_ids.astype("string").str.replace("@.*", "", regex=True).astype(object)


def is_silent(answer_ids: "pd.Series") -> "pd.Series":
    """Which ids (of `silent_id`, or of answers) are of what nobody was given."""
    return answer_ids.astype("string").str.contains("@", regex=False).fillna(False).astype(bool)


def answer_tables(
    lines: Sequence[Mapping[str, Any]], columns: Sequence[Column], batch_id: str
) -> "dict[str, pd.DataFrame]":
    """The rows of `requests`, `unscored` and `predictions` that lines of the log become.

    What was said in silence stands in the last two, under the id of the answer beside it (`silent_id`). Lines that are
    none of `log_line` or `silent_line` raise ValueError, TypeError, AttributeError, LookupError or OverflowError.
    """
    import pandas as pd

    own = (ANSWER_ID, ROW_ID, EVENT_TIME, "_prediction", "_reason")  # a feature's name has no underscore in front
    found, silent = [], []
    for line in lines:
        if "silent" in line:
            silent += [[*row, int(line["version"]), line["at"]] for row in line["silent"]]
            continue
        names = [*own, *line["columns"]]
        if len(set(names)) < len(names):
            raise ValueError("a column stands twice")
        frame = pd.DataFrame(line["rows"], columns=names, dtype=object)
        frame = frame.assign(_version=int(line["version"]), _at=line["at"])
        for place, version in line.get("versions", ()):
            frame.loc[place, "_version"] = int(version)
        for place, version, prediction, reason in line.get("beside", ()):
            silent.append([*line["rows"][place][:3], prediction, reason, int(version), line["at"]])
        found.append(frame)
    tables: dict[str, pd.DataFrame] = {}
    told = [_silent_rows(silent)] if silent else []
    if found:
        rows = _typed(pd.concat(found, ignore_index=True)).assign(_batch_id=batch_id)
        tables["requests"], told = _requests(rows, columns), [rows, *told]
    if told:
        whole = pd.concat([one[[*_COMMON, "_prediction", "_reason"]] for one in told], ignore_index=True)
        whole, answered = whole.assign(_batch_id=batch_id).rename(columns=_NAMES), whole["_prediction"].notna()
        tables["unscored"] = whole[~answered].drop(columns="prediction")
        tables["predictions"] = whole[answered].drop(columns="reason")
    return {name: table.reset_index(drop=True) for name, table in tables.items() if len(table)}


_NAMES = {"_prediction": "prediction", "_reason": "reason", "_version": "model_version", "_at": "scored_at"}
_COMMON = [ROW_ID, EVENT_TIME, "_version", "_at", ANSWER_ID]


def _silent_rows(rows: Sequence[Sequence[Any]]) -> "pd.DataFrame":
    import pandas as pd

    names = [ANSWER_ID, ROW_ID, EVENT_TIME, "_prediction", "_reason", "_version", "_at"]
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    frame[ANSWER_ID] = [silent_id(*pair) for pair in zip(frame[ANSWER_ID], frame["_version"], strict=True)]
    return _typed(frame)


def _typed(rows: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    for name in (ANSWER_ID, ROW_ID, EVENT_TIME, "_at", "_reason"):
        _check_text(rows[name])
    for name in (EVENT_TIME, "_at"):
        rows[name] = pd.to_datetime(rows[name], format="ISO8601", utc=True).astype("datetime64[us, UTC]")
    return rows.astype({"_prediction": "float64", "_version": "int64"})


def _requests(rows: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
    asked = [column for column in asked_columns(columns) if column.role != "time"]
    typed = rows[[ROW_ID, EVENT_TIME, "_batch_id", ANSWER_ID]].copy()
    for column in asked:
        cells = rows.reindex(columns=[column.name])[column.name]
        typed[column.name] = cells.astype(_DTYPES.get(column.type, "object"))
        if column.type not in _DTYPES:
            _check_text(cells)
    return typed.assign(_ingested_at=rows["_at"])


def _check_text(cells: "pd.Series") -> None:
    import pandas as pd

    if (found := pd.api.types.infer_dtype(cells, skipna=True)) not in {"string", "empty"}:
        raise ValueError(f"cells of {cells.name} are {found}, and no text")
