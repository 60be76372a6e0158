"""From a kept delivery to typed rows that may be stored, with what its own rows say of it; and which came before.

No verdicts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import private
from tasks.adapters import expectations
from tasks.adapters.expectations import Validation
from tasks.core import batches, corrections, schema_changes
from tasks.core.batches import Delivery, Suite
from tasks.core.columns import Column, Converted, convert, delivered
from tasks.core.errors import DataRejected
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.frames import beside
from tasks.core.joins import KEY, is_joined, key_digests
from tasks.core.privacy.protection import Found
from tasks.core.rows import refuse_unusable, repeated_rows, shape_faults, time_faults
from tasks.joining import attached
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_IDS = 1_000_000


@dataclass(frozen=True)
class Examined:
    """What a delivery says by itself; or why it cannot be read (`rejected`: the rule, and how it is told).

    `rows` were read, of which `again` repeat an earlier one; `columns` says what each column's values are.
    """

    frame: "pd.DataFrame | None" = None
    faults: Mapping[str, list[int]] = field(default_factory=dict)
    answer: Validation = field(default_factory=lambda: Validation(()))
    found: Found = field(default_factory=lambda: Found({}, {}))
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    again: Sequence[int] = ()
    rejected: tuple[str, str] | None = None


def examine(
    session: Session,
    delivery: Delivery,
    source: Any,
    columns: Sequence[Column],
    suite: Suite,
    before: Sequence[Mapping[str, str]],
) -> Examined:
    """Read, convert, join and validate a delivery; `before`: what the columns of earlier deliveries held."""
    used = [column for column in delivered(columns) if column.role != "ignore"]
    try:
        read = _read(session, delivery, source, columns, suite, before)
        with ThreadPoolExecutor(1) as meanwhile:  # it is work of Arrow's, which leaves Python's lock to the rules
            looking = meanwhile.submit(private.look, read.typed.frame, used, suite.protection)
            frame, faults = _typed(session, delivery, read.typed, used, suite)
            answer = _validated(session, frame, read.again, columns, suite)
    except DataRejected as error:
        return Examined(rejected=(error.rule, str(error)))
    return Examined(frame, faults, answer, looking.result(), read.columns, len(frame), list(read.again))


def _validated(
    session: Session, frame: "pd.DataFrame", again: "pd.Index", columns: Sequence[Column], suite: Suite
) -> Validation:
    rules = [*expectations.always(columns), *suite.expectations]
    rules = rules if suite.rows is None else [rule for rule in rules if rule.on_fail == "quarantine"]
    # Of single rows that are judged again none need have a value.
    may_be_empty = [column.name for column in columns if column.optional or suite.rows is not None]
    alone = frame.drop(again) if len(again) else frame  # the first of them as if it came alone
    return expectations.validate(alone, rules, may_be_empty, suite.engine, evaluated_in(session))


def evaluated_in(session: Session) -> Path:
    """Where an engine may keep rows while it evaluates rules: the cache, which erasures empty."""
    return session.store.folder / "cache" / "evaluated"


@dataclass(frozen=True)
class _Read:
    """The typed rows of a delivery, those that repeat an earlier one, and what each column's values are."""

    typed: Converted
    again: "pd.Index"
    columns: Mapping[str, str]


def _read(
    session: Session,
    delivery: Delivery,
    source: Any,
    columns: Sequence[Column],
    suite: Suite,
    before: Sequence[Mapping[str, str]],
) -> _Read:
    """Read and convert; what was delivered is not held any longer than this. Raises DataRejected."""
    own = delivered(columns)
    text = source.read(session.store.raw_path(delivery.sha256))
    again = repeated_rows(text, own) if suite.repeats == "set_aside" else text.index[:0]
    text = text if suite.rows is None else text.loc[list(suite.rows)]
    used = [column for column in own if column.role != "ignore"]
    refuse_unusable(text, used, before)
    typed = convert(text, used)
    faults = typed.faults | shape_faults(text, [column.name for column in used])
    described = schema_changes.describe(text, {column.name: column.missing for column in own})
    return _Read(Converted(typed.frame, faults), again.intersection(text.index), described)


def _typed(
    session: Session,
    delivery: Delivery,
    converted: Converted,
    used: Sequence[Column],
    suite: Suite,
) -> tuple["pd.DataFrame", dict[str, Any]]:
    """The rows as they may be stored, and the rules that single rows break. Raises DataRejected."""
    faults = dict(converted.faults)

    def ids(rows: "pd.DataFrame") -> "pd.Series":
        return batches.row_ids(rows, used, delivery.batch_id, suite.identity)

    def accepted(rows: "pd.DataFrame") -> "pd.Series":
        return standing(session, ids(rows), table=delivery.kind)

    frame = private.protect(session, converted.frame, used, suite.protection, accepted)
    times = batches.event_times(frame, used, delivery.ingested_at)
    frame = beside(frame, {EVENT_TIME: times, ROW_ID: ids(frame)})
    timed = next((column for column in used if column.role == "time"), None)
    faults |= time_faults(frame[EVENT_TIME], timed, session.now, "event_time")
    if is_joined(delivery.kind):
        time = next(column.name for column in used if column.role == "time")
        frame[KEY] = key_digests(frame, suite.identity[: suite.identity.index(time)])
    for join in suite.joins:
        frame, without = attached(session, converted.frame, frame, join, used, suite.protection)
        faults |= without
    return frame, faults


def accepted_before(session: Session, ids: "pd.Series", delivery: Delivery, suite: Suite) -> "pd.Series":
    """Which of these rows were accepted before and stay; earlier ids are looked through piece by piece."""
    import pyarrow.compute as pc

    if suite.corrections == "by_id" and suite.rows is None:
        return ids.isna()
    where = None
    if suite.corrections == "by_name":
        olds = corrections.earlier_of(session.store.read("batches"), delivery)
        where = ~pc.field("_batch_id").isin(olds) if olds else None
    return standing(session, ids, where, delivery.kind)


def standing(session: Session, ids: "pd.Series", where: Any = None, table: str = "events") -> "pd.Series":
    """Which of these rows stand in the table (of those that pass the filter); a missing id counts as one that does."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted, found = pa.array(ids, pa.string(), from_pandas=True), ids.isna().to_numpy()
    for known in _together(rows.column(ROW_ID) for rows in session.store.scan(table, [ROW_ID], where)):
        found = found | pc.is_in(wanted, value_set=known.drop_null()).to_numpy(zero_copy_only=False)
    return pd.Series(found, ids.index)


def _together(parts: "Iterable[pa.Array]") -> "Iterator[pa.Array]":
    """Arrays of at least `_IDS` values each (but the last): each is looked through as a whole."""
    import pyarrow as pa

    held: list[pa.Array] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= _IDS:
            yield pa.concat_arrays(held)
            held = []
    if held:
        yield pa.concat_arrays(held)
