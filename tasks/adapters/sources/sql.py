"""A table or query of a database (SQLAlchemy), taken in by a column that only grows: each row once, in bounded memory.

How far it was taken in stands in the names of the deliveries, which the store keeps: nothing else remembers it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.adapters import databases
from tasks.adapters.sources import inbox as inboxes
from tasks.adapters.sources.files import Listing
from tasks.adapters.sources.inbox import Watermark
from tasks.core.durations import Duration
from tasks.core.errors import ConfigInvalid, SourceUnavailable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sqlalchemy import ColumnElement, Connection, Engine, FromClause

_KEPT = (str, int, float, bool, bytes, date, datetime, Decimal, type(None))


class Sql(BaseModel):
    """A table or a query: each run takes in the rows whose watermark lies behind the last one that was taken in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sql"] = "sql"
    fetches: ClassVar[bool] = True
    repeats: ClassVar[bool] = False
    url: str = Field(
        min_length=1, description="SQLAlchemy address; $VARIABLES are expanded, so that no password stands in the file."
    )
    table: str | None = Field(default=None, min_length=1, description="A table or view: name, or schema.name.")
    query: str | None = Field(default=None, min_length=1, description="Or a SELECT, without ORDER BY and LIMIT.")
    watermark: str = Field(
        min_length=1,
        description="A column that is never empty and grows with every commit: a time (UTC where it has no zone) or a "
        "running number. It stands in the names of deliveries, so nothing personal.",
    )
    rows: int = Field(default=50_000, ge=1, le=10_000_000, description="About how many rows one delivery holds.")
    lag: Duration = Field(
        default="1m",
        validate_default=True,
        description="Leave rows whose time is younger: a transaction that began before may still commit older ones.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either table or query")
        return self

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Write the rows behind the last watermark into the inbox, one Parquet file per `rows` of them.

        Rows of one watermark stay together. Raises SourceUnavailable when the database does not answer, and
        ConfigInvalid when it refuses what the pipeline's file says.
        """
        inboxes.clear(inbox, ingested)
        last = inboxes.last_mark([*ingested, *(path.name for path in inboxes.waiting(inbox))])
        engine = databases.engine_of(self.url, "source.url")
        try:
            while (found := self._next(engine, last, as_of - self.lag)) is not None:
                table, last = found
                inboxes.put(inbox, table, last)
        finally:
            engine.dispose()

    def listing(self, inbox: Path) -> Listing:
        """What waits in the inbox, the lowest watermark first."""
        return Listing(tuple(inboxes.waiting(inbox)), ())

    def read(self, path: Path) -> "pd.DataFrame":
        """Every row of a delivery, one index label per row from 0. Raises SourceUnavailable."""
        return inboxes.read(path)

    def _next(self, engine: "Engine", last: Watermark | None, until: datetime) -> "tuple[pa.Table, Watermark] | None":
        from sqlalchemy import select

        with self._answering(), engine.connect() as connection:
            source = self._source(connection)
            mark = source.c.get(self.watermark)
            if mark is None:
                raise ConfigInvalid(f"The source has no column {self.watermark!r}. Correct source.watermark.")
            end = self._end(connection, source, mark, last, until)
            if end is None:
                return None
            asked = select(source).where(mark <= end, *([] if last is None else [mark > last])).order_by(mark)
            result = connection.execution_options(stream_results=True).execute(asked)
            return _table(list(result.keys()), result.fetchall()), end

    def _source(self, connection: "Connection") -> "FromClause":
        from sqlalchemy import MetaData, Table, column, text

        if self.query is None:
            schema, _, name = str(self.table).rpartition(".")
            return Table(name, MetaData(), schema=schema or None, autoload_with=connection)
        asked = text(self.query.rstrip().rstrip(";"))
        names = connection.execute(text(f"SELECT * FROM ({asked.text}) AS delivered WHERE 1 = 0")).keys()  # noqa: S608 - the query is the person's own
        return asked.columns(*(column(name) for name in names)).subquery("delivered")

    def _end(
        self,
        connection: "Connection",
        source: "FromClause",
        mark: "ColumnElement[Any]",
        last: Watermark | None,
        until: datetime,
    ) -> Watermark | None:
        """The watermark at which the next delivery ends; None when there is nothing new."""
        from sqlalchemy import select

        if connection.execute(select(mark).select_from(source).where(mark.is_(None)).limit(1)).first():
            raise ConfigInvalid(f"source.watermark {self.watermark!r} is empty in some rows. Choose another column.")
        one = connection.execute(select(mark).select_from(source).limit(1)).scalar()
        if one is None:
            return None
        one = inboxes.checked(one, self.watermark)
        if last is not None:
            inboxes.highest([one, last])  # says so when they are of two types
        limits = [mark > last] if last is not None else []
        if (newest := inboxes.newest_of(one, until)) is not None:
            limits.append(mark <= newest)
        waiting = select(mark).select_from(source).where(*limits)
        found = connection.execute(waiting.order_by(mark).offset(self.rows - 1).limit(1)).scalar()
        if found is None:
            found = connection.execute(waiting.order_by(mark.desc()).limit(1)).scalar()
        end = None if found is None else inboxes.checked(found, self.watermark)
        return None if end == last else end  # a column that compares otherwise than it reads would never end

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turns what the database says into our errors, without addresses, passwords or cells."""
        from sqlalchemy.exc import NoSuchTableError

        refused = "to read the source ({kind}). Correct source.table, query or watermark, or the rights of its user."
        try:
            with databases.answering("the source", "source.url", refused, SourceUnavailable):
                yield
        except NoSuchTableError:
            raise ConfigInvalid(f"The database has no table {self.table!r}. Correct source.table.") from None


def _table(names: list[str], rows: Collection[Any]) -> "pa.Table":
    import pyarrow as pa

    columns = {}
    for place, name in enumerate(names):
        values = [row[place] if isinstance(row[place], _KEPT) else str(row[place]) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # SQLite holds values of several types in one column
            columns[name] = pa.array([None if value is None else str(value) for value in values])
    return pa.table(columns)
