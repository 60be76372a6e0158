"""Leases: who may do a thing right now, with a fencing token that is checked before anything is published.

One SQL table (SQLite by default, PostgreSQL by URL). What is done under a lease does not belong here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from tasks.adapters import control, processes
from tasks.core.errors import KeepfitError, LeaseLost, StoreConflict

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table

_LOOK_SECONDS = 0.5  # between two looks at a lease that is waited for


@dataclass(frozen=True)
class Lease:
    """The right of `holder` to `name` until `expires_at` (UTC). `token` grows with every acquisition of the name.

    `process` is the one that acquired it: a lease ends with its process, as soon as somebody on that machine looks.
    """

    name: str
    holder: str
    token: int
    expires_at: datetime
    process: str


class Leases:
    """All leases in one database. Safe for threads and processes; every change is one compare-and-swap statement."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __reduce__(self) -> tuple[type["Leases"], tuple[str]]:
        """Elsewhere it is reached anew: what is open here crosses to no other process."""
        return Leases, (self.url,)

    def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """Take the lease, or None while another holder's lease lives.

        The same holder takes its own lease over, and the new token makes the old one void: a holder must be unique to
        one run of one process. The lease of a dead process is taken over at once.
        """
        from sqlalchemy import insert, or_, select, update
        from sqlalchemy.exc import IntegrityError

        leases, now = _table(), time.time()
        void = [lease.token for lease in self._unexpired() if lease.name == name and _is_void(lease)]
        free = or_(leases.c.expires_at <= now, leases.c.holder == holder, leases.c.token.in_(void))
        values = {"holder": holder, "expires_at": now + seconds, "process": processes.own()}
        try:
            with control.transaction(self._engine) as connection:
                # The update comes first, so SQLite takes its write lock before anything is read.
                taken = update(leases).where(leases.c.name == name, free).values(token=leases.c.token + 1, **values)
                if connection.execute(taken).rowcount == 0:
                    connection.execute(insert(leases).values(name=name, token=1, **values))
                row = connection.execute(select(leases).where(leases.c.name == name)).one()
        except IntegrityError:
            return None
        return _lease(row)

    def holder(self, name: str) -> Lease | None:
        """The live lease on a name, or None."""
        return next((lease for lease in self.live() if lease.name == name), None)

    def live(self) -> list[Lease]:
        """All leases that have not expired and whose process is not known to be dead, by name."""
        return [lease for lease in self._unexpired() if not _is_void(lease)]

    def _unexpired(self) -> list[Lease]:
        from sqlalchemy import select

        leases = _table()
        with control.transaction(self._engine) as connection:
            rows = connection.execute(select(leases).where(leases.c.expires_at > time.time()).order_by(leases.c.name))
            return [_lease(row) for row in rows]

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend a live lease to `seconds` from now. Raises LeaseLost when it expired or was taken over."""
        now = time.time()
        if not self._change(lease, now, now + seconds):
            raise self._lost(lease)
        return replace(lease, expires_at=datetime.fromtimestamp(now + seconds, UTC))

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens when it is no longer ours. The row stays: tokens only grow."""
        self._change(lease, 0, 0)

    def check(self, lease: Lease) -> None:
        """Call right before publishing. Raises LeaseLost when the lease expired or was taken over."""
        current = self.holder(lease.name)
        # The holder, too: in a database that was lost and made anew the tokens begin at 1 again.
        if current is None or (current.token, current.holder) != (lease.token, lease.holder):
            raise self._lost(lease)

    @contextmanager
    def hold(
        self,
        name: str,
        holder: str,
        seconds: float = 60,
        waiting: Callable[[str], None] = lambda _: None,
        stranded: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Lease]:
        """Hold a lease for the length of a block; a daemon thread renews it every third of its life.

        Raises StoreConflict when another holder is at work. A holder that shows no sign of life is waited out, at most
        until its lease expires: `waiting` is told so. A lease that is lost inside the block shows in `check`; one that
        could not be given back is told to `stranded`.
        """
        lease = self._take(name, holder, seconds, waiting)
        done = Event()
        keeper = Thread(target=self._keep, args=(lease, seconds, done), name=f"lease {name}", daemon=True)
        keeper.start()
        try:
            yield lease
        finally:
            done.set()
            keeper.join()
            try:
                self.release(lease)
            except KeepfitError as error:  # it ends by itself
                stranded(f"The lease {name!r} could not be given back and stands until it expires: {error}")

    def _take(self, name: str, holder: str, seconds: float, waiting: Callable[[str], None]) -> Lease:
        first: Lease | None = None
        while (lease := self.acquire(name, holder, seconds)) is None:
            current = self.holder(name)
            if current is None:
                continue  # it was given back or has expired since
            if processes.fate(current.process) == "running" or current != (first or current):
                raise StoreConflict(_taken(current))  # it works on this machine, or it has renewed its lease
            if first is None:
                waiting(f"{_taken(current)} Waiting until then: nothing tells whether its process still lives.")
            first = first or current
            time.sleep(_LOOK_SECONDS)
        return lease

    def _keep(self, lease: Lease, seconds: float, done: Event) -> None:
        while not done.wait(seconds / 3):
            try:
                self.renew(lease, seconds)
            except LeaseLost:
                return
            except KeepfitError:
                continue  # the database may come back before the lease expires; `check` decides, not this thread

    def _change(self, lease: Lease, alive_at: float, expires_at: float) -> bool:
        from sqlalchemy import update

        leases = _table()
        own = (leases.c.name == lease.name, leases.c.token == lease.token, leases.c.holder == lease.holder)
        change = update(leases).where(*own, leases.c.expires_at > alive_at).values(expires_at=expires_at)
        with control.transaction(self._engine) as connection:
            return bool(connection.execute(change).rowcount)

    def _lost(self, lease: Lease) -> LeaseLost:
        current = self.holder(lease.name)
        fate = f"{current.holder} holds it now (token {current.token})" if current else "it expired"
        return LeaseLost(
            f"{lease.holder} no longer holds the lease {lease.name!r} (token {lease.token}): {fate}. "
            "This run publishes nothing more; start it again."
        )

    @cached_property
    def _engine(self) -> "Engine":
        return control.connect(self.url, _table().metadata)


@cache
def _table() -> "Table":
    from sqlalchemy import Column, Float, Integer, MetaData, String, Table

    number = Column("token", Integer, nullable=False)
    expiry = Column("expires_at", Float(53), nullable=False)
    who = (Column("holder", String, nullable=False), Column("process", String, nullable=False))
    return Table("keepfit_leases", MetaData(), Column("name", String, primary_key=True), *who, number, expiry)


def _lease(row: Any) -> Lease:
    return Lease(row.name, row.holder, row.token, datetime.fromtimestamp(row.expires_at, UTC), row.process)


def _is_void(lease: Lease) -> bool:
    return processes.fate(lease.process) == "dead"


def _taken(lease: Lease) -> str:
    whose = f"held by {lease.holder} until {lease.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"The lease {lease.name!r} is {whose}; wait for that run to end, or stop it and try again."
