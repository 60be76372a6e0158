"""What every task of a run needs: whose run it is, as of when it decides, and where its tables and leases are."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.adapters import orchestrator
from tasks.adapters.journal import Journal
from tasks.adapters.leases import Lease, Leases
from tasks.adapters.store import Store
from tasks.core.results import Decision, JournalEntry

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """One run of one flow on one pipeline. `as_of` is the moment (UTC) as which it decides; `run_id` names the run."""

    store: Store
    control_url: str
    as_of: datetime
    run_id: str

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.store.pipeline

    @property
    def journal(self) -> Journal:
        """The pipeline's decisions."""
        return Journal(self.store)

    @property
    def leases(self) -> Leases:
        """All leases of this installation."""
        return Leases(self.control_url)

    @contextmanager
    def hold(self, stage: str) -> Iterator[Lease]:
        """Hold the pipeline's lease for a stage; raises StoreConflict when another run is at work on it.

        A run that was killed on this machine is succeeded at once; one that fell silent elsewhere is waited out.
        """
        orchestrator.sign_flow_run(self.run_id)
        with self.leases.hold(f"{stage}/{self.pipeline}", self.run_id, waiting=_log.warning) as lease:
            yield lease

    def record(self, decision: Decision) -> JournalEntry:
        """Write a decision into the journal, once per key."""
        return self.journal.record(decision, datetime.fromtimestamp(time.time(), UTC))
