"""Generated rows with a known truth for the table of alarms: sources that do not change, and ways in which one breaks.

Every world gives a reference and a window of one unchanging source, with event times and a prediction, by seed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.core.features import EVENT_TIME, Features
from tasks.core.observations import PREDICTION, PREDICTION_TIME

Floats = NDArray[np.float64]
START = np.datetime64("2024-01-01", "us")
REFERENCE_DAYS, WINDOW_DAYS = 180, 30
BOUND = 50_000  # Drift.max_rows: of larger sides the check sees a sample of so many rows anyway
LEAST_REFERENCE = 3_000


@dataclass(frozen=True)
class Sides:
    """Both sides of one check, and how to read them."""

    reference: pd.DataFrame
    current: pd.DataFrame
    features: Features


def unchanged(world: str, n: int, columns: int, rng: np.random.Generator) -> Sides:
    """A reference of 180 days (6 n rows, at least 3 000) and the 30 days after it (n rows); both at most 50 000 rows.

    world "hourly": one row per hour, so that the window is n hours long, and 5 000 hours of reference.
    """
    days, m = REFERENCE_DAYS, min(max(6 * n, LEAST_REFERENCE), BOUND)
    if world == "hourly":
        hours: Floats = np.arange(5_000 + n, dtype="float64")
    else:
        inside, after = rng.uniform(0, days, m), days + rng.uniform(0, WINDOW_DAYS, min(n, BOUND))
        hours = 24 * np.concatenate([np.sort(inside), np.sort(after)])
    values = _WORLDS[world](hours, columns, rng)
    frame = pd.DataFrame({f"column_{i:02d}": column for i, column in enumerate(values)})
    frame[PREDICTION] = _prediction(frame)
    times = (START + (hours * 3.6e9).astype("int64").astype("timedelta64[us]")).astype("datetime64[us]")
    frame[EVENT_TIME] = frame[PREDICTION_TIME] = pd.DatetimeIndex(times, tz="UTC")
    texts = tuple(str(name) for name in frame if frame[name].dtype.kind not in "fMiu")
    numbers = tuple(str(name) for name in frame if str(name).startswith("column") and name not in texts)
    split = 5_000 if world == "hourly" else m
    return Sides(frame[:split], frame[split:].reset_index(drop=True), Features(numbers, texts))


def _prediction(frame: pd.DataFrame) -> Floats:
    first = frame.iloc[:, 0]
    score = first.astype("float64") if first.dtype.kind == "f" else pd.Series(pd.factorize(first, sort=True)[0])
    spread = float(score.std()) or 1.0
    return np.asarray(1 / (1 + np.exp(-((score - score.mean()) / spread))))


def _normal(hours: Floats, columns: int, rng: np.random.Generator) -> list[Any]:
    return list(rng.normal(size=(columns, len(hours))))


def _heavy_tailed(hours: Floats, columns: int, rng: np.random.Generator) -> list[Any]:
    kinds: tuple[Callable[[], Floats], ...] = (
        lambda: rng.lognormal(0, 1.5, len(hours)),
        lambda: rng.standard_t(3, len(hours)),
        lambda: rng.pareto(2.5, len(hours)),
    )
    return [kinds[i % len(kinds)]() for i in range(columns)]


def _categorical(hours: Floats, columns: int, rng: np.random.Generator) -> list[Any]:
    found = []
    for i in range(columns):
        size = (2, 3, 6, 12, 40)[i % 5]
        shares = np.sort(rng.dirichlet(np.full(size, 2.0)))
        found.append(np.array([f"v{k}" for k in range(size)], dtype=object)[rng.choice(size, len(hours), p=shares)])
    return found


def _wave(hours: Floats, scale: float, rng: np.random.Generator) -> Floats:
    """A stationary Gaussian process of unit variance, at each row's hour; exp(-1 / scale) from hour to hour."""
    from scipy.signal import lfilter

    keep, count = np.exp(-1 / scale), int(hours.max()) + 1
    steps = rng.normal(size=count) * np.sqrt(1 - keep**2)
    steps[0] = rng.normal()
    return np.asarray(lfilter([1.0], [1.0, -keep], steps)[hours.astype("int64")])


def _waves(hours: Floats, columns: int, scale: float, rng: np.random.Generator) -> list[Any]:
    """Half of a column's variance comes and goes with time, half of that in all columns together; a fifth are texts."""
    shared, found = _wave(hours, scale, rng), []
    for i in range(columns):
        own = (shared + _wave(hours, scale, rng)) / np.sqrt(2)
        values = (own + rng.normal(size=len(hours))) / np.sqrt(2)
        found.append(
            np.array(list("abcd"), dtype=object)[np.digitize(values, (-0.8, 0, 0.9))] if i % 5 == 4 else values
        )
    return found


def _autocorrelated(hours: Floats, columns: int, rng: np.random.Generator) -> list[Any]:
    return _waves(hours, columns, 12.0, rng)


def _hourly(hours: Floats, columns: int, rng: np.random.Generator) -> list[Any]:
    daily = 0.7 * np.sin(2 * np.pi * hours / 24)
    return [v if v.dtype == object else v + daily for v in _waves(hours, columns, 8.0, rng)]


_WORLDS: Mapping[str, Callable[[Floats, int, np.random.Generator], list[Any]]] = {
    "normal": _normal, "heavy-tailed": _heavy_tailed, "categorical": _categorical,
    "autocorrelated": _autocorrelated, "hourly": _hourly,
}  # fmt: skip
WORLDS = tuple(_WORLDS)
HOURLY_LIMIT = 5_000  # a window of more hours than the reference has is no window


WEEKS, HOURS_A_DAY = 26, 24


def daily(changed: bool, rng: np.random.Generator) -> Sides:
    """26 weeks of hourly rows in which the days of the week differ and rows near in time are alike; then one Saturday.

    Saturdays lie 3 deviations above Mondays, in every column; the changed one is like a Monday.
    """
    hours: Floats = np.arange((7 * WEEKS + 1) * HOURS_A_DAY, dtype="float64")
    day = (hours // HOURS_A_DAY).astype("int64")
    start = np.datetime64("2024-01-06", "us")  # a Saturday; so is the day after 26 weeks
    level = np.array([3.0, 2.5, 0.0, 0.2, 0.1, 0.3, 1.0])[day % 7]
    level[-HOURS_A_DAY:] -= 3.0 * changed
    frame = pd.DataFrame({f"column_{i:02d}": wave + level for i, wave in enumerate(_numbers(hours, 4, rng))})
    frame[PREDICTION] = _prediction(frame)
    times = start + (hours * 3.6e9).astype("int64").astype("timedelta64[us]")
    frame[EVENT_TIME] = frame[PREDICTION_TIME] = pd.DatetimeIndex(times, tz="UTC")
    names = tuple(str(name) for name in frame if str(name).startswith("column"))
    split = len(frame) - HOURS_A_DAY
    return Sides(frame[:split], frame[split:].reset_index(drop=True), Features(names, ()))


def _numbers(hours: Floats, columns: int, rng: np.random.Generator) -> list[Any]:
    return [value for value in _waves(hours, columns, 8.0, rng) if value.dtype != object]


def mixed(n: int, rng: np.random.Generator, change: str = "nothing") -> Sides:
    """Ten columns (eight numbers, two of them correlated, and two texts): 5 000 reference rows, n changed ones."""
    frames = [_mixed(m, rng) for m in (5_000, n)]
    hours = [
        np.sort(rng.uniform(0, 24 * REFERENCE_DAYS, 5_000)),
        24 * (REFERENCE_DAYS + np.sort(rng.uniform(0, 30, n))),
    ]
    for frame, when in zip(frames, hours, strict=True):
        frame[EVENT_TIME] = frame[PREDICTION_TIME] = pd.DatetimeIndex(
            START + (when * 3.6e9).astype("int64").astype("timedelta64[us]"), tz="UTC"
        )
    reference, current = frames
    CHANGES[change](current, np.arange(n), rng)
    return Sides(reference, current, Features(tuple(f"n{i}" for i in range(8)), ("plan", "region")))


def _mixed(n: int, rng: np.random.Generator) -> pd.DataFrame:
    frame = pd.DataFrame({f"n{i}": rng.normal(size=n) for i in range(6)})
    frame["n1"] = 0.8 * frame["n0"] + 0.6 * frame["n1"]
    frame["n6"], frame["n7"] = rng.lognormal(0, 1, n), rng.poisson(3, n).astype("float64")
    frame["plan"] = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    frame["region"] = rng.choice([f"r{i}" for i in range(8)], n)
    frame[PREDICTION] = 1 / (1 + np.exp(-frame["n2"]))
    return frame


def _shift(frame: pd.DataFrame, _: NDArray[np.int64], rng: np.random.Generator) -> None:
    frame[f"n{rng.choice([2, 3, 4, 5])}"] += 0.5


def _nulls(frame: pd.DataFrame, place: NDArray[np.int64], _: np.random.Generator) -> None:
    frame.loc[place % 5 == 0, "n3"] = np.nan


def _infinity(frame: pd.DataFrame, place: NDArray[np.int64], rng: np.random.Generator) -> None:
    frame.loc[int(rng.choice(place)), "n3"] = np.inf


def _category(frame: pd.DataFrame, place: NDArray[np.int64], rng: np.random.Generator) -> None:
    frame.loc[rng.choice(place, round(0.05 * len(place)), replace=False), "plan"] = "new"


def _unit(frame: pd.DataFrame, *_: object) -> None:
    frame["n6"] *= 100


def _flipped(frame: pd.DataFrame, *_: object) -> None:
    frame["n1"] = -frame["n1"]


CHANGES: Mapping[str, Callable[[pd.DataFrame, NDArray[np.int64], np.random.Generator], None]] = {
    "nothing": lambda *_: None,
    "shift of 0.5 sd in one column": _shift,
    "null burst (20 %)": _nulls,
    "one infinity": _infinity,
    "new category (5 %)": _category,
    "unit x100": _unit,
    "flipped correlation": _flipped,
}
