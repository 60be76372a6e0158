"""Which thresholds would have served better: a small grid, the choice by an early part of history, and its tables.

Playing a grid through a history is the simulator's. Nothing here changes a pipeline; a proposal is for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product

from tasks.core import markdown
from tasks.core.comparison import Run, Standing, compare
from tasks.core.dossiers import SIMULATION_HEAD, simulation_rows
from tasks.core.durations import format_duration
from tasks.core.errors import ConfigInvalid
from tasks.core.metrics import MetricName
from tasks.core.plays import Play
from tasks.core.policies import EveryWindow, Keepfit, Never
from tasks.core.rehearsal import Setting
from tasks.core.simulation import Change

LOSSES = (0.5, 1.0, 2.0)
"""Factors of the file's `performance.max_loss`."""
CONFIDENCES = (0.8, 0.95)
"""Values of `performance.confidence`, beside the file's own."""
COOLDOWNS = (0.5, 1.0, 2.0)
"""Factors of the file's `governor.cooldown`."""
TOLERANCE = 0.01
"""Means within this share of the best one count as equally good; then fewer retrainings decide."""
FEWEST_PERIODS = 4
LATE_PLAYS = 4
"""How many the later part has at most (`late`)."""
PRESENT, PROPOSED = "present", "proposed"


@dataclass(frozen=True)
class Thresholds:
    """What is varied: `performance.max_loss`, `performance.confidence` and `governor.cooldown`."""

    max_loss: float
    confidence: float
    cooldown: timedelta

    @classmethod
    def of(cls, setting: Setting) -> "Thresholds":
        """Those of the pipeline's file."""
        return cls(setting.performance.max_loss, setting.performance.confidence, setting.governor.cooldown)

    def put_into(self, setting: Setting) -> Setting:
        """The setting with these thresholds and nothing else changed; only what differs counts as set."""
        now = Thresholds.of(setting)
        judged = {name: getattr(self, name) for name in ("max_loss", "confidence")
                  if getattr(self, name) != getattr(now, name)}  # fmt: skip
        waits = {"cooldown": self.cooldown} if self.cooldown != now.cooldown else {}
        return replace(
            setting,
            performance=setting.performance.model_copy(update=judged),
            governor=setting.governor.model_copy(update=waits),
        )

    @property
    def label(self) -> str:
        """As a line of the table tells it."""
        return f"max_loss {self.max_loss:g}, confidence {self.confidence:g}, cooldown {format_duration(self.cooldown)}"


@dataclass(frozen=True)
class Tuned:
    """What came out: the thresholds chosen by the early part, and the tables of both parts (the present ones first)."""

    present: Thresholds
    chosen: Thresholds
    cut: datetime
    early: tuple[Standing, ...]
    late: tuple[Standing, ...]

    @property
    def verdict(self) -> str:
        """One sentence for people: what is proposed and what it would have earned or cost after the choice."""
        if self.chosen == self.present:
            return f"Keep the thresholds: by {self.cut:%Y-%m-%d} no others had served better."
        ours, theirs = (next(one for one in self.late if one.policy == name) for name in (PROPOSED, PRESENT))
        told = f"Chosen by what was known on {self.cut:%Y-%m-%d}: {self.chosen.label}. From then on"
        if ours.mean is None or theirs.mean is None:
            return f"{told} no score can be compared."
        moved = 100 * abs(ours.mean - theirs.mean) / abs(theirs.mean) if theirs.mean else 0.0
        better = (ours.regret or 0.0) < (theirs.regret or 0.0)
        answer = f"{moved:.1f} % {'better' if better else 'worse'}" if ours.mean != theirs.mean else "the same"
        return (
            f"{told} the mean score would have been {answer} ({ours.mean:.4g} against {theirs.mean:.4g}), with "
            f"{ours.retrainings} retrainings against {theirs.retrainings}."
            + ("" if better else " So the history does not speak for it: think twice.")
        )


def grid(setting: Setting) -> tuple[Thresholds, ...]:
    """The file's own thresholds first, then every other combination of the grid, each once (at most 27)."""
    now = Thresholds.of(setting)
    losses = [now.max_loss * factor for factor in LOSSES]
    confidences = [now.confidence, *CONFIDENCES]
    cooldowns = [now.cooldown * factor for factor in COOLDOWNS]
    every = (Thresholds(*chosen) for chosen in product(losses, confidences, cooldowns))
    return tuple(dict.fromkeys((now, *every)))


def cut_of(moments: Sequence[datetime]) -> int:
    """Position of the moment at which the choice is made: half of the periods lie before it.

    Raises:
        ConfigInvalid: there are too few periods to choose by some and to judge by others.
    """
    periods = len(moments) - 1
    if periods < FEWEST_PERIODS:
        raise ConfigInvalid(
            f"There are {periods} periods, and at least {FEWEST_PERIODS} are needed: half of them choose, the other "
            "half judges. Give a shorter --every, an earlier --from, or wait for more history."
        )
    return periods // 2


def early(setting: Setting, moments: Sequence[datetime], check_every: timedelta | None = None) -> list[Play]:
    """Every line of the grid through the part that chooses; no row or label that was not known at its end."""
    until = tuple(moments[: cut_of(moments) + 1])
    return [
        Play(one.label, one.put_into(setting), Keepfit(), until, known_by=until[-1], check_every=check_every)
        for one in grid(setting)
    ]


def late(
    setting: Setting, chosen: Thresholds, moments: Sequence[datetime], check_every: timedelta | None = None
) -> list[Play]:
    """What followed: the same champion under the present and the chosen thresholds, and two policies for bearings.

    Where the present ones were chosen there is nothing to propose, and one play less.
    """
    at, every = moments[cut_of(moments)], tuple(moments)
    same, other = Change(at, setting), Change(at, chosen.put_into(setting))
    return [
        Play(PRESENT, setting, Keepfit(), every, same, check_every=check_every),
        *([Play(PROPOSED, setting, Keepfit(), every, other, check_every=check_every)] if other != same else []),
        *(Play(policy.kind, setting, policy, every, same) for policy in (Never(), EveryWindow())),
    ]


def choose(runs: Sequence[Run], metric: MetricName) -> int:
    """Position of the run to propose: of the means within `TOLERANCE` of the best, the one with fewest retrainings.

    Of equal ones the first, so the present thresholds stay where nothing is better. Without any score: the first.
    """
    lines = compare(runs, metric)
    best = next((abs(line.mean) for line in lines if line.regret == 0 and line.mean is not None), 0.0)
    near = [place for place, line in enumerate(lines) if line.regret is not None and line.regret <= TOLERANCE * best]
    return min(near, key=lambda place: (lines[place].retrainings, place), default=0)


def tuning_page(pipeline: str, metric: str, tuned: Tuned, snippet: str) -> str:
    """What was tried, what was chosen by when, and how it went on from there."""
    parts = [
        f"### From {tuned.cut:%Y-%m-%d} on: what came of it ({metric})\n\n"
        + markdown.table(TUNING_HEAD, tuning_rows(tuned.late)),
        f"### Before {tuned.cut:%Y-%m-%d}: what chose ({metric})\n\n"
        + markdown.table(TUNING_HEAD, tuning_rows(tuned.early)),
        *([f"To take it over, put this into the pipeline's file:\n\n```yaml\n{snippet}```"] if snippet else []),
    ]
    return markdown.page(f"Thresholds of {pipeline}", tuned.verdict, parts)


TUNING_HEAD = ("thresholds or policy", *SIMULATION_HEAD[1:-2])


def tuning_rows(lines: Sequence[Standing]) -> list[tuple[str, ...]]:
    """One row per line, as text; without alarms, for which a truth would have to be declared."""
    return [row[:-2] for row in simulation_rows(lines)]
