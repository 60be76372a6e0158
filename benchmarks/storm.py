"""Breaches by the thousand against a real journal, store and lease table, without servers: how many retrainings start.

The wrappers of the monitoring stage decide and start; in Prefect's place stands its one promise: one key, one run.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from benchmarks.results import Row, load
from tasks import monitoring, training
from tasks.adapters.fits import Fitted
from tasks.adapters.registry import ModelVersion
from tasks.adapters.store import Store
from tasks.core import invariants
from tasks.core.estimators import Linear
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.governor import Governor
from tasks.core.observations import Context, Observation
from tasks.core.results import Check, Decision, JournalEntry, Snapshot, Verdict, Window
from tasks.core.splits import Split
from tasks.core.triggers import PerformanceDecay
from tasks.session import Session
from tasks.versions import tags_of

START = datetime(2024, 6, 1, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
GOVERNOR = Governor(cooldown=7 * DAY, budget=50, period=365 * DAY, min_new_labels=0, give_up_after=3)
SEEN = Observation(
    data=Check("data", Verdict.PASS, "no sign"), data_drift=Check("data_drift", Verdict.PASS, "no sign"),
    prediction_drift=Check("prediction_drift", Verdict.PASS, "no sign"),
    performance=Check("performance", Verdict.FAIL, "beyond the limit"), columns=(), rows=500,
)  # fmt: skip


def champion() -> ModelVersion:
    """Version 3, with the tags that a registered version has."""
    moment = (START - 40 * DAY).isoformat()
    split = Split(history=(90 * DAY,), tuning=0.2, evaluation=0.2)
    recipe = Recipe(
        "binary", "roc_auc", Features(("x",), ()), split, Linear(), {"strength": 1.0}, split.history[0], seed=0
    )
    snapshot = Snapshot("p", 0, 0, Window(START - 130 * DAY, START - 40 * DAY), START - 40 * DAY, 1000, "digest")
    fitted = Fitted("key", "sha", {"evaluation_roc_auc": 0.8}, moment, moment)
    return ModelVersion(3, "run", tags_of("sha", fitted, snapshot, recipe))


@dataclass
class World:
    """One pipeline in a folder, and the runs that Prefect would have made: by token."""

    folder: Path
    runs: dict[str, SimpleNamespace] = field(default_factory=dict)

    def session(self, moment: datetime) -> Session:
        return Session(Store(str(self.folder / "store"), "p"), f"sqlite:///{self.folder}/control.db", moment, "run")

    def check(self, moment: datetime, window: Window | None = None, governor: Governor = GOVERNOR) -> Decision:
        """One check that sees the breach, from the decision to the start, as the flow has it."""
        now = self.session(moment)
        context = Context("p", 3, window or Window(moment - 30 * DAY, moment), moment, "run")
        decision = monitoring.decide_remedy.fn(now, context, SEEN, (PerformanceDecay(),), governor, champion())
        if decision.outcome == "triggered":
            monitoring.start_retraining.fn(now, decision)
        return decision

    def end_training(self, decision: Decision, moment: datetime, outcome: str = "refused") -> None:
        """The retraining of a breach ends, as its flow writes it down."""
        spent = {"seconds": 30.0, "cpu_seconds": 60.0}
        token = str(decision.evidence["token"])
        training.record_training.fn(self.session(moment), outcome, "worse than the champion", spent, token)

    def entries(self) -> list[JournalEntry]:
        return self.session(START).journal.entries()

    def broken(self) -> list[str]:
        """What is wrong with the journal: its chain, its breaches."""
        return self.session(START).journal.verify() + invariants.breaches_answered(self.entries())


@contextmanager
def world() -> Iterator[World]:
    import prefect.deployments

    with tempfile.TemporaryDirectory(prefix="keepfit-storm-") as name:
        made = World(Path(name))

        def run_deployment(_name: str, *, idempotency_key: str, **_given: object) -> SimpleNamespace:
            return made.runs.setdefault(idempotency_key, SimpleNamespace(id=f"run-{len(made.runs)}"))

        with mock.patch.object(prefect.deployments, "run_deployment", run_deployment):
            yield made


def same_breach(ground: World, count: int) -> None:
    """The very same breach, `count` times: one window, one version, one signal."""
    for number in range(count):
        ground.check(START + number * MINUTE, Window(START - 30 * DAY, START))


def new_breaches(ground: World, count: int) -> None:
    """A breach in a new window every minute, `count` times, while nothing has answered the first."""
    for number in range(count):
        ground.check(START + number * MINUTE)


def unmendable(ground: World, checks: int) -> None:
    """A breach that no retraining mends: every check sees it, every retraining ends refused within the day."""
    for number in range(checks):
        moment = START + number * DAY
        decision = ground.check(moment)
        if decision.outcome == "triggered":
            ground.end_training(decision, moment + DAY / 2)


def measure(count: int) -> Iterator[Row]:
    for scenario, what in ((same_breach, "the same breach"), (new_breaches, "a breach in a new window each minute")):
        with world() as ground:
            began = time.perf_counter()
            scenario(ground, count)
            each = (time.perf_counter() - began) / count
            told = Counter(entry.decision.outcome for entry in ground.entries())
            reasoned = all(
                "suppressed by" in e.decision.reason for e in ground.entries() if e.decision.outcome == "suppressed"
            )
            met = len(ground.runs) == 1 and told["triggered"] == 1 and reasoned and not ground.broken()
            yield Row(
                f"{what}, {count:,} times: retrainings started",
                f"{len(ground.runs)} ({told['suppressed']} suppressions in the journal, each with its reason; "
                f"{1000 * each:.0f} ms a check)", goal="1, and an unbroken journal", met=met, load=load(),
            )  # fmt: skip
