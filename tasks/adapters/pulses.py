"""What finished when, and what whom was told: two small tables of the control database, beside the leases.

Losing them costs a repeated message, never a decision. What they mean belongs to the core.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING

from tasks.adapters import control

if TYPE_CHECKING:
    from sqlalchemy import Engine, MetaData, Table


@dataclass(frozen=True)
class Pulses:
    """Both tables of the control database at an address. Every method raises ServerUnavailable."""

    url: str

    def finish(self, pipeline: str, stage: str, at: datetime) -> None:
        """A stage ended well."""
        from sqlalchemy import insert, update

        table, moment = _finished(), {"at": at.timestamp()}
        mine = (table.c.pipeline == pipeline, table.c.stage == stage)
        with control.transaction(self._engine) as connection:
            if connection.execute(update(table).where(*mine).values(**moment)).rowcount == 0:
                connection.execute(insert(table).values(pipeline=pipeline, stage=stage, **moment))

    def finished(self, pipeline: str) -> dict[str, datetime]:
        """When each stage of a pipeline last ended well (UTC)."""
        from sqlalchemy import select

        with control.transaction(self._engine) as connection:
            rows = connection.execute(select(_finished()).where(_finished().c.pipeline == pipeline)).all()
        return {row.stage: datetime.fromtimestamp(row.at, UTC) for row in rows}

    def tell(self, pipeline: str, notifier: str, tokens: Sequence[str], at: datetime) -> None:
        """A notifier was sent something about each of these, in one transaction."""
        from sqlalchemy import delete, insert

        table = _told()
        rows = [
            {"pipeline": pipeline, "notifier": notifier, "token": token, "at": at.timestamp()}
            for token in dict.fromkeys(tokens)
        ]
        mine = (table.c.pipeline == pipeline, table.c.notifier == notifier, table.c.token.in_(tokens))
        with control.transaction(self._engine) as connection:
            connection.execute(delete(table).where(*mine))
            connection.execute(insert(table), rows)

    def told(self, pipeline: str, notifier: str) -> dict[str, datetime]:
        """What a notifier was sent about a pipeline: token -> when (UTC)."""
        from sqlalchemy import select

        table = _told()
        wanted = select(table).where(table.c.pipeline == pipeline, table.c.notifier == notifier)
        with control.transaction(self._engine) as connection:
            rows = connection.execute(wanted).all()
        return {row.token: datetime.fromtimestamp(row.at, UTC) for row in rows}

    @cached_property
    def _engine(self) -> "Engine":
        return control.connect(self.url, _tables())


@cache
def _tables() -> "MetaData":
    from sqlalchemy import Column, Float, MetaData, String, Table

    tables = MetaData()
    for name, key in (("keepfit_finished", ("pipeline", "stage")), ("keepfit_told", ("pipeline", "notifier", "token"))):
        names = [Column(name, String(200), primary_key=True) for name in key]
        Table(name, tables, *names, Column("at", Float(53), nullable=False))
    return tables


def _finished() -> "Table":
    return _tables().tables["keepfit_finished"]


def _told() -> "Table":
    return _tables().tables["keepfit_told"]
