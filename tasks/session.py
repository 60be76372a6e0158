"""What every task of a run needs: whose run it is, as of when it decides, and where its tables and leases are."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from tasks.adapters import orchestrator
from tasks.adapters.journal import Journal
from tasks.adapters.leases import Lease, Leases
from tasks.adapters.pulses import Pulses
from tasks.adapters.store import Store
from tasks.core.errors import InvariantBroken, KeepfitError, NoChampion, NoSuchChoice, StoreConflict
from tasks.core.privacy.keys import Keys
from tasks.core.results import Decision, JournalEntry, Verdict

_READ_ONLY = {"simulation", "staleness"}
_TOLD = "_keepfit_told"  # set on an error: the flows around the one that told it need not tell it again
_at_work: ContextVar[bool] = ContextVar("keepfit_at_work", default=False)
_log = logging.getLogger(__name__)


def _nothing(_: "Session") -> None:
    """Nobody waits for the end of this run."""


def wall_clock() -> datetime:
    """The moment that it is (UTC)."""
    return datetime.fromtimestamp(time.time(), UTC)


@dataclass(frozen=True)
class Session:
    """One run of one flow on one pipeline. `as_of` is the moment (UTC) as which it decides; `run_id` names the run.

    `at_end` is called once, when the outermost stage has ended, well or in an error, and raises nothing.
    `by_hand`: no run of Prefect's, which need not answer then.
    """

    store: Store
    control_url: str
    as_of: datetime
    run_id: str
    clock: Callable[[], datetime] = wall_clock
    keys: Keys = field(default_factory=Keys, repr=False)
    at_end: Callable[["Session"], None] = _nothing
    by_hand: bool = False

    @property
    def now(self) -> datetime:
        """The present, which a replay of the past is behind: later than this nothing can have happened."""
        return max(self.as_of, self.clock())

    def for_reading(self) -> "Session":
        """What reading and validating a delivery needs, wherever it is done: no leases, and this process's clock."""
        now = self.now
        return Session(self.store, "", self.as_of, self.run_id, lambda: now, self.keys)

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.store.pipeline

    @property
    def journal(self) -> Journal:
        """The pipeline's decisions."""
        return Journal(self.store)

    @cached_property
    def leases(self) -> Leases:
        """All leases of this installation."""
        return Leases(self.control_url)

    def require_records(self) -> None:
        """Raise ArtefactMismatch where the journal or the list of deliveries cannot be read: both are decided by."""
        from tasks.retrying import tried_again  # it imports Prefect, which a reader of tables does without

        tried_again(self.journal.entries)
        tried_again(lambda: self.store.read("batches"))

    def is_free(self, stage: str) -> bool:
        """Whether no other run holds the stage: one that does finishes it, or leaves it to the next repair."""
        holder = self.leases.holder(f"{stage}/{self.pipeline}")
        return holder is None or holder.holder == self.run_id

    def alive(self) -> set[str]:
        """The ids of all runs that hold a lease, and of this one."""
        return {lease.holder for lease in self.leases.live()} | {self.run_id}

    @contextmanager
    def hold(self, stage: str) -> Iterator[Lease]:
        """Hold the pipeline's lease for a stage; raises StoreConflict when another run is at work on it.

        A run that was killed on this machine is succeeded at once; one that fell silent elsewhere is waited out. What
        ends the block in an error is told: by an alert, and as `unknown` in the journal, while the lease is still held.
        """
        from tasks.retrying import tried_again  # it imports Prefect, which a reader of tables does without

        with ExitStack() as held:
            if not _at_work.get():  # the outermost stage's end is the run's
                held.callback(self.at_end, self)
                held.callback(_at_work.reset, _at_work.set(True))
            lease: Lease | None = None
            try:
                if not self.by_hand:
                    tried_again(lambda: orchestrator.sign_flow_run(self.run_id))
                lease = tried_again(lambda: self._take(stage, held), final=StoreConflict)
                yield lease
                self._finish(stage)
            except Exception as error:
                if isinstance(error, NoChampion | InvariantBroken):
                    self._finish(stage)
                elif stage not in _READ_ONLY and not (isinstance(error, NoSuchChoice) or getattr(error, _TOLD, False)):
                    self.tell_failure(stage, error, {}, lease)
                raise

    def _finish(self, stage: str) -> None:
        """Write down that the stage came to an end of its own: what has not for long is noticed by the heartbeat."""
        try:
            Pulses(self.control_url).finish(self.pipeline, stage, self.clock())
        except KeepfitError as error:
            _log.warning("that %s of %s has ended could not be written down: %s", stage, self.pipeline, error)

    def _take(self, stage: str, held: ExitStack) -> Lease:
        try:
            name = f"{stage}/{self.pipeline}"
            return held.enter_context(self.leases.hold(name, self.run_id, waiting=_log.warning, stranded=_log.error))
        except StoreConflict as error:  # another run is at work: nothing has failed, in this flow or around it
            _log.warning("%s of %s does not run now: %s", stage, self.pipeline, error)
            setattr(error, _TOLD, True)
            raise

    def tell_failure(
        self, stage: str, error: Exception, evidence: Mapping[str, Any], lease: Lease | None, key: str | None = None
    ) -> None:
        """Say that a stage failed, so that nothing is known: an alert, and an entry in the journal if that answers.

        Who lost the `lease` meanwhile writes nothing any more: the run that took over tells how the stage ends.
        """
        reason = reason_of(error)
        _log.error("%s of %s failed, and nothing is decided on a guess: %s", stage, self.pipeline, reason)
        setattr(error, _TOLD, True)
        with suppress(KeepfitError):  # what failed first is what people have to know
            if lease is not None:
                self.leases.check(lease)
            self.record(Decision(
                key=key or f"failed:{stage}:{self.run_id}", pipeline=self.pipeline, kind=stage, verdict=Verdict.UNKNOWN,
                outcome="failed", reason=reason, as_of=self.as_of, evidence=evidence, run_id=self.run_id,
            ))  # fmt: skip

    def record(self, decision: Decision) -> JournalEntry:
        """Write a decision into the journal, once per key."""
        return self.journal.record(decision, self.clock())


def reason_of(error: Exception) -> str:
    """Why, for the journal and for pages: our own messages quote no cell values, those of others may."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, KeepfitError) else f"{name}; the log of this run says where"
