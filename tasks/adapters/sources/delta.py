"""A Delta table, taken in by version: the rows that each version adds, once, in bounded memory.

How far it was taken in stands in the names of the deliveries, which the store keeps: nothing else remembers it.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters.sources import inbox as inboxes
from tasks.adapters.sources.delta_reads import NoAppend, Table
from tasks.adapters.sources.files import Listing
from tasks.adapters.sources.variables import filled
from tasks.adapters.sources.versions import Version
from tasks.core.errors import ConfigInvalid

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Delta(BaseModel):
    """A Delta table: first as it stands, then what each later version adds to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["delta"] = "delta"
    fetches: ClassVar[bool] = True
    url: str = Field(min_length=1, description="A folder or an address (s3://...); ~ and $VARIABLES are expanded.")
    options: dict[str, str] = Field(
        default={}, description="Storage options of deltalake; $VARIABLES are expanded, so that no secret stands here."
    )
    start: int | None = Field(
        default=None, ge=0, description="The first version to take; left out: the whole table as it stands, then on."
    )
    changes: Literal["refuse", "retake"] = Field(
        default="refuse",
        description="What becomes of a version that deletes or rewrites rows, or is not kept any more. refuse: the run "
        "stops there and says so. retake: the whole table comes again.",
    )
    rows: int = Field(default=50_000, ge=1, le=10_000_000, description="How many rows one delivery holds at most.")

    @property
    def repeats(self) -> bool:
        """Whether rows may come again that were taken in before."""
        return self.changes == "retake"

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Write what later versions added into the inbox, one Parquet file per `rows` rows, never of two versions.

        What comes before a version that has to be refused is delivered first. Raises SourceUnavailable when the table
        does not answer, and ConfigInvalid for such a version when nothing else waits, and for another table.
        """
        inboxes.clear(inbox, ingested)
        last = inboxes.last_mark([*ingested, *(path.name for path in inboxes.waiting(inbox))])
        address = filled(self.url, "source.url")
        options = {name: filled(value, f"source.options.{name}") for name, value in self.options.items()}
        table = Table(address if "://" in address else str(Path(address).expanduser().absolute()), options)
        _refuse_another(table, last)
        try:
            for begin, content in self._to_take(table, last):
                for rows, end in self._cut(table, begin, content):
                    inboxes.put(inbox, rows, end)
        except NoAppend as refused:
            if not inboxes.waiting(inbox):
                raise ConfigInvalid(
                    f"{refused}. Set source.changes to retake, to take the whole table again, or source.start to "
                    f"{refused.instead.number + 1}, to leave out what came with the versions before it."
                ) from None

    def listing(self, inbox: Path) -> Listing:
        """What waits in the inbox, the lowest version first."""
        return Listing(tuple(inboxes.waiting(inbox)), ())

    def read(self, path: Path) -> "pd.DataFrame":
        """Every row of a delivery with its own types, one index label per row from 0. Raises SourceUnavailable."""
        return inboxes.read(path)

    def _to_take(self, table: Table, last: Version | None) -> Iterator[tuple[Version, Any]]:
        """Where to go on in each version, and its files; raises NoAppend at one that has to be refused."""
        at = self._begin(table, last)
        while at.number <= table.newest:
            try:
                content = table.content(at)
            except NoAppend as refused:
                if not self.repeats or at == refused.instead:
                    raise
                at = refused.instead
                continue
            yield at, content
            at = Version(at.number + 1, 0, False, table.name)

    def _begin(self, table: Table, last: Version | None) -> Version:
        if last is None and self.start is None:
            return table.as_it_stands
        if last is not None and not last.is_done and last.number >= (self.start or 0):
            return last
        following = 0 if last is None else last.number + 1
        return Version(max(following, self.start or 0), 0, False, table.name)

    def _cut(self, table: Table, begin: Version, content: Any) -> "Iterator[tuple[pa.Table, Version]]":
        """Deliveries of at most `rows` rows; only the last of a version says that it is done."""
        import pyarrow as pa

        kept: list[pa.RecordBatch] = []
        taken, size = int(begin.row), 0
        for batch in table.rows(content, taken):
            rest = batch
            while len(rest):
                if size == self.rows:
                    taken += size
                    yield _named(pa.Table.from_batches(kept), begin._replace(row=taken))
                    kept, size = [], 0
                kept.append(rest.slice(0, self.rows - size))
                rest = rest.slice(len(kept[-1]))
                size += len(kept[-1])
        if kept:
            yield _named(pa.Table.from_batches(kept), Version.done(begin.number, begin.table))


def _named(rows: "pa.Table", end: Version) -> "tuple[pa.Table, Version]":
    # The same content is taken in once, but equal rows that two versions add are rows of two deliveries.
    return rows.replace_schema_metadata({"keepfit.until": str(end)}), end


def _refuse_another(table: Table, last: Version | None) -> None:
    """Raise ConfigInvalid where the versions that were taken in are not those of this table."""
    if last is None:
        return
    inboxes.highest([last, table.as_it_stands])  # says so when it was no table that has versions
    if last.table != table.name:
        raise ConfigInvalid(
            f"The Delta table {last.table} was taken in, and at source.url lies another table, {table.name}. "
            "Put the earlier one there, or begin a pipeline of another name."
        )
    if last.number > table.newest:
        raise ConfigInvalid(
            f"The Delta table is at version {table.newest}, and version {last.number} was taken in: it was restored "
            "from an older copy. Put the newer one there, or begin a pipeline of another name."
        )
