"""Puts one delivery of the corpus through the loop's own ingestion, and through plain pandas. No expectation here."""

import logging
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pandas as pd

from config.joins import Join
from tasks import ingestion, releasing, watching
from tasks.adapters.sources import Folder, FolderLabels
from tasks.adapters.store import Store
from tasks.core import batches
from tasks.core.batches import Suite
from tasks.core.classes import Classes
from tasks.core.columns import Column
from tasks.core.features import EVENT_TIME
from tasks.core.results import Decision
from tasks.session import Session
from tests.corpus.case import Case

LABELS = {"id": "parcel", "label": "late", "known_at": "at"}
JOINED = "joined"
ONE_FALSE_ALARM_IN = 100
_ROOM = TemporaryDirectory(prefix="corpus-pasts-")
_PASTS: list[tuple[Case, Path]] = []
"""Homes in which the past of a case was taken in; cases of one past begin with a copy of it."""


@dataclass(frozen=True)
class Played:
    """What became of a delivery, from the tables and the journal; `decision` is None where it was left alone."""

    decision: Decision | None
    left: Mapping[str, str]
    refusals: tuple[str, ...]
    rows: Mapping[int, str]
    counts: tuple[int, int, int]
    events: pd.DataFrame
    labels: pd.DataFrame
    spoken: str

    @property
    def outcome(self) -> str:
        """What became of it, in one word."""
        if self.decision is None:
            return "left out"
        return "refused" if self.refusals else "quarantined" if self.rows else "accepted"

    @property
    def told(self) -> str:
        """The named rules, each once."""
        names = [*self.left.values()] or [*self.refusals] or [*dict.fromkeys(self.rows.values())]
        return ", ".join(names)


def put(case: Case, folder: Path) -> Path:
    """The delivery, as it lies in the source's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(case.content, bytes):
        return case.content(folder)
    path = folder / case.file
    path.write_bytes(case.content)
    os.utime(path, (1.7e9, 1.7e9))
    return path


def play(case: Case, home: Path) -> Played:
    """List, keep, judge, watch, publish and record a delivery as the flow does, after those that came before it."""
    if case.before or case.joined:
        shutil.copytree(after_its_past(case), home, dirs_exist_ok=True)
    put(case, home / "in")
    return _take(case, home, case.as_of)


def after_its_past(case: Case) -> Path:
    """A home in which everything that came before the delivery was taken in."""
    for known, home in _PASTS:
        if (known.before, known.joined, known.columns) == (case.before, case.joined, case.columns):
            return home
    home = Path(_ROOM.name) / str(len(_PASTS))
    past = [(JOINED, content) for content in case.joined] + [(case.kind, content) for content in case.before]
    for place, (kind, content) in enumerate(past):
        earlier = replace(case, kind=kind, content=content, file=f"earlier-{place}.csv", suite={}, rules=())
        put(earlier, home / (JOINED if kind == JOINED else "in"))
        played = _take(earlier, home, case.as_of - (len(past) - place) * case.every)
        assert played.outcome == "accepted", played.spoken
    _PASTS.append((case, home))
    return home


def _take(case: Case, home: Path, as_of: datetime) -> Played:
    session = Session(Store(str(home / "store"), "corpus"), f"sqlite:///{home}/control.db", as_of, "run", lambda: as_of)
    joins = (
        [Join.model_validate({**case.join, "source": {"kind": "folder", "path": f"{home}/{JOINED}"}})]
        if case.join
        else []
    )
    source: Any = Folder(path=str(home / "in"), pattern="*", **case.source) if case.kind == "events" else None
    if case.kind == "labels":
        source = FolderLabels(path=str(home / "in"), pattern="*", **LABELS, **case.source)
    kind = "events"
    if case.kind == JOINED:
        source, kind = joins[0].source, joins[0].joining(case.columns).table
    with patch.object(ingestion, "get_run_logger", lambda: logging.getLogger("tests.corpus")):
        listing = ingestion.list_deliveries.fn(source, session, kind)
    with session.leases.hold("ingestion/corpus", "run") as lease:
        told = [_ingest(case, session, source, path, joins, lease) for path in listing.ready]
    decisions = [decision for decision in told if decision is not None]
    return _read(session, decisions[0] if decisions else None, dict(listing.left_out))


def _ingest(case: Case, session: Session, source: Any, path: Path, joins: list[Join], lease: Any) -> Decision | None:
    joined = [join.joining(case.columns) for join in joins]
    delivery = ingestion.keep_raw.fn(session, path, joined[0].table if case.kind == JOINED else case.kind)
    if delivery is None:
        return None
    classes = Classes(case.positive, case.negatives, binary=case.positive is not None)
    suite = replace(Suite(case.rules, case.share, classes, joins=joined), **case.suite)
    if case.kind == JOINED:
        columns = joined[0].columns
        judged = ingestion.judge_events.fn(
            session, delivery, source, columns, joins[0].suite(joined[0], suite.protection, suite.engine)
        )
        tables = batches.event_tables(judged, delivery, columns, None, timedelta(0))
    elif case.kind == "events":
        judged = ingestion.judge_events.fn(session, delivery, source, case.columns, suite)
        judged = releasing.find_replaced.fn(session, delivery, judged, suite.corrections)
        judged = watching.watch_delivery.fn(
            session, judged, case.columns, case.positive, case.sentinel, ONE_FALSE_ALARM_IN
        )
        tables = batches.event_tables(judged, delivery, case.columns, case.positive, timedelta(0))
    else:
        judged = ingestion.judge_labels.fn(session, delivery, source, suite)
        tables = batches.late_label_tables(judged, delivery, tuple(LABELS.values()), case.positive)
    ingestion.publish_batch.fn(session, delivery, tables, lease)
    return ingestion.record_batch.fn(session, delivery.batch_id)


def _read(session: Session, decision: Decision | None, left: Mapping[str, str]) -> Played:
    store = session.store
    batch_id = "" if decision is None else decision.evidence["batch"]
    told = {name: _of(batch_id, store.read(name)) if store.exists(name) else pd.DataFrame()
            for name in ("quarantine", "batches")}  # fmt: skip
    tables = {name: _of(batch_id, _exactly(store, name)) if store.exists(name) else pd.DataFrame()
              for name in ("events", "labels")}  # fmt: skip
    refused: dict[int, str] = {}
    whole: list[str] = []
    for entry in told["quarantine"].to_dict("records"):
        names = str(entry["rule"]).split("; ")
        refused[int(entry["_row_number"])] = "; ".join(name for name in names if not name.startswith("batch:"))
        whole += [name for name in names if name.startswith("batch:")]
    spoken = "\n".join(
        [*(str(one) for one in session.journal.entries()), *(frame.to_csv() for frame in told.values()), str(left)]
    )
    batch = told["batches"].iloc[0] if len(told["batches"]) else {"delivered": 0, "accepted": 0, "quarantined": 0}
    counts = (int(batch["delivered"]), int(batch["accepted"]), int(batch["quarantined"]))
    rules = {number: rule for number, rule in refused.items() if rule}
    return Played(decision, left, tuple(dict.fromkeys(whole)), rules, counts, **tables, spoken=spoken)


def _of(batch_id: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one delivery, and of none other."""
    return rows[rows["_batch_id"] == batch_id].reset_index(drop=True)


def _exactly(store: Store, name: str) -> pd.DataFrame:
    """A table's rows; whole numbers beside gaps stay whole."""
    import pyarrow as pa

    return pa.Table.from_batches(list(store.scan(name))).to_pandas(integer_object_nulls=True)


def as_stated(case: Case, played: Played) -> bool:
    """Whether a delivery became what the corpus states, by the rules that it states."""
    left = dict.fromkeys(played.left or [case.file], case.left) if case.left else {}  # left out and told, not unseen
    stated = (case.outcome, case.refused, dict(case.rows), left)
    return (played.outcome, ", ".join(played.refusals), dict(played.rows), dict(played.left)) == stated


def plain(case: Case, path: Path, played: Played) -> str:
    """What `pandas.read_csv(path)` makes of it: raises, right, or silently wrong; nothing where it is no CSV."""
    if case.source.get("format", "csv") != "csv" or any(end in case.file for end in (".jsonl", ".parquet", ".ndjson")):
        return ""
    names = [column.name for column in case.columns if column.role != "ignore"]
    try:
        with seconds(5):
            frame = pd.read_csv(path)[names]
    except TimeoutError:
        return "waits for ever"
    except Exception as error:  # noqa: BLE001 - whatever it says, it has not been silent
        return f"raises {type(error).__name__}"
    if played.outcome != "accepted":
        return "silently wrong"
    return "right" if _alike(frame, case.columns, played.events) else "silently wrong"


@contextmanager
def seconds(count: int) -> Iterator[None]:
    """Raise TimeoutError in the main thread after that long."""

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(count)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _alike(frame: pd.DataFrame, columns: tuple[Column, ...], events: pd.DataFrame) -> bool:
    if len(frame) != len(events):
        return False
    told = [c for c in columns if c.name in events and c.role != "time"]
    return _times(frame, columns, events) and all(
        _word(mine) == _word(theirs) for c in told for mine, theirs in zip(events[c.name], frame[c.name], strict=True)
    )


def _times(frame: pd.DataFrame, columns: tuple[Column, ...], events: pd.DataFrame) -> bool:
    name = next(c.name for c in columns if c.role == "time")
    read = pd.to_datetime(frame[name], errors="coerce", utc=True)
    return bool((read.to_numpy() == events[EVENT_TIME].to_numpy()).all())


def _word(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124 - NaN alone is not itself
        return None
    return value if isinstance(value, str) else float(value)
