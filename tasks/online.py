"""Task wrappers that take up what was answered online, each answer once, into the tables that batch scoring fills."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task

from tasks.adapters import answers, personal
from tasks.core.columns import Column
from tasks.core.features import EVENT_TIME
from tasks.core.online import answer_of, answer_tables, is_silent
from tasks.core.privacy.protection import Protection, judge_found
from tasks.core.records import read_object
from tasks.core.requests import ANSWER_ID, asked_columns
from tasks.core.results import Decision, Verdict
from tasks.retrying import STEP
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)
_NONE_OF_OURS = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
_SAID = ("predictions", "unscored")


@task(name="take up answers", **STEP)
def take_up_answers(session: Session, columns: Sequence[Column], protection: Protection, home: Path) -> int:
    """Append what `keepfit serve` wrote down on this machine to the tables; safe to repeat. Gives the answers taken.

    A group of files keeps its name until it is removed, and each table commits it once under that name.
    """
    taken = 0
    with answers.taking(answers.folder_of(home, session.pipeline)) as groups:
        for group in groups:
            lines, damaged = answers.lines_of(group)
            name = f"online-{group.name.removeprefix('group-')}"
            read, strange = _read(lines, columns, name)
            damaged, tables = damaged + strange, _heard(session, read)
            if "requests" in tables:
                tables["requests"] = _without_personal(tables["requests"], columns, protection)
            for table, rows in tables.items():
                session.store.append(table, rows, name)
            _record(session, name, tables, damaged)
            answers.drop(group, keep=damaged > 0)
            taken += _given(tables)
    return taken


def _read(lines: Sequence[bytes], columns: Sequence[Column], name: str) -> "tuple[dict[str, pd.DataFrame], int]":
    """What the lines become, and how many are whole and still none of ours."""
    try:
        return answer_tables([read_object(line) for line in lines], columns, name), 0
    except _NONE_OF_OURS:
        return _read_singly(lines, columns, name)


def _read_singly(lines: Sequence[bytes], columns: Sequence[Column], name: str) -> "tuple[dict[str, pd.DataFrame], int]":
    import pandas as pd

    found: dict[str, list[pd.DataFrame]] = {}
    damaged = 0
    for line in lines:
        try:
            tables = answer_tables([read_object(line)], columns, name)
        except _NONE_OF_OURS:
            damaged += 1
            continue
        for table, rows in tables.items():
            found.setdefault(table, []).append(rows)
    return {table: pd.concat(rows, ignore_index=True) for table, rows in found.items()}, damaged


def _heard(session: Session, tables: "dict[str, pd.DataFrame]") -> "dict[str, pd.DataFrame]":
    """Without what was said in silence beside an answer that is nowhere: it was erased in the meantime."""
    import pyarrow.compute as pc

    silent = {name: is_silent(rows[ANSWER_ID]) for name, rows in tables.items() if name in _SAID}
    beside = {one for name, mask in silent.items() for one in answer_of(tables[name].loc[mask, ANSWER_ID])}
    beside -= {one for name, mask in silent.items() for one in tables[name].loc[~mask, ANSWER_ID]}
    if not beside:
        return tables
    times = [time for name, mask in silent.items() for time in tables[name].loc[mask, EVENT_TIME]]
    inside = (pc.field(EVENT_TIME) >= min(times)) & (pc.field(EVENT_TIME) <= max(times))
    for rows in (session.store.read(name, where=inside) for name in _SAID if session.store.exists(name)):
        beside -= set(rows[ANSWER_ID].dropna()) if ANSWER_ID in rows else set()
    left = {name: rows[~answer_of(rows[ANSWER_ID]).isin(beside)] for name, rows in tables.items() if name in _SAID}
    return {name: rows.reset_index(drop=True) for name, rows in (tables | left).items() if len(rows)}


def _without_personal(rows: "pd.DataFrame", columns: Sequence[Column], protection: Protection) -> "pd.DataFrame":
    """The rows that a delivery would have let in: none with a personal value where nothing of the kind is declared."""
    held = [column for column in asked_columns(columns) if column.name in rows]
    found = judge_found(protection, personal.hits(rows, protection.watched(held)), len(rows))
    out = {number for numbers in found.rows.values() for number in numbers}
    return rows.iloc[:0] if found.refusals else rows.drop(index=list(out))


def _given(tables: "dict[str, pd.DataFrame]") -> int:
    """How many predictions somebody was given."""
    return int((~is_silent(tables["predictions"][ANSWER_ID])).sum()) if "predictions" in tables else 0


def _record(session: Session, name: str, tables: "dict[str, pd.DataFrame]", damaged: int) -> None:
    counts, given = {table: len(rows) for table, rows in tables.items()}, _given(tables)
    told = f"{given} online answers were taken up"
    if silent := counts.get("predictions", 0) - given:
        told += f", and {silent} that were made in silence beside them"
    if damaged:
        told += f"; {damaged} lines of the answers' log are damaged and were set aside in the folder damaged beside it"
        _log.error("%s: %s", session.pipeline, told)
    evidence: dict[str, Any] = {"batch": name, "rows": counts, "damaged": damaged}
    session.record(Decision(
        key=f"online:{name}", pipeline=session.pipeline, kind="online", outcome="taken up", reason=told,
        verdict=Verdict.FAIL if damaged else Verdict.PASS, as_of=session.as_of, evidence=evidence,
        run_id=session.run_id,
    ))  # fmt: skip
