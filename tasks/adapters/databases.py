"""Databases that people name by an SQLAlchemy address: an engine, and what they answer told as our errors.

No message holds an address, a password or a cell. What is read or written belongs to the callers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.core.errors import ConfigInvalid, TransientError

if TYPE_CHECKING:
    from sqlalchemy import Engine


def engine_of(url: str, setting: str) -> "Engine":
    """An engine that keeps no connection; $VARIABLES are expanded. Raises ConfigInvalid, naming the `setting`."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    try:
        return create_engine(os.path.expandvars(url), poolclass=NullPool)
    except ImportError as error:
        raise ConfigInvalid(f"{setting} needs a driver that is not installed: {error.name}.") from None
    except ArgumentError:  # an unknown dialect is one, too
        raise ConfigInvalid(
            f"{setting} is no address that SQLAlchemy knows; write dialect+driver://user:$PASSWORD@host/database."
        ) from None


@contextmanager
def answering(whose: str, setting: str, refused: str, unavailable: type[TransientError]) -> Iterator[None]:
    """Turns what the database of `whose` says into `unavailable` (no answer) or ConfigInvalid (`refused`: of what)."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    try:
        yield
    except DBAPIError as error:
        kind = type(error.orig).__name__
        # SQLite calls a wrong name or a wrong query operational, too.
        wrong = any(word in str(error.orig) for word in ("no such", "syntax error", "no column named"))
        if isinstance(error, OperationalError | InterfaceError) and not wrong:
            raise unavailable(
                f"The database of {whose} did not answer ({kind}). "
                f"Check that it runs and that {setting} is right, then run again."
            ) from None
        raise ConfigInvalid(f"The database refuses {refused}".format(kind=kind)) from None
