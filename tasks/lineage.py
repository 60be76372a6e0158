"""Where a row's predictions came from: row, prediction, version, run, snapshot, batch, raw file, each by its record."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.adapters import registry
from tasks.core.championship import changes_of
from tasks.core.columns import Column
from tasks.core.errors import KeepfitError, NotFound
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.joins import is_joined
from tasks.core.privacy.erasure import Traces
from tasks.core.requests import ANSWER_ID
from tasks.core.results import JournalEntry
from tasks.session import Session
from tasks.versions import facts_of

if TYPE_CHECKING:
    import pandas as pd

Step = tuple[str, str]


def row_named(session: Session, columns: Sequence[Column], name: str) -> str:
    """The id of the row that somebody names: by that id, or by the value of the pipeline's id column as delivered.

    Raises NotFound where there is no such row, neither delivered nor asked about online.
    """
    import pyarrow.compute as pc

    ids = [column for column in columns if column.role == "id"]
    known = {name}
    if len(ids) == 1:
        known |= Traces.of(name, ids[0].privacy, session.keys, (ids[0].name,), is_id=True).row_ids
    for table in ("events", "requests"):
        found = session.store.read(table, [ROW_ID], pc.field(ROW_ID).isin(sorted(known)))
        if len(found):
            return str(found[ROW_ID].iloc[0])
    raise NotFound(
        f"{session.pipeline} has no accepted row {name!r}. Name it by the value of its id column, or as it stands in "
        "the column _row_id of the tables events and predictions; refused rows stand in quarantine, by delivery and "
        "line."
    )


def lineage_of(session: Session, row: str) -> list[Step]:
    """The steps from a row back to its file and from each of its predictions back to the files that taught the model.

    `row` is the row's id, see `row_named`. What a server does not tell now is named as not known.
    """
    standing = [ROW_ID, EVENT_TIME, "_batch_id", "_ingested_at"]
    events = _where(session, "events", None, ROW_ID, row)
    asked = _where(session, "requests", standing, ROW_ID, row)
    steps: list[Step] = [
        ("request", f"{row}, asked about online in {one['_batch_id']}, {one['_ingested_at']:%Y-%m-%d %H:%M} UTC")
        for one in asked.sort_values("_ingested_at").to_dict("records")
    ]
    for event in events.sort_values("_ingested_at").to_dict("records"):
        taken = f"taken in {event['_ingested_at']:%Y-%m-%d %H:%M}"
        told = f"{row}, event of {event[EVENT_TIME]:%Y-%m-%d %H:%M:%S} UTC, {taken}"
        steps += [("row", told), *_batch(session, "batch", str(event["_batch_id"]))]
        joined = {name: batch for name, batch in event.items() if is_joined(str(name)[1:]) and isinstance(batch, str)}
        for name, batch in joined.items():
            steps += _batch(session, str(name)[1:].replace("_", " ", 1), batch)
    labels = _where(session, "labels", [ROW_ID, "known_at", "_batch_id"], ROW_ID, row)
    for label in labels.sort_values("known_at").to_dict("records"):
        steps.append(("label", f"known at {label['known_at']:%Y-%m-%d %H:%M} UTC"))
        steps += _batch(session, "label batch", str(label["_batch_id"]))
    entries = session.journal.entries()
    found = _where(session, "predictions", None, ROW_ID, row)
    for one in found.sort_values(["scored_at", "model_version"]).to_dict("records") if len(found) else ():
        number = int(one["model_version"])
        scored = f"{one['scored_at']:%Y-%m-%d %H:%M} UTC{', in silence' if '@' in str(one.get(ANSWER_ID)) else ''}"
        steps.append(("prediction", f"{one['prediction']:.6g} by version {number}, {scored}"))
        steps += _version(session, number, entries)
    return steps if len(found) else [*steps, ("prediction", "none: no version has scored this row")]


def _where(session: Session, table: str, columns: Sequence[str] | None, name: str, value: str) -> "pd.DataFrame":
    import pyarrow.compute as pc

    return session.store.read(table, columns, pc.field(name) == value)


def _batch(session: Session, name: str, batch_id: str) -> list[Step]:
    """A delivery by its record, and the raw file that was kept of it."""
    found = _where(session, "batches", ["_batch_id", "name", "sha256", "accepted", "delivered"], "_batch_id", batch_id)
    if found.empty:
        return [(name, f"{batch_id[:12]}: its record is missing, see `keepfit verify {session.pipeline}`")]
    batch: dict[Any, Any] = found.to_dict("records")[0]
    told = f"{batch_id[:12]}, delivery {batch['name']}: {batch['accepted']} of {batch['delivered']} rows accepted"
    try:
        raw = str(session.store.raw_path(str(batch["sha256"])))
    except KeepfitError as error:
        raw = f"SHA-256 {batch['sha256'][:12]}…, not found: {error}"
    return [(name, told), ("raw file", raw)]


def _version(session: Session, number: int, entries: Sequence[JournalEntry]) -> list[Step]:
    """What made a version: its decision, its run, the rows that it learnt from and the deliveries that brought them."""
    crowned = [one.sequence for one in changes_of(entries) if one.decision.evidence["version"] == number]
    decided = f"champion by decision {', '.join(map(str, crowned))}" if crowned else "never champion"
    try:
        version = registry.version_of(session.pipeline, number)
        facts = facts_of(version)
    except KeepfitError as error:
        return [("version", f"{number}, {decided}; its records are not known now: {error}")]
    snapshot = facts.snapshot
    known = f"labels known by {snapshot.as_of:%Y-%m-%d}"
    taught = f"{snapshot.rows} rows within {snapshot.window}, {known}, digest {snapshot.digest[:12]}"
    code, lock = (version.tags.get(f"keepfit.{name}", "not known")[:12] for name in ("code", "lock"))
    return [
        ("version", f"{number}, {decided}, SHA-256 {version.sha256[:12]}…"),
        ("run", f"MLflow {version.run_id}, code {code}, lock {lock}"),
        ("snapshot", taught),
        ("training batches", _deliveries(session, facts.snapshot)),
    ]


def _deliveries(session: Session, snapshot: Any) -> str:
    import pyarrow.compute as pc

    within = (pc.field(EVENT_TIME) >= snapshot.window.start) & (pc.field(EVENT_TIME) < snapshot.window.end)
    ids = session.store.read("events", ["_batch_id"], within, snapshot.events_version)["_batch_id"].unique()
    batches = session.store.read("batches", ["_batch_id", "name"])
    return ", ".join(sorted(map(str, batches.loc[batches["_batch_id"].isin(ids), "name"])))
