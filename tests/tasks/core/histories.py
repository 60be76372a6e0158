"""Small made-up histories for the tests of the simulator: a number from two others, whose law may change."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from tasks.core.drift import Drift
from tasks.core.estimators import Linear
from tasks.core.features import EVENT_TIME, ROW_ID, Features
from tasks.core.fitting import LABEL
from tasks.core.gates import BeatsChampion, BeatsDummy, CleanProcess, Sanity
from tasks.core.governor import Governor
from tasks.core.history import KNOWN_AT
from tasks.core.performance import Performance
from tasks.core.rehearsal import Setting
from tasks.core.splits import Split
from tasks.core.strategies import NewSearch
from tasks.core.triggers import DataDrift, PerformanceDecay

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SETTING = Setting(
    problem="regression",
    metric="mae",
    features=Features(("x", "z"), ()),
    split=Split(history=(30 * DAY, 90 * DAY), tuning=10 * DAY, evaluation=10 * DAY, min_rows=5),
    strategy=NewSearch(),
    families=(Linear(),),
    gates=(Sanity(), BeatsDummy(), BeatsChampion(margin=0.0, min_rows=10), CleanProcess()),
    first_champion="when_gates_pass",
    drift=Drift(window=20 * DAY, resamples=100),
    performance=Performance(window=20 * DAY, min_rows=10, max_loss=0.5),
    triggers=(PerformanceDecay(), DataDrift()),
    governor=Governor(cooldown=DAY, min_new_labels=5),
    label_delay=timedelta(0),
    seed=0,
)


def moments(first=60, last=200, every=20):
    return [START + day * DAY for day in range(first, last + 1, every)]


def tables(days=200, per_day=4, seed=0, changes_on=None, moves_on=None, slopes=None):
    """Events and labels in random order; the law turns on `changes_on`, x moves on `moves_on` (days).

    `slopes`: the law from each day on, as {day: slope of x}, instead of one turn.
    """
    rng = np.random.default_rng(seed)
    age = np.sort(rng.uniform(0, days, days * per_day))
    x, z = rng.normal(size=len(age)), rng.normal(size=len(age))
    slope = np.where(age >= (changes_on if changes_on is not None else days), -3.0, 3.0)
    for day, value in (slopes or {}).items():
        slope = np.where(age >= day, value, slope)
    x = x + np.where(age >= (moves_on if moves_on is not None else days), 2.0, 0.0)
    times = pd.Series(pd.Timestamp(START) + pd.to_timedelta(age, unit="D")).dt.as_unit("us")
    ids = [f"r{number:05d}" for number in range(len(age))]
    events = pd.DataFrame({ROW_ID: ids, EVENT_TIME: times, "x": x, "z": z})
    label = slope * x + z + rng.normal(0, 0.3, len(age))
    labels = pd.DataFrame({ROW_ID: ids, LABEL: label, KNOWN_AT: times + pd.Timedelta(2 * DAY)})
    return events.sample(frac=1, random_state=seed), labels.sample(frac=1, random_state=seed + 1)
