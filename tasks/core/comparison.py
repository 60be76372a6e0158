"""Policies held against each other: what each one's models scored, what it cost, and how far it is behind the best.

Works on the records of `simulation`; drawing and logging are adapters' business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.core.deciding import Decided
from tasks.core.metrics import MetricName, gain
from tasks.core.results import Window
from tasks.core.simulation import Period


@dataclass(frozen=True)
class Run:
    """One policy through the history; `check_seconds` is what its decisions took of one core, fits apart."""

    policy: str
    periods: tuple[Period, ...]
    check_seconds: float = 0.0


@dataclass(frozen=True)
class Standing:
    """One line of the table. Retrainings and promotions without the first model, with which all policies begin.

    `mean` is over the periods that every policy has a score for, each of equal weight; `regret` is what the best
    policy's mean is better by, in metric units. `cpu_seconds`: fits and checks of one core. Alarms only where the truth
    is declared: `false_alarms` are retrainings outside of every declared change, `missed` changes without one.
    """

    policy: str
    mean: float | None
    regret: float | None
    retrainings: int
    promotions: int
    cpu_seconds: float
    false_alarms: int | None = None
    missed: int | None = None


def compare(
    runs: Sequence[Run], metric: MetricName, changes: Sequence[Window] | None = None, since: datetime | None = None
) -> list[Standing]:
    """One line per run, in their order.

    Args:
        runs: of the same periods.
        metric: whose direction says what is better.
        changes: windows in which a retraining is right: one decided as of `start < as_of <= end` is in time. Windows
            in which no period begins are left out.
        since: leaves earlier periods out of the means (a year in hindsight); counts stay those of the whole history.
    """
    common = [
        all(run.periods[place].score is not None for run in runs) and (since is None or period.as_of >= since)
        for place, period in enumerate(runs[0].periods)
    ]
    if changes is not None:
        moments = [period.as_of for period in runs[0].periods]
        changes = [change for change in changes if any(change.start < moment <= change.end for moment in moments)]
    means = [_mean(run, common) for run in runs]
    best = max((m for m in means if m is not None), key=lambda mean: gain(metric, mean, 0.0), default=None)
    return [
        Standing(
            run.policy,
            mean,
            None if mean is None or best is None else gain(metric, best, mean),
            retrainings=sum(one.asked and one.trained for one in _decisions(run)),
            promotions=sum(one.replaced for one in _decisions(run)),
            cpu_seconds=run.check_seconds + sum(one.seconds for one in _decisions(run)),
            false_alarms=None if changes is None else _false_alarms(run, changes),
            missed=None if changes is None else sum(not _answered(run, change) for change in changes),
        )
        for run, mean in zip(runs, means, strict=True)
    ]


def _mean(run: Run, common: Sequence[bool]) -> float | None:
    scores = [p.score for p, chosen in zip(run.periods, common, strict=True) if chosen and p.score is not None]
    return sum(scores) / len(scores) if scores else None


def _decisions(run: Run) -> list[Decided]:
    return [one for period in run.periods for one in period.decisions]


def _asked(run: Run) -> list[datetime]:
    return [one.as_of for one in _decisions(run) if one.asked]


def _false_alarms(run: Run, changes: Sequence[Window]) -> int:
    return sum(not any(change.start < moment <= change.end for change in changes) for moment in _asked(run))


def _answered(run: Run, change: Window) -> bool:
    return any(change.start < moment <= change.end for moment in _asked(run))
