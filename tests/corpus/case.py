"""One delivery of the corpus: its bytes, what it is held against, and what has to become of it.

Modules beside this one hold the cases, one theme each; nothing is read or judged here.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from tasks.adapters.expectations import Expectation
from tasks.core.columns import Column
from tasks.core.sentinel.policy import Policy

NOW = datetime(2025, 2, 1, tzinfo=UTC)
CANARY = "parcel-77"
"""Every id begins with it: it may stand in the tables of events and labels, and nowhere else."""
COLUMNS = (
    Column(name="parcel", role="id", type="string", required=True),
    Column(name="at", role="time", type="datetime", required=True),
    Column(name="weight", role="feature", type="number"),
    Column(name="pieces", role="feature", type="integer"),
    Column(name="zone", role="feature", type="category"),
    Column(name="fragile", role="feature", type="boolean"),
    Column(name="late", role="target", type="category"),
)
NULLS = "batch:ExpectColumnProportionOfNonNullValuesToBeBetween"
UNIQUE = "batch:ExpectColumnValuesToBeUnique:parcel"
NO_ROWS = ", ".join(["batch:ExpectTableRowCountToBeBetween", *(f"{NULLS}:{column.name}" for column in COLUMNS), UNIQUE])
"""What refuses a delivery without rows: there are none, no column has a value, and no id says that ids differ."""
NAMES = [column.name for column in COLUMNS]
Row = dict[str, str]
Place = Callable[[Path], Path]


@dataclass(frozen=True)
class Case:
    """A delivery and its outcome: `refused` names the batch's rules, `rows` those of single rows, `left` the listing's.

    Neither of them means accepted whole. `typed` are values of accepted rows, in their order. `secrets` are
    texts beside the ids that may stand in no message, log, journal or quarantine. `before` came earlier, the oldest
    first, one `every` so long, and `joined` is what the source of `join` brought. `suite` are further fields of the
    suite.
    """

    name: str
    content: bytes | Place
    file: str = "delivery.csv"
    columns: Sequence[Column] = COLUMNS
    source: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[Expectation] = ()
    share: float = 0.3
    positive: str | None = "yes"
    negatives: tuple[str, ...] = ()
    kind: Literal["events", "labels", "joined"] = "events"
    refused: str = ""
    rows: Mapping[int, str] = field(default_factory=dict)
    left: str = ""
    delivered: int | None = None
    typed: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    before: tuple[bytes, ...] = ()
    joined: tuple[bytes, ...] = ()
    join: Mapping[str, Any] | None = None
    every: timedelta = timedelta(days=1)
    as_of: datetime = NOW
    suite: Mapping[str, Any] = field(default_factory=dict)
    sentinel: Policy = "warn"

    @property
    def outcome(self) -> str:
        """What has to become of it, in one word."""
        if self.left:
            return "left out"
        return "refused" if self.refused else "quarantined" if self.rows else "accepted"


def rows(count: int = 10) -> list[Row]:
    """Good rows."""
    return [
        {"parcel": f"{CANARY}{n:02d}", "at": f"2025-01-{1 + n:02d}T12:00:00Z", "weight": f"{n + 0.5}",
         "pieces": str(n + 1), "zone": "ab"[n % 2], "fragile": ("true", "false")[n % 2],
         "late": ("yes", "no")[n % 2]}
        for n in range(count)
    ]  # fmt: skip


def sheet(told: Sequence[Mapping[str, str]], names: Sequence[str] = NAMES, **dialect: Any) -> bytes:
    """Rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, **({"lineterminator": "\n"} | dialect))
    writer.writerow(names)
    writer.writerows([[row.get(name, "") for name in names] for row in told])
    return text.getvalue().encode()


def cells(changes: Mapping[int, Mapping[str, str]], count: int = 10) -> bytes:
    """Good rows but for these cells, by row number and column, as CSV."""
    return sheet([row | changes.get(number, {}) for number, row in enumerate(rows(count))])


def column(name: str, *texts: str) -> bytes:
    """Good rows, one column of which holds these texts, in turn, as CSV."""
    return sheet([row | {name: texts[number % len(texts)]} for number, row in enumerate(rows())])


def with_column(name: str, **changes: Any) -> tuple[Column, ...]:
    """The pipeline's columns, one of them declared otherwise."""
    return tuple(
        Column.model_validate(c.model_dump(exclude_unset=True) | changes) if c.name == name else c for c in COLUMNS
    )


GOOD = sheet(rows())
LINES = GOOD.decode().splitlines()


def lines(*changed: str) -> bytes:
    """These lines, as a file."""
    return ("\n".join(changed) + "\n").encode()
