"""The generated sample `subscriptions`: will a subscriber cancel within 14 days? Monthly deliveries and their truth.

Belongs here: when what happens, the corrupted delivery, the text of the files. How a row comes about is
`tasks.core.subscribers`; writing files is an adapter's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np
import pandas as pd

from tasks.core.results import Window
from tasks.core.subscribers import CATEGORIES, Floats, churn_probability, draw_subscribers, draw_times

ROW_ID, TIME, TARGET, KNOWN_AT = "subscription_id", "event_time", "churned", "known_at"
PERIODS, ROWS_PER_PERIOD, SEED = 18, 2400, 20240101
FIRST_YEAR = 2024
LABEL_DELAY = timedelta(days=14)
CORRUPTED_IN, DRIFT_FROM, CHANGE_FROM = 11, 13, 15
RETRAINED_BY = 17
SHOCK_IN = 20
"""Where a longer sample may have its passing shock: after the change is answered. The usual 18 months have none."""
CORRUPTED_SHARE = 0.4
MAX_ROWS_PER_PERIOD, MAX_PERIODS = 1_000_000, 1200

_DECIMALS: Mapping[str, int] = {"spend_30d": 2, "satisfaction": 1}
MISSING_SHARE: Mapping[str, float] = {"satisfaction": 0.15, "device": 0.01, "visits_30d": 0.01}


class State(StrEnum):
    """What is true of a period."""

    QUIET = "quiet"
    CORRUPTED = "corrupted"
    HARMLESS_DRIFT = "harmless drift"
    CONCEPT_CHANGE = "concept change"
    QUIET_AFTER_CHANGE = "quiet after change"
    SHOCK = "passing shock"


class Expected(StrEnum):
    """The decision that a sound loop takes about a period."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    NOTED = "noted"
    RETRAINED = "retrained and promoted"
    WAITED = "waited"


@dataclass(frozen=True)
class Truth:
    """What is true of one period, what should be decided, and the last period in which that decision is in time.

    A concept change becomes visible only as its labels become known, so its answer may come up to `by`.
    """

    period: int
    state: State
    expected: Expected
    by: int


@dataclass(frozen=True)
class Delivery:
    """One month: its events, and the labels that became known during it (so half of them belong to the month before).

    Both frames hold text only, "" is missing. `delivered_at` is the first instant after the month, UTC.
    """

    name: str
    period: int
    events: pd.DataFrame
    labels: pd.DataFrame
    delivered_at: datetime


def truth(periods: int = PERIODS, shock_in: int | None = None) -> tuple[Truth, ...]:
    """What is true of periods 1..periods, of which one may be a shock."""
    shock = Truth(shock_in or 0, State.SHOCK, Expected.WAITED, shock_in or 0)
    return tuple(shock if period == shock_in else _truth_of(period) for period in range(1, periods + 1))


def changes() -> tuple[Window, ...]:
    """When a retraining is right: from the concept change on until its answer would be late."""
    return (Window(month_start(CHANGE_FROM), month_start(RETRAINED_BY + 1)),)


def generate(
    periods: int = PERIODS, rows_per_period: int = ROWS_PER_PERIOD, seed: int = SEED, shock_in: int | None = None
) -> tuple[Delivery, ...]:
    """Monthly deliveries from 2024-01, about `rows_per_period` rows each. Same arguments, same bytes.

    Each period has its own random stream, so fewer periods are a prefix of more. Labels that are not known at the last
    delivery (its last 14 days) are not delivered at all. The labels of the corrupted delivery are sound and come too.
    In the period `shock_in` those cancel who otherwise stay, and the reverse; all else is as without it.
    Raises ValueError for sizes outside what the ids can tell apart.
    """
    most = MAX_ROWS_PER_PERIOD // 2
    if not (1 <= periods <= MAX_PERIODS and 1 <= rows_per_period <= most):
        raise ValueError(
            f"periods={periods}, rows_per_period={rows_per_period}: 1..{MAX_PERIODS} periods and 1..{most} rows per "
            "period are allowed; choose sizes in this range."
        )
    deliveries: list[Delivery] = []
    waiting: pd.DataFrame | None = None
    for period in range(1, periods + 1):
        end = month_start(period + 1)
        events, labels = _month(period, rows_per_period, np.random.default_rng([seed, period]), period == shock_in)
        waiting = labels if waiting is None else pd.concat([waiting, labels], ignore_index=True)
        known = waiting[KNOWN_AT] <= end
        ready = (
            waiting[known]
            .assign(**{KNOWN_AT: _iso(pd.DatetimeIndex(waiting.loc[known, KNOWN_AT]))})
            .reset_index(drop=True)
        )
        deliveries.append(Delivery(f"{month_start(period):%Y-%m}", period, events, ready, end))
        waiting = waiting[~known]
    return tuple(deliveries)


def to_csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a header, no index, and line feeds on every platform."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def files(delivery: Delivery) -> dict[str, bytes]:
    """The files of a delivery by relative path: `events/<name>.csv` and `labels/<name>.csv`."""
    return {
        f"events/{delivery.name}.csv": to_csv_bytes(delivery.events),
        f"labels/{delivery.name}.csv": to_csv_bytes(delivery.labels),
    }


def month_start(period: int) -> datetime:
    """First instant of a period (period 1 = January 2024), UTC."""
    years, month = divmod(period - 1, 12)
    return datetime(FIRST_YEAR + years, month + 1, 1, tzinfo=UTC)


def _truth_of(period: int) -> Truth:
    if period == CORRUPTED_IN:
        return Truth(period, State.CORRUPTED, Expected.QUARANTINED, period)
    if period < DRIFT_FROM:
        return Truth(period, State.QUIET, Expected.ACCEPTED, period)
    if period < CHANGE_FROM:
        return Truth(period, State.HARMLESS_DRIFT, Expected.NOTED, period)
    if period == CHANGE_FROM:
        return Truth(period, State.CONCEPT_CHANGE, Expected.RETRAINED, RETRAINED_BY)
    return Truth(period, State.QUIET_AFTER_CHANGE, Expected.ACCEPTED, period)


def _month(
    period: int, rows_per_period: int, rng: np.random.Generator, shocked: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    times = draw_times(month_start(period), month_start(period + 1), rows_per_period, rng)
    rows = draw_subscribers(len(times), period >= DRIFT_FROM, rng)
    chance = churn_probability(rows, times, changed=period >= CHANGE_FROM, shocked=shocked)
    churned = rng.random(len(times)) < chance
    ids = _ids(period, len(times))
    labels = pd.DataFrame({ROW_ID: ids, TARGET: np.where(churned, "1", "0"), KNOWN_AT: times + LABEL_DELAY})
    text = {ROW_ID: ids, TIME: _iso(times)}
    text |= {name: [CATEGORIES[name][index] for index in code] for name, code in rows.codes.items()}
    text |= {name: _text(values, _DECIMALS.get(name, 0)) for name, values in rows.numbers.items()}
    events = pd.DataFrame(text, dtype=object)
    if period == CORRUPTED_IN:
        _corrupt(events, rows.numbers, rng)
    for name, share in MISSING_SHARE.items():
        events.loc[rng.random(len(events)) < share, name] = ""
    return events, labels


def _corrupt(events: pd.DataFrame, numbers: Mapping[str, Floats], rng: np.random.Generator) -> None:
    """An export gone wrong, in place: spend in cents, negative ages, words where numbers belong."""
    events["spend_30d"] = _text(numbers["spend_30d"] * 100, 0)
    ages = rng.random(len(events)) < CORRUPTED_SHARE
    events.loc[ages, "age"] = _text(-numbers["age"][ages], 0)
    tenures = rng.random(len(events)) < CORRUPTED_SHARE
    events.loc[tenures, "tenure_days"] = "#VALUE!"


def _ids(period: int, rows: int) -> list[str]:
    # Multiplying by an odd number is a bijection modulo 2^32 (Knuth, TAOCP vol. 3, 6.4): unique ids without order.
    serial = np.uint64(period * MAX_ROWS_PER_PERIOD) + np.arange(rows, dtype=np.uint64)
    return [f"sub-{number:08x}" for number in serial * np.uint64(2654435761) % np.uint64(2**32)]


def _iso(times: pd.DatetimeIndex) -> list[str]:
    return list(times.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _text(values: Floats, decimals: int) -> list[str]:
    return [f"{value:.{decimals}f}" for value in values]
