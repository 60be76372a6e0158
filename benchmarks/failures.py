"""Fail closed: each vendor fails at each of its calls in turn, and what then moved, started, was told and was mended.

The flows themselves run, without Prefect's engine: against a real MLflow (SQLite), store, journal and lease table.
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.failing import MODES, VENDORS, Mode, failing
from benchmarks.ground import PIPELINE, SECOND, Ground, prepare
from benchmarks.results import Row, load
from tasks.core.errors import InvariantBroken, KeepfitError

STAGES = ("training", "retraining", "promotion", "monitoring", "scoring", "reconciliation")
_BEGINNING = {"retraining": "breached", "reconciliation": "killed"}


@dataclass(frozen=True)
class State:
    """What can be seen of a home: who is champion and by which receipts, what started and why, what is scored."""

    champion: int | None
    previous: int | None
    receipts: tuple[int, ...]
    started: tuple[str, ...]
    predictions: int
    probes: int
    decided: tuple[str, ...]
    told: tuple[str, ...]
    unsound: tuple[str, ...]

    @property
    def facts(self) -> tuple[Any, ...]:
        """What has to be the same whatever failed on the way."""
        return self.champion, self.previous, self.receipts, self.started, self.predictions, self.probes


@dataclass(frozen=True)
class Ended:
    """How a run with a failing vendor ended, what stood then, and what stood after the next, undisturbed one."""

    stage: str
    vendor: str
    mode: Mode
    where: str
    error: Exception | None
    alerts: tuple[str, ...]
    then: State
    later: State

    @property
    def fired(self) -> bool:
        """Whether the vendor failed at all: a run makes only so many calls."""
        return bool(self.where)

    @property
    def can_tell(self) -> bool:
        """Whether there is a journal to tell it to, and a lease that lets this run do so."""
        return self.mode != "for good" or self.vendor not in {"journal", "leases"}

    @property
    def outcome(self) -> str:
        """What the journal is told of a run that ended in an error."""
        return "broken" if isinstance(self.error, InvariantBroken) else "failed"

    def wrong(self, undisturbed: "Ended") -> list[str]:
        """What must not be, in words."""
        then, later = self.then, self.later
        error = f"{type(self.error).__name__}: {self.error}" if self.error else ""
        rules = {
            "an alias moved without a receipt": then.champion not in {1, *then.receipts},
            "an alias was lost": then.previous is None and then.champion != 1,
            "a retraining started that nobody decided": not set(then.started) <= set(then.decided),
            "a retraining started twice": len(later.started) > 1,
            f"an error without a name: {error}": error and not isinstance(self.error, KeepfitError),
            "the failure was silent": self.fired and self.mode == "for good" and not self.alerts,
            "the journal was not told": error and self.can_tell and self.outcome not in then.told,
            "a retry did not mend it": error and self.mode != "for good",
            f"it ended as {then.facts}, undisturbed as {undisturbed.then.facts}":
                not error and self.mode != "for good" and then.facts != undisturbed.then.facts,
            f"mended to {later.facts}, undisturbed {undisturbed.later.facts}": later.facts != undisturbed.later.facts,
            f"after the next run: {'; '.join(later.unsound)}": later.unsound,
        }  # fmt: skip
        return [
            f"{self.stage}, {self.vendor} {self.mode} ({self.where}): {rule}"
            for rule, broken in rules.items()
            if broken
        ]


def flow_of(stage: str, token: str) -> Callable[[], Any]:
    """The stage's flow, as of the second moment; a retraining is a training that a breach asked for by its token."""
    from flows.monitoring import monitoring_flow
    from flows.promotion import promotion_flow
    from flows.reconciliation import reconciliation_flow
    from flows.scoring import scoring_flow
    from flows.training import training_flow

    return {
        "training": lambda: training_flow.fn(PIPELINE, SECOND, "a benchmark"),
        "retraining": lambda: training_flow.fn(PIPELINE, SECOND, "performance", token),
        "promotion": lambda: promotion_flow.fn(PIPELINE, 2, SECOND),
        "monitoring": lambda: monitoring_flow.fn(PIPELINE, SECOND),
        "scoring": lambda: scoring_flow.fn(PIPELINE, SECOND),
        "reconciliation": lambda: reconciliation_flow.fn(PIPELINE),
    }[stage]


def run(ground: Ground, stage: str, vendor: str, at: int, mode: Mode) -> Ended:
    """One run of a stage's flow with a vendor that fails at its `at`-th call, and the next run without; 0: never."""
    flow, error = flow_of(stage, ground.token), None
    ground.restore(_BEGINNING.get(stage, "whole"))
    with ground.inside():
        with ground.run() as me, failing(vendor, at or 1_000_000, mode) as injection:
            try:
                flow()
            except Exception as raised:  # noqa: BLE001 - whatever it is, it is what is measured
                error = raised
        alerts, then = tuple(ground.alerts), _state(ground, me)
        with ground.run() as me:
            flow()
            later = _state(ground, me, verify=True)
        return Ended(stage, vendor, mode, injection.where, error, alerts, then, later)


def _state(ground: Ground, run_id: str, *, verify: bool = False) -> State:
    from tasks.adapters import registry
    from tasks.core import championship, invariants
    from tasks.verification import verify_invariants

    session = ground.session(SECOND)
    aliases, entries = registry.aliases(PIPELINE), session.journal.entries()
    decisions = [entry.decision for entry in entries]
    unsound = session.journal.verify() + invariants.receipt_passes(entries, championship.reign(entries))
    if verify:
        unsound += [f"{check.name}: {check.reason}" for check in verify_invariants.fn(session) if not check.passed]
    return State(
        aliases.get("champion"), aliases.get("previous"),
        tuple(d.evidence["version"] for d in decisions if (d.kind, d.outcome) == ("promotion", "promoted")),
        tuple(ground.started), session.store.rows("predictions"),
        sum(d.kind == "probe" for d in decisions),
        tuple(d.evidence["token"] for d in decisions if d.outcome == "triggered"),
        tuple(d.outcome for d in decisions if d.run_id == run_id), tuple(unsound),
    )  # fmt: skip


def in_turn(ground: Ground, stage: str, vendor: str, mode: Mode, step: int = 1, first: int = 1) -> Iterator[Ended]:
    """The vendor's 1st, 2nd, 3rd ... call fails, until a run needs no further call; `step` leaves calls out."""
    for at in itertools.count(first, step):
        ended = run(ground, stage, vendor, at, mode)
        if not ended.fired:
            return
        yield ended


def measure(step: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="keepfit-failures-") as name:
        ground = prepare(Path(name))
        for stage in STAGES:
            undisturbed = run(ground, stage, "store", 0, "once")
            for vendor in VENDORS:
                failed = [one for mode in MODES for one in in_turn(ground, stage, vendor, mode, step)]
                wrong = [line for one in failed for line in one.wrong(undisturbed)]
                for line in wrong:
                    print(line, flush=True)
                ended = Counter("named error" if one.error else one.mode for one in failed)
                yield Row(
                    f"{stage}: {vendor} fails at each call in turn: for good, once, and after the act",
                    f"{len(failed)} failures: {ended['named error']} named errors, the others mended or alerts; "
                    f"{len(wrong)} wrong",
                    goal="0 wrong", met=not wrong, load=load(),
                )  # fmt: skip
