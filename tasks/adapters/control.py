"""The control database: how it is reached, made private and spoken to. What its tables mean does not belong here.

SQLite by default, PostgreSQL by URL.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import ServerUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData


def connect(url: str, tables: "MetaData") -> "Engine":
    """An engine without a pool: a connection must cross neither a fork nor a thread. Creates tables that are not there.

    A local database is for its owner only. Raises ServerUnavailable.
    """
    from sqlalchemy import create_engine, event, make_url
    from sqlalchemy.exc import IntegrityError
    from sqlalchemy.pool import NullPool

    parsed = make_url(url)
    local = parsed.database if parsed.get_backend_name() == "sqlite" else None
    if local:
        Path(local).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": 30} if local else {})
    if local:
        event.listen(engine, "connect", _write_ahead)
    try:
        _create(engine, tables)
    except (ServerUnavailable, IntegrityError):  # another process may have created it between the look and the act
        _create(engine, tables)
    if local:
        os.chmod(local, 0o600)  # noqa: PTH101 - the database is a path given as text
    return engine


@contextmanager
def transaction(engine: "Engine") -> Iterator["Connection"]:
    """A connection inside one transaction. Raises ServerUnavailable, and IntegrityError for a row that is there."""
    from sqlalchemy.exc import DBAPIError, IntegrityError

    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DBAPIError as error:
        told = (str(error.orig).splitlines() or [""])[0]
        raise ServerUnavailable(
            f"The lease database did not answer ({told}). "
            "Check that it runs and that its disk is writable, then run again."
        ) from None


def _create(engine: "Engine", tables: "MetaData") -> None:
    with transaction(engine) as connection:
        tables.create_all(connection)


def _write_ahead(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
