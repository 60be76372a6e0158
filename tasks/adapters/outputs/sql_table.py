"""Predictions in a table of a database (SQLAlchemy), put in or replaced by row in one transaction."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters import databases
from tasks.core.errors import ServerUnavailable

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Table

_CHUNK = 10_000
_REFUSED = (
    "to take the predictions ({kind}). Correct scoring.outputs, the columns of its table or the rights of its user."
)


class SqlTable(BaseModel):
    """A table that holds each row's newest prediction, or every version's; made where it is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sql"] = "sql"
    url: str = Field(
        min_length=1, description="SQLAlchemy address; $VARIABLES are expanded, so that no password stands in the file."
    )
    table: str = Field(min_length=1, description="Its name, or schema.name.")
    keep: Literal["newest", "every"] = Field(
        default="newest", description="newest: one line for each row. every: one for each row and model version."
    )

    def deliver(self, rows: "pd.DataFrame", batch: str, version: int) -> None:
        """Replace these rows in one transaction; readers see all of them or none.

        Raises ServerUnavailable when the database does not answer, and ConfigInvalid when it refuses.
        """
        from sqlalchemy import bindparam

        records = [{str(name): value for name, value in record.items()} for record in rows.to_dict("records")]
        engine = databases.engine_of(self.url, "scoring.outputs.url")
        try:
            with (
                databases.answering("scoring.outputs", "its url", _REFUSED, ServerUnavailable),
                engine.begin() as connection,
            ):
                table = self._table()
                table.create(connection, checkfirst=True)
                same = [table.c[name] == bindparam(f"its_{name}") for name in self._key]
                for first in range(0, len(records), _CHUNK):
                    some = records[first : first + _CHUNK]
                    mine = [{f"its_{name}": record[name] for name in self._key} for record in some]
                    connection.execute(table.delete().where(*same), mine)
                    connection.execute(table.insert(), some)
        finally:
            engine.dispose()

    @property
    def _key(self) -> tuple[str, ...]:
        return ("row_id",) if self.keep == "newest" else ("row_id", "model_version")

    def _table(self) -> "Table":
        from sqlalchemy import Column, DateTime, Float, Integer, MetaData, String, Table

        schema, _, name = self.table.rpartition(".")
        every = self.keep == "every"
        return Table(
            name,
            MetaData(),
            Column("row_id", String(512), primary_key=True),
            Column("event_time", DateTime(timezone=True)),
            Column("prediction", Float(53)),
            Column("model_version", Integer, primary_key=every, nullable=False, autoincrement=False),
            Column("batch_id", String(128)),
            Column("scored_at", DateTime(timezone=True)),
            schema=schema or None,
        )
