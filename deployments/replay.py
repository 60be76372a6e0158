"""Replays history: runs a pipeline's deployments on the worker as of past moments, one after the other, causally.

It only starts runs and reads what they decided; nothing here decides, and nothing is faked on the way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import Any

from config.opening import open_pipeline
from config.settings import Settings
from tasks.core.addresses import without_credentials
from tasks.core.championship import reign
from tasks.core.errors import TerminalError, TransientError
from tasks.core.results import JournalEntry
from tasks.session import Session

_RUN_SECONDS = 900
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Step:
    """What one replayed moment brought: the new journal entries, the champion at its end, and the seconds it took."""

    as_of: datetime
    entries: tuple[JournalEntry, ...]
    champion: int | None
    seconds: float

    def of(self, kind: str) -> list[JournalEntry]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry.decision.kind == kind]

    @property
    def rows(self) -> tuple[int, int]:
        """Event rows accepted and quarantined."""
        taken = [e.decision.evidence for e in self.of("ingestion") if e.decision.evidence.get("kind") == "events"]
        return sum(e["accepted"] for e in taken), sum(e["quarantined"] for e in taken)

    @property
    def score(self) -> float | None:
        """The champion's realised score, where labels are known."""
        for entry in self.of("monitoring"):
            value = entry.decision.evidence.get("performance", {}).get("numbers", {}).get("score")
            if value is not None:
                return float(value)
        return None


def replay(pipeline: str, moments: Sequence[datetime], settings: Settings, here: bool = False) -> Iterator[Step]:
    """Run the cycle as of each moment and wait for what it started; yields each moment's step as it ends.

    Args:
        pipeline: Name of the pipeline.
        moments: When to decide, in order.
        settings: Of this machine.
        here: Run the cycles in this process, which saves a start of Python for each; retrainings run on the worker.

    Raises:
        TerminalError: a run failed. The message names its page.
        TransientError: a run did not end in a quarter of an hour.
    """
    _, session = open_pipeline(pipeline, None, "replay", settings)
    for as_of in moments:
        began, seen = monotonic(), len(session.journal.entries())
        _run_here(pipeline, as_of) if here else _run_cycle(pipeline, as_of)
        _wait_for_trainings(session, seen)
        entries = session.journal.entries()
        now = reign(entries)
        yield Step(as_of, tuple(entries[seen:]), now.champion if now else None, monotonic() - began)


def _run_cycle(pipeline: str, as_of: datetime) -> None:
    from prefect.deployments import run_deployment

    given = {"pipeline": pipeline, "as_of": as_of.isoformat()}
    run: Any = run_deployment(f"cycle/{pipeline}", parameters=given, timeout=0, as_subflow=False)
    _wait(str(run.id))


def _run_here(pipeline: str, as_of: datetime) -> None:
    from flows.cycle import cycle_flow

    cycle_flow(pipeline, as_of)


def _wait_for_trainings(session: Session, seen: int) -> None:
    for entry in session.journal.entries("trigger"):
        if entry.sequence > seen and entry.decision.outcome == "sent":
            _wait(str(entry.decision.evidence["flow_run"]))


def _wait(run_id: str) -> None:
    from uuid import UUID

    from prefect.client.orchestration import get_client

    end = monotonic() + _RUN_SECONDS
    with get_client(sync_client=True) as client:
        while monotonic() < end:
            run = client.read_flow_run(UUID(run_id))
            if run.state is not None and run.state.is_final():
                if not run.state.is_completed():
                    page = without_credentials(str(client.api_url)).replace("/api/", f"/runs/flow-run/{run_id}")
                    raise TerminalError(
                        f"The run {run.name} ended as {run.state.name}: {str(run.state.message)[:300]} Its page: {page}"
                    )
                return
            sleep(_POLL_SECONDS)
    raise TransientError(f"The run {run_id} did not end within {_RUN_SECONDS} s. Look at it in the Prefect UI.")
