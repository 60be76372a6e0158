"""How near to the best fixed policy could anybody come under the same gate, who knew each period's outcome beforehand?

    KEEPFIT_REAL_DATA=FOLDER python -m benchmarks.hindsight [--starts 0 5 10 15 20 25] [--cache FOLDER]

bike_sharing, months that begin on these days. The bound knows the future of every choice (train or not, promote who
passed or not), and its looks at the holdout are free; but it promotes nobody whom the duel does not find better on rows
that neither saw. What `keepfit`, which decides as usual, misses beyond it is timing; what the bound itself misses is
the price of the gate, decided monthly.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.simulations import CASES, YEAR, moments, prepare

_NOTHING: tuple[float, int] = (0.0, 0)


@dataclass(frozen=True)
class Bound:
    """Mean score over the periods that count, and the retrainings that it takes."""

    mean: float
    retrainings: int


def best_timing(
    errors: Sequence[Sequence[float]], passes: Callable[[int, int, int], bool], most: int, first: int = 0
) -> Bound:
    """The smallest mean error from period `first` on of any choice of when to retrain, at most `most` times.

    `errors[i][t]`: of the model that is trained at the beginning of period i, in period t. `passes(champion, candidate,
    t)`: whether the gates let this candidate follow this champion at the beginning of t. The model of period 0 serves
    first; a candidate that did not pass waits, and may be asked about at each beginning until the next is trained.
    """
    periods = len(errors)

    @cache
    def least(t: int, champion: int, waiting: int | None, left: int) -> tuple[float, int]:
        if t == periods:
            return _NOTHING
        found = []
        for serves, still in _after_waiting(t, champion, waiting):
            found.append(_served(t, serves, still, left, 0))
            if left and t:
                passed = passes(serves, t, t)
                found.append(_served(t, t if passed else serves, None if passed else t, left - 1, 1))
        return min(found)

    def _after_waiting(t: int, champion: int, waiting: int | None) -> list[tuple[int, int | None]]:
        kept: list[tuple[int, int | None]] = [(champion, waiting)]
        return kept if waiting is None or not passes(champion, waiting, t) else [*kept, (waiting, None)]

    def _served(t: int, serves: int, still: int | None, left: int, trained: int) -> tuple[float, int]:
        later, retrainings = least(t + 1, serves, still, left)
        return (errors[serves][t] if t >= first else 0.0) + later, trained + retrainings

    total, retrainings = least(0, 0, None, most)
    return Bound(total / (periods - first), retrainings)


def _hindsight(history: Any, setting: Any, when: Sequence[datetime], trainer: Any, most: int) -> Bound:
    """The bound with at most so many retrainings, its mean over 2012."""
    from tasks.core import metrics, rehearsal
    from tasks.core.deciding import with_newest
    from tasks.core.fitting import LABEL
    from tasks.core.results import Window

    pasts = [history.at(moment) for moment in when[:-1]]
    models = [rehearsal.contestant(past, setting, trainer, number + 1) for number, past in enumerate(pasts)]
    rows = [history.outcome(Window(start, end)) for start, end in pairwise(when)]
    errors = [
        [metrics.score(setting.metric, part[LABEL].to_numpy("float64"), rehearsal.predictions(model, part))
         for part in rows]
        for model in models
    ]  # fmt: skip

    @cache
    def passes(champion: int, candidate: int, t: int) -> bool:
        rival = models[candidate] if t == candidate else with_newest(models[candidate], pasts[t])
        return rehearsal.judge(rival, models[champion], setting, ())[0].passed

    first = next(number for number, moment in enumerate(when) if moment >= YEAR)
    return best_timing(errors, passes, most, first)


def measure(starts: Sequence[int], cache_folder: Path) -> list[tuple[int, Any, Any, Bound]]:
    """Per starting day: every window, keepfit, and the bound with at most 60 % of the retrainings of every window."""
    from tasks.adapters import rehearsals
    from tasks.adapters.provenance import code_digest
    from tasks.adapters.store import Store
    from tasks.core.comparison import Run, compare
    from tasks.core.policies import EveryWindow, Keepfit
    from tasks.core.simulation import simulate

    case, code = CASES[0], code_digest()
    history, setting = prepare(case, Path(os.environ["KEEPFIT_REAL_DATA"]))
    store = Store(str(cache_folder), case.name)

    def trainer(rows: Any, tried: Any) -> Any:
        return rehearsals.fit(store, rows, tried, code)

    found = []
    for day in starts:
        when = [moment + timedelta(days=day) for moment in moments(case, quick=False)]
        when = when[: len(when) - (day > 0)]  # whole periods only
        runs = [
            Run(policy.kind, tuple(simulate(history, setting, policy, when, trainer)))
            for policy in (EveryWindow(), Keepfit())
        ]
        every, mine = compare(runs, setting.metric, since=YEAR)
        found.append((day, every, mine, _hindsight(history, setting, when, trainer, int(0.6 * every.retrainings))))
        print(f"  months from day {day + 1}: done", flush=True)
    return found


def main() -> int:
    from rich.console import Console

    parser = argparse.ArgumentParser(prog="benchmarks.hindsight")
    parser.add_argument("--starts", type=int, nargs="+", default=[0, 5, 10, 15, 20, 25], help="days after the first")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the fits")
    options = parser.parse_args()
    if not os.environ.get("KEEPFIT_REAL_DATA"):
        print("KEEPFIT_REAL_DATA is not set: it names the folder that holds bike_sharing/hour.csv")
        return 1
    with tempfile.TemporaryDirectory() as own:
        found = measure(options.starts, options.cache or Path(own))
    _show(Console(), found)
    return 0


def _show(console: Any, found: Sequence[tuple[int, Any, Any, Bound]]) -> None:
    from rich.table import Table

    names = ("months from day", "every window, no gate", "keepfit", "hindsight under the gate")
    table = Table(*names, title="MAE over 2012 (behind every window), retrainings")
    for day, every, *others in found:
        told = [f"{one.mean:.2f} ({100 * (one.mean / every.mean - 1):+.1f} %), {one.retrainings}" for one in others]
        table.add_row(str(day + 1), f"{every.mean:.2f}, {every.retrainings}", *told)
    mine = sum(keepfit.mean / every.mean - 1 for _, every, keepfit, _ in found) / len(found)
    least = sum(bound.mean / every.mean - 1 for _, every, _, bound in found) / len(found)
    table.add_row("mean", "", f"{100 * mine:+.1f} %", f"{100 * least:+.1f} %")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
