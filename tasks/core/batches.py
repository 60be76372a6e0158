"""What becomes of a delivery: every row is accepted or quarantined with the rule that refused it, and they add up.

Reading, rules and tables come in as arguments; nothing is read or written here.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import superseding
from tasks.core.classes import Classes, target_values
from tasks.core.columns import RESERVED_PREFIX, Column
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.frames import all_alike, as_texts, beside, only, others, parted, taken_over, texts_held
from tasks.core.joins import Join, is_joined
from tasks.core.privacy.protection import Protection
from tasks.core.results import Check, Decision, Verdict, Window
from tasks.core.schema_changes import ChangeKind
from tasks.core.superseding import Corrections, Replaced

if TYPE_CHECKING:
    import pandas as pd

BATCH = "batch:"
"""How the names of rules begin that refuse a delivery whole."""
DELIVERED_AT = "_delivered_at"  # when labels became known that nothing else is said of
REPEATED = "row:repeated"
"""The rule of rows that repeat an earlier one of their delivery; set aside, they are no sign of a bad delivery."""
Repeats = Literal["as_rows", "set_aside"]
WHOLE_BATCH = -1
"""Row number of a quarantine entry that stands for a delivery whose rows could not even be counted."""


@dataclass(frozen=True)
class Delivery:
    """One delivered file: its content's SHA-256 is its identity, whatever it is called."""

    name: str
    sha256: str
    kind: str
    ingested_at: datetime

    @property
    def batch_id(self) -> str:
        """Short enough to read, long enough not to collide; the same file may be delivered to several tables."""
        told = self.sha256
        if is_joined(self.kind):
            told = hashlib.sha256(f"{self.kind} {told}".encode()).hexdigest()
        return told[:32]


@dataclass(frozen=True)
class Suite:
    """What a pipeline's deliveries are held against beyond their columns."""

    expectations: Sequence[Any] = ()
    max_share: float = 1.0
    classes: Classes = field(default_factory=Classes)
    repeats: Repeats = "as_rows"
    protection: Protection = field(default_factory=Protection)
    corrections: Corrections = "refuse"
    refuse_changes: Sequence[ChangeKind] = ()
    joins: Sequence[Join] = ()
    engine: Any = None  # what evaluates the expectations
    identity: Sequence[str] = ()
    """The columns that tell rows apart; without any those with the role id."""
    rows: Sequence[int] | None = None
    """Only these rows of a delivery are judged, by the rules of single rows; None: all of it."""


@dataclass(frozen=True)
class Judged:
    """Which rows are in, and for each that is not, the rules that refused it.

    `refusal` is set for a whole batch and says why; `rules` are the names of what refused it, as the tables hold them.
    `checks` answer what was `asked`; `again` are the converted rows whose id was accepted before.
    """

    accepted: "pd.DataFrame"
    refused: Mapping[int, str]
    delivered: int
    refusal: str | None = None
    checks: tuple[Check, ...] = field(default_factory=tuple)
    asked: Sequence[Any] = ()
    rules: str = ""
    again: "pd.DataFrame | None" = None
    warnings: tuple[str, ...] = ()
    replaced: Replaced | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def quarantined(self) -> int:
        """Rows that were delivered and not accepted."""
        return self.delivered - len(self.accepted)


def judge_rows(
    frame: "pd.DataFrame",
    rules: Mapping[str, Collection[int]],
    refusals: Mapping[str, str],
    max_share: float,
    checks: Sequence[Check] = (),
) -> Judged:
    """Split typed rows (index = row number) by the row rules; refuse all of them when the batch itself is refused.

    Args:
        frame: the converted rows; where some are refused they leave it, column by column.
        rules: rule -> numbers of the rows that break it.
        refusals: rules that refuse the batch as a whole, and how each is told.
        max_share: a larger share of refused rows refuses the batch.
        checks: what the suite answered, carried along for the record.
    """
    refused: dict[int, str] = {}
    for rule, numbers in sorted(rules.items()):
        for number in dict.fromkeys(numbers):
            refused[number] = f"{refused[number]}; {rule}" if number in refused else rule
    repeated = sum(rule == REPEATED for rule in refused.values())
    share = (len(refused) - repeated) / (len(frame) - repeated) if len(frame) > repeated else 0.0
    reasons = dict(refusals)
    if share > max_share:
        told = f"max_quarantined_share ({share:.0%} of rows refused, {max_share:.0%} allowed)"
        reasons["max_quarantined_share"] = told
    rows = len(frame)
    accepted = taken_over(frame, others(frame.index, refused)) if refused else frame
    judged = Judged(accepted, refused, rows, None, tuple(checks))
    return refuse_whole(judged, reasons) if reasons else judged


def refuse_whole(judged: Judged, reasons: Mapping[str, str]) -> Judged:
    """Refuse every row of a delivery for these rules, each with how it is told, beside those that refused it so far."""
    rules, told = "; ".join(f"{BATCH}{name}" for name in reasons), "; ".join(reasons.values())
    numbers = sorted({*map(int, judged.refused), *map(int, judged.accepted.index)})
    every = {number: f"{judged.refused[number]}; {rules}" if number in judged.refused else rules for number in numbers}
    return replace(
        judged, accepted=judged.accepted.iloc[:0], refused=every,
        refusal=f"{judged.refusal}; {told}" if judged.refusal else f"batch: {told}",
        rules=f"{judged.rules}; {rules}" if judged.rules else rules,
    )  # fmt: skip


def unreadable(rule: str, why: str) -> Judged:
    """A delivery that cannot be read, so that not even its rows are counted: refused whole."""
    import pandas as pd

    return Judged(pd.DataFrame(), {}, 0, f"{BATCH}{rule}: {why}", rules=f"{BATCH}{rule}")


def row_ids(
    frame: "pd.DataFrame", columns: Sequence[Column], batch_id: str, identity: Sequence[str] = ()
) -> "pd.Series":
    """The id of each row: a digest of its id columns (or of `identity`), without any of its place in the delivery."""
    import pandas as pd

    ids = list(identity) or [column.name for column in columns if column.role == "id"]
    if not ids:
        return pd.Series([f"{batch_id}-{number}" for number in frame.index], index=frame.index, dtype=object)
    # As text before anything else: beside a missing value whole numbers would turn into floats, and ids with them.
    texts = [as_texts(frame[name]) for name in ids]
    told = texts[0] if len(ids) == 1 else ["\x1f".join(row) for row in zip(*texts, strict=True)]
    sha256 = hashlib.sha256  # not row_id_of: of a million rows the call alone would take as long
    return texts_held(([sha256(text.encode()).hexdigest()[:24] for text in part] for part in parted(told)), frame.index)


def row_id_of(value: object) -> str:
    """The row id of one id value (or of several, joined by the unit separator)."""
    return hashlib.sha256(str(value).encode()).hexdigest()[:24]


def event_times(frame: "pd.DataFrame", columns: Sequence[Column], delivered_at: datetime) -> "pd.Series":
    """When each event happened, UTC; the time of delivery where no column tells."""
    import pandas as pd

    column = next((column for column in columns if column.role == "time"), None)
    if column is None:
        return pd.Series(pd.Timestamp(delivered_at), index=frame.index).astype("datetime64[us, UTC]")
    times = frame[column.name]
    if column.hours_from:
        # Hours are those of the local clock; one that does not exist or exists twice on its day is no time.
        day = times.dt.tz_convert(column.timezone).dt.tz_localize(None).dt.normalize()
        local = day + pd.to_timedelta(frame[column.hours_from].astype("float64"), unit="h")
        times = local.dt.tz_localize(column.timezone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    return times.astype("datetime64[us, UTC]")


def event_tables(
    judged: Judged, delivery: Delivery, columns: Sequence[Column], positive: str | None, label_delay: timedelta
) -> dict[str, "pd.DataFrame"]:
    """The tables of a delivery of events (and labels, where the target stands in them), or of joined rows."""
    import pandas as pd

    rows = judged.accepted
    tables = closing_tables(judged, delivery, rows[EVENT_TIME] if len(rows) else None)
    if len(rows):
        kept = [column.name for column in columns if column.role not in {"ignore", "target"}]
        ours = [
            str(name) for name in rows if str(name).startswith(RESERVED_PREFIX) and name not in {ROW_ID, EVENT_TIME}
        ]
        moment, stored = pd.Timestamp(delivery.ingested_at), only(rows, [*kept, ROW_ID, EVENT_TIME, *ours])
        alike = {"_batch_id": all_alike(delivery.batch_id, rows), "_ingested_at": pd.Series(moment, rows.index)}
        tables[delivery.kind] = beside(stored, alike)
    target = next((column.name for column in columns if column.role == "target"), None)
    if target is not None and len(rows):
        label = target_values(rows[target], positive)
        known_at = rows[EVENT_TIME] + pd.Timedelta(label_delay)
        labels = label_table(rows[ROW_ID], label, known_at, delivery)
        tables["labels"] = labels if label.notna().all() else labels.loc[label.notna()]
    return {name: table for name, table in tables.items() if len(table)}


def late_label_tables(
    judged: Judged, delivery: Delivery, names: tuple[str, str, str], positive: str | None
) -> dict[str, "pd.DataFrame"]:
    """The tables of a labels delivery; `names` are its columns of id, label and the time at which it became known."""
    rows = judged.accepted
    identity, label, known_at = names
    tables = closing_tables(judged, delivery, rows[known_at] if len(rows) else None)
    if len(rows):
        values = target_values(rows[label], positive)
        tables["labels"] = label_table(rows[identity].map(row_id_of), values, rows[known_at], delivery)
    return {name: table for name, table in tables.items() if len(table)}


def label_table(ids: "pd.Series", label: "pd.Series", known_at: "pd.Series", delivery: Delivery) -> "pd.DataFrame":
    """Rows of the labels table."""
    import pandas as pd

    columns = {ROW_ID: ids, "label": label.astype("float64"), "known_at": known_at}
    return pd.DataFrame(columns | {"_batch_id": all_alike(delivery.batch_id, ids)}, copy=False)


def closing_tables(judged: Judged, delivery: Delivery, times: "pd.Series | None") -> dict[str, "pd.DataFrame"]:
    """The quarantine rows of a delivery and its one row in `batches`, which closes its publication."""
    import pandas as pd

    moment = pd.Timestamp(delivery.ingested_at)
    refused = dict(judged.refused) or ({WHOLE_BATCH: judged.rules} if judged.refusal else {})
    quarantine = pd.DataFrame(
        {"_batch_id": delivery.batch_id, "_row_number": list(refused), "rule": list(refused.values())}
    ).assign(_ingested_at=moment)
    span = (times.min(), times.max()) if times is not None and len(times) else (pd.NaT, pd.NaT)
    batch = {
        "_batch_id": delivery.batch_id,
        "sha256": delivery.sha256,
        "name": delivery.name,
        "kind": delivery.kind,
        "delivered": judged.delivered,
        "accepted": len(judged.accepted),
        "quarantined": judged.quarantined,
        "refusal": judged.refusal or "",
        "warnings": "; ".join(judged.warnings),
        "columns": json.dumps(judged.columns),
        "first_event": span[0],
        "last_event": span[1],
        "_ingested_at": moment,
    }
    batches = pd.DataFrame([batch])
    for name in ("first_event", "last_event"):
        batches[name] = pd.to_datetime(batches[name], utc=True).astype("datetime64[us, UTC]")
    tables = {"quarantine": quarantine, "batches": batches}
    if judged.replaced is not None:
        tables["superseded"] = superseding.superseded_table(judged.replaced, delivery.batch_id)
        tables["batches"] = superseding.beside(batches, judged.replaced)
    return tables


def decision_of(batch: "pd.Series", quarantine: "pd.DataFrame", pipeline: str, as_of: datetime) -> Decision:
    """The journal's decision on a published batch: its row of `batches` and its rows of `quarantine` tell it all."""
    import pandas as pd

    rules: dict[str, int] = {}
    for told in quarantine.get("rule", ()):
        for rule in str(told).split("; "):
            rules[rule] = rules.get(rule, 0) + 1
    refusal, noted = str(batch["refusal"]), batch.get("warnings")
    warnings = noted.split("; ") if isinstance(noted, str) and noted else []  # tables of earlier days have none
    counts = {name: int(batch[name]) for name in ("delivered", "accepted", "quarantined")}
    told = f"{counts['accepted']} of {counts['delivered']} rows accepted, {counts['quarantined']} quarantined"
    more = superseding.evidence_of(batch)
    span = None
    if not pd.isna(batch["first_event"]):
        end = batch["last_event"].to_pydatetime() + timedelta(microseconds=1)
        span = Window(batch["first_event"].to_pydatetime(), end)
    return Decision(
        key=f"ingestion:{batch['_batch_id']}",
        pipeline=pipeline,
        kind="ingestion",
        verdict=Verdict.FAIL if refusal else Verdict.PASS,
        outcome="quarantined" if refusal else "released" if "released_of" in more else "accepted",
        reason="; ".join([refusal or told, *superseding.words_of(more), *(f"warning: {one}" for one in warnings)]),
        as_of=as_of,
        window=span,
        evidence={"batch": str(batch["_batch_id"]), "name": str(batch["name"]), "kind": str(batch["kind"])}
        | counts
        | {"rules": rules}
        | ({"warnings": warnings} if warnings else {})
        | more,
    )
