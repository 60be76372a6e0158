"""An erasure in a store: what has to go is found in tables and deliveries, planned, taken out, and looked for again.

Registry, journal and leases are not touched here.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.adapters import answers
from tasks.adapters.faults import fault_point
from tasks.adapters.sources.parquet import read_parquet
from tasks.adapters.store import Store, erasing, snapshots
from tasks.core.errors import DataRejected, InvariantBroken
from tasks.core.features import ROW_ID
from tasks.core.privacy.erasure import Plan, Traces
from tasks.core.results import Snapshot

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Readers = Mapping[str, Callable[[Path], "pd.DataFrame"]]
"""How a kept delivery of a kind (events, labels) is read, as texts."""
_COUNTED = ("events", "labels", "predictions")
_OURS = {"batches", "decisions", "erasures"}  # they name no person: batches, decisions, what was erased


def plan(
    store: Store, digest: str, number: int, traces: Traces, readers: Readers, trained: Mapping[int, Snapshot]
) -> Plan:
    """Everything of a person: rows that are about or speak of the person, in tables and kept deliveries.

    Args:
        store: the pipeline's store.
        digest: what the erasure is called.
        number: how many erasures there were before.
        traces: what the person is called.
        readers: how kept deliveries are read.
        trained: the snapshot that each model version was trained on.
    """
    ids = set(traces.row_ids) | set(_ids_in_tables(store, traces))
    batches = store.read("batches", ["_batch_id", "sha256", "kind"])
    found = {sha: _rows_in(path, _kind(batches, sha), traces, readers) for sha, path in _kept(store)}
    raw = {sha: rows for sha, rows in found.items() if rows is not None}
    rejected = tuple(
        (str(batch), place)
        for batch, sha in zip(batches["_batch_id"], batches["sha256"], strict=True)
        for place in raw.get(sha, ())
    )
    named = Plan(digest, number, traces.names, tuple(sorted(ids)), traces.columns, traces.kind, raw, (), rejected)
    return replace(named, erased=_counts(store, named), snapshots=tuple(_versions(store, named, trained)))


def carry_out(store: Store, plan: Plan, readers: Readers, answered: Path) -> None:
    """Take everything out that the plan names, then look for what is left. Safe to kill and to repeat.

    `answered` is the folder where online answers stand until they are taken up. Raises InvariantBroken, naming files,
    where traces are left.
    """
    batches = store.read("batches", ["sha256", "kind"])
    _account(store, plan)
    fault_point("erasure.accounted")
    for folder in erasing.table_folders(store.folder):
        if folder.name not in _OURS:
            erasing.rewrite(folder, lambda rows: _doomed(rows, plan))
    fault_point("erasure.rewritten")
    for sha, path in _kept(store):
        if sha in plan.raw:
            frame = _read(path, _kind(batches, sha), readers) if plan.raw[sha] else None
            erasing.redact(path.parent, sha, frame, plan.raw[sha])
    shutil.rmtree(store.folder / "cache", ignore_errors=True)
    answers.drop_damaged(answered, lambda path: erasing.holds(path, plan.traces))
    fault_point("erasure.redacted")
    prove(store, plan.traces, answered)
    fault_point("erasure.proven")


def _account(store: Store, plan: Plan) -> None:
    """Count what goes in the table `erasures`, each once, also where a run that was cut off counted some of it."""
    import pandas as pd

    rows = [("rows", batch, table, count) for batch, table, count in plan.erased]
    rows += [("snapshot", before, after, count) for _, before, after, count in plan.snapshots]
    held = store.read("erasures", ["kind", "name", "part", "erasure"])
    counted = set(held.loc[held["erasure"] == plan.digest, ["kind", "name", "part"]].itertuples(index=False, name=None))
    new = [one for one in dict.fromkeys(rows) if one[:3] not in counted]
    if new:
        told = pd.DataFrame(new, columns=["kind", "name", "part", "rows"]).assign(erasure=plan.digest)
        store.append("erasures", told, f"{plan.digest}:{plan.number}:{len(counted)}")


def prove(store: Store, traces: Traces, answered: Path) -> int:
    """Look through every byte of the store and of the answers that wait; gives the number of files.

    Raises InvariantBroken, naming some of the files that hold traces.
    """
    if left := [name for folder in (store.folder, answered) for name in erasing.traces_left(folder, traces)]:
        raise InvariantBroken(
            f"{len(left)} files still hold traces of the person: {', '.join(left[:10])}. Run the erasure again (what "
            "`keepfit serve` answered can be taken up after some seconds); a delivery whose name tells a person has to "
            "be renamed in the source, and its journal kept."
        )
    return sum(path.is_file() for folder in (store.folder, answered) for path in folder.rglob("*"))


def _ids_in_tables(store: Store, traces: Traces) -> Iterator[str]:
    import pyarrow as pa

    tables = (table for table in ("events", "requests", *erasing.joined_tables(store.folder)) if store.exists(table))
    for rows in chain.from_iterable(store.scan(table) for table in tables):
        mask = _speaks_of(pa.Table.from_batches([rows]), traces)
        yield from (str(one) for one in rows.column(ROW_ID).to_pandas()[mask])


def _speaks_of(rows: "pa.Table", traces: Traces) -> Any:
    import numpy as np
    import pyarrow as pa

    mask = np.zeros(rows.num_rows, dtype=bool)
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if name in traces.columns or pa.types.is_string(column.type):
            texts = column.to_pandas()
            held = [one for one in texts.dropna().unique() if traces.mentioned(str(one), name)]
            mask |= texts.isin(held).to_numpy()
    return mask


def _kind(batches: "pd.DataFrame", sha256: str) -> str:
    return str(next(iter(batches.loc[batches["sha256"] == sha256, "kind"]), "events"))


def _kept(store: Store) -> list[tuple[str, Path]]:
    folder = store.folder / "raw"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [(path.name[:64], path) for path in found if not path.name.startswith(".")]


def _read(path: Path, kind: str, readers: Readers) -> "pd.DataFrame | None":
    if path.stat().st_size == 0:
        return None
    try:
        return read_parquet(path) if f"{erasing.ERASED}." in path.name else readers[kind](path)
    except (DataRejected, KeyError):
        return None


def _rows_in(path: Path, kind: str, traces: Traces, readers: Readers) -> tuple[int, ...] | None:
    """The rows of a kept delivery that speak of the person; none named: all of it; None: it does not."""
    frame = _read(path, kind, readers)
    if frame is None:
        return () if erasing.holds(path, traces) else None
    mask = frame.iloc[:, 0].isna() & False
    for name in frame.columns:
        texts = frame[name].astype("string")
        held = [one for one in texts.dropna().unique() if traces.mentioned(str(one), str(name))]
        mask |= texts.isin(held).to_numpy()
    numbers = tuple(int(number) for number in frame.index[mask])
    # What is written between rows (a comment, a second header) belongs to no row, and goes with the whole.
    return numbers or (() if erasing.holds(path, traces) else None)


def _doomed(rows: "pa.Table", plan: Plan) -> Any:
    import numpy as np

    if ROW_ID in rows.column_names:
        return rows.column(ROW_ID).to_pandas().isin(plan.row_ids).to_numpy()
    if "_row_number" not in rows.column_names:
        return np.zeros(rows.num_rows, dtype=bool)
    places = zip(rows.column("_batch_id").to_pylist(), rows.column("_row_number").to_pylist(), strict=True)
    rejected = set(plan.rejected)
    return np.array([place in rejected for place in places], dtype=bool)


def _counts(store: Store, plan: Plan) -> tuple[tuple[str, str, int], ...]:
    told = []
    for table in (*_COUNTED, "quarantine", *erasing.joined_tables(store.folder)):
        wanted = ["_batch_id", "_row_number" if table == "quarantine" else ROW_ID]
        for rows in store.scan(table, wanted) if store.exists(table) else ():
            import pyarrow as pa

            mine = rows.column("_batch_id").to_pandas()[_doomed(pa.Table.from_batches([rows]), plan)]
            told += [(str(batch), table) for batch in mine]
    return tuple((batch, table, told.count((batch, table))) for batch, table in sorted(set(told)))


def _versions(store: Store, plan: Plan, trained: Mapping[int, Snapshot]) -> Iterator[tuple[int, str, str, int]]:
    for version, snapshot in trained.items():
        rows = snapshots.rows_of(snapshot, store.uri("events"), store.uri("labels"))
        if ROW_ID not in rows.column_names:
            continue
        mask = _doomed(rows, plan)
        if mask.any():
            left = snapshots.content_digest(rows.filter(~mask))
            yield version, snapshots.content_digest(rows), left, int(mask.sum())
