"""The sample's declared truth: what the loop decides about each month of many samples against what is right.

    python -m benchmarks.remedies [--seeds 20]

The sample goes on for five months beyond the demo's and has a passing shock in one of them. Each delivery goes through
the loop's own reading, expectations and split of rows (`tasks.ingestion`); the months are played by the simulator's
core, which decides as `config/pipelines/subscriptions.yaml` says, unchanged.

The world of a seed: months 1-9 are history, then each month ends with one decision (10-23). Month 11 is corrupted, from
13 on other people subscribe (a campaign: drift that harms no model), from 15 on another law says who cancels, and in 20
alone those cancel who otherwise stay. Labels are known after 14 days, so a decision knows half of its month's.

What is right, written down before the first result was seen:

- quarantine: the corrupted month. Its delivery is refused whole; that the silent window also alerts, is part of it.
- note: while all that the champion learnt from is of before the campaign (until the change: 13 and 14).
- none: a quiet month, while the champion learnt from months of its kind only. To a champion that learnt from months
  before and in the campaign the rows are partly new: none and note are both right.
- retrain or wait, from the change on until a model promoted since then serves, at the latest in month 17 (`Truth.by`).
  Retrain is right only where the new model is promoted. Waiting is right while labels are not mature, and wrong in 17.
  Note and none are wrong: what hurts is no harmless drift.
- wait: the shock. In the month after it, while its rows are half of what performance is judged on, what is right in a
  quiet month is right, too. A retraining is wrong in both, even if its candidate is refused.
- A retraining that promotes nothing is wrong wherever it starts, and so is every alert of a sound month. A retraining
  that the governor or a probe holds back is a wait.
"""

import argparse
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.results import Row, load
from tasks.core import fitting, rehearsal, sample, simulation
from tasks.core.features import EVENT_TIME
from tasks.core.fitting import Recipe
from tasks.core.history import History
from tasks.core.policies import Keepfit
from tasks.core.rehearsal import Setting, Trained
from tasks.core.sample import State
from tasks.core.simulation import Period

FILE = Path(__file__).parents[1] / "config" / "pipelines" / "subscriptions.yaml"
HISTORY, PERIODS = 9, 23
GOAL = 0.95
REFUSED, USELESS = "quarantine", "retrain, refused"
DECIDED = ("none", "note", "wait", REFUSED, "retrain", USELESS, "alert")


@dataclass(frozen=True)
class Decided:
    """What was decided about a period, what would have been right, and why it was decided."""

    period: int
    state: State
    right: tuple[str, ...]
    remedy: str
    reason: str

    @property
    def is_right(self) -> bool:
        return self.remedy in self.right


def history(seed: int, setting_of_file: Any, folder: Path) -> tuple[History, set[int]]:
    """The accepted rows of a sample and the periods whose delivery was refused whole, by the loop's own ingestion."""
    from tasks import ingestion
    from tasks.adapters.store import Store
    from tasks.core import batches
    from tasks.session import Session

    config, refused = setting_of_file, set()
    events, labels = [], []
    for delivery in sample.generate(PERIODS, seed=seed, shock_in=sample.SHOCK_IN):
        session = Session(Store(str(folder), "subscriptions"), "", delivery.delivered_at, "benchmark")
        for name, content in sample.files(delivery).items():
            path = folder / name.replace("/", "-")
            path.write_bytes(content)
            kept = ingestion.keep_raw.fn(session, path, name.split("/")[0])
            if kept is None:
                raise ValueError(f"{name} holds what another file held")
            if kept.kind == "events":
                judged = ingestion.judge_events.fn(session, kept, config.source, config.columns, config.suite)
                tables = batches.event_tables(judged, kept, config.columns, config.positive, config.labels.delay)
                events.append(tables.get("events"))
                refused |= {delivery.period} if judged.refusal else set()
            else:
                judged = ingestion.judge_labels.fn(session, kept, config.labels, config.suite)
                columns = (config.labels.id, config.labels.label, config.labels.known_at)
                labels.append(batches.late_label_tables(judged, kept, columns, config.positive).get("labels"))
    return History.of(*(pd.concat([t for t in tables if t is not None]) for tables in (events, labels))), refused


def play(past: History, setting: Setting) -> tuple[list[Period], list[datetime]]:
    """The periods as the pipeline's file decides them, and since when each version's training rows reach back."""
    since: list[datetime] = []

    def trainer(rows: pd.DataFrame, tried: Sequence[Recipe]) -> Trained:
        trained = rehearsal.train(rows, tried)
        seen = fitting.seen_positions(rows, setting.split, trained.recipe.history)
        since.append(rows[EVENT_TIME].iloc[seen].min().to_pydatetime())
        return trained

    moments = [sample.month_start(period + 1) for period in range(HISTORY, PERIODS + 2)]
    return list(simulation.simulate(past, setting, Keepfit(), moments, trainer)), since


def hold(periods: Sequence[Period], since: Sequence[datetime], refused: set[int]) -> Iterator[Decided]:
    """Each period's decision beside what is right; the first training is none."""
    truths = {one.period: one for one in sample.truth(PERIODS, sample.SHOCK_IN)}
    champion, mended = periods[0].model, False
    for number, period in enumerate(periods[1:], HISTORY + 1):
        state = truths[number].state
        if state is State.QUIET_AFTER_CHANGE and not mended:
            state = State.CONCEPT_CHANGE
        right = _right(number, state, since[champion - 1])
        yield Decided(number, state, right, _decided(period, number in refused), period.reason)
        champion = period.model
        mended = mended or (period.promoted and number >= sample.CHANGE_FROM)


def _decided(period: Period, refused: bool) -> str:
    if period.asked or period.replaced:
        return "retrain" if period.replaced else USELESS
    if refused:
        return REFUSED
    remedy = period.decisions[-1].remedy
    return "wait" if remedy == "retrain" else remedy


def _right(number: int, state: State, since: datetime) -> tuple[str, ...]:
    if state is State.CORRUPTED:
        return (REFUSED,)
    if state is State.CONCEPT_CHANGE:
        return ("retrain", "wait") if number < sample.RETRAINED_BY else ("retrain",)
    if state is State.SHOCK:
        return ("wait",)
    calm = _calm(number, since)
    return ("wait", *calm) if number == sample.SHOCK_IN + 1 else calm


def _calm(number: int, since: datetime) -> tuple[str, ...]:
    if number < sample.DRIFT_FROM or since >= sample.month_start(sample.DRIFT_FROM):
        return ("none",)
    # The champion knows rows of before the campaign; whether it also knows some of it shows in its number only later.
    return ("note",) if number < sample.CHANGE_FROM else ("none", "note")


def decisions_of(seed: int) -> list[Decided]:
    """One world, played."""
    from config.load import load_file
    from flows.simulation import setting_of

    config = load_file(FILE)
    with tempfile.TemporaryDirectory(prefix="keepfit-remedies-") as name:
        past, refused = history(seed, config, Path(name))
    return list(hold(*play(past, setting_of(config)), refused))


def show(held: Sequence[Decided]) -> None:
    """The confusion matrix, and every decision that was wrong."""
    from rich.console import Console
    from rich.table import Table

    counts = Counter((one.state, " or ".join(one.right), one.remedy) for one in held)
    table = Table("truth", "right", *DECIDED, title="decided remedies against the declared truth")
    for state, right in dict.fromkeys((one.state, " or ".join(one.right)) for one in held):
        cells = [counts[state, right, remedy] for remedy in DECIDED]
        table.add_row(state, right, *(str(cell or "") for cell in cells))
    Console(width=150).print(table)


def measure(seeds: int) -> Iterator[Row]:
    """Every seed's world; the seeds are 0, 1, 2, ..."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    held: list[Decided] = []
    for seed in range(seeds):
        of_seed = decisions_of(seed)
        held += of_seed
        wrong = [one for one in of_seed if not one.is_right]
        print(f"  seed {seed}: {len(of_seed) - len(wrong)} of {len(of_seed)} right", flush=True)
        for one in wrong:
            print(f"    month {one.period} ({one.state}): {one.remedy}, right: {' or '.join(one.right)}: "
                  f"{one.reason[:300]}", flush=True)  # fmt: skip
    show(held)
    share = sum(one.is_right for one in held) / len(held)
    told = f"{share:.1%} ({sum(one.is_right for one in held)} of {len(held)}, {seeds} seeds)"
    yield Row(
        "remedies: decided as the declared truth asks", told, goal=f">= {GOAL:.0%}", met=share >= GOAL, load=load()
    )


def main() -> int:
    from benchmarks.results import show as show_rows

    parser = argparse.ArgumentParser(prog="benchmarks.remedies")
    parser.add_argument("--seeds", type=int, default=20, help="worlds that are played")
    show_rows(list(measure(parser.parse_args().seeds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
