"""The data-generating process of the sample: who subscribes, when events happen, and the probability of a cancellation.

Belongs here: distributions and effects, nothing about deliveries. What is true when is `tasks.core.sample`'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "plan": ("basic", "standard", "premium"),
    "region": ("north", "east", "south", "west"),
    "device": ("phone", "desktop", "tablet"),
    "channel": ("search", "referral", "partner", "social"),
}
NUMBERS = ("age", "tenure_days", "visits_30d", "spend_30d", "support_tickets", "discount", "satisfaction")
FEATURES = (*CATEGORIES, *NUMBERS)

_USUAL: Mapping[str, tuple[float, ...]] = {
    "plan": (0.45, 0.35, 0.20),
    "region": (0.35, 0.25, 0.25, 0.15),
    "device": (0.50, 0.38, 0.12),
    "channel": (0.40, 0.25, 0.22, 0.13),
}
# The campaign reaches other people (young, western, mobile, from social media) but sells the same plans and discounts.
_CAMPAIGN: Mapping[str, tuple[float, ...]] = {
    "plan": _USUAL["plan"],
    "region": (0.15, 0.20, 0.20, 0.45),
    "device": (0.78, 0.14, 0.08),
    "channel": (0.16, 0.12, 0.12, 0.60),
}
_PLAN_PRICE = np.array([12.0, 25.0, 45.0])
_DISCOUNTS, _DISCOUNT_SHARES = np.array([0, 10, 20, 30, 50]), (0.32, 0.18, 0.2, 0.18, 0.12)
_CHANNEL_EFFECT = np.array([0.0, -0.15, 0.1, 0.15])
_PLAN_EFFECT = np.array([0.45, 0.0, -0.55])
# Evenings are busy and nights are not; Monday = 0 is the busiest day and weekends are slow.
_HOUR_WEIGHT = np.array([1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 9, 8, 8, 8, 8, 9, 10, 11, 10, 7, 4, 2], dtype=float)
_WEEKDAY_WEIGHT = np.array([1.25, 1.15, 1.05, 1.0, 1.05, 0.8, 0.7])
_LEVEL = -1.15
_MEAN_DAYS, _SATURDAY = 30.4, 5


@dataclass(frozen=True)
class Subscribers:
    """Rows before they become text: codes into `CATEGORIES` and complete numbers, one array of length n per column."""

    codes: Mapping[str, npt.NDArray[np.int64]]
    numbers: Mapping[str, Floats]


def draw_times(start: datetime, end: datetime, rows: int, rng: np.random.Generator) -> pd.DatetimeIndex:
    """Sorted event times in [start, end), to the second; about `rows` in a month of mean length and weekdays."""
    hours = pd.date_range(start, end, freq="h", inclusive="left")
    weight = _WEEKDAY_WEIGHT[hours.weekday] * _HOUR_WEIGHT[hours.hour]
    expected = weight.sum() / (_WEEKDAY_WEIGHT.mean() * _HOUR_WEIGHT.sum() * _MEAN_DAYS)
    count = max(1, round(rows * expected))
    hour = rng.choice(len(hours), size=count, p=weight / weight.sum())
    times = hours[hour] + pd.to_timedelta(rng.integers(0, 3600, size=count), unit="s")
    return pd.DatetimeIndex(times.sort_values())


def draw_subscribers(rows: int, campaign: bool, rng: np.random.Generator) -> Subscribers:
    """Independent covariates of `rows` subscribers; `campaign` shifts region, device, channel, age and visits only."""
    shares = _CAMPAIGN if campaign else _USUAL
    codes = {name: rng.choice(len(share), size=rows, p=share) for name, share in shares.items()}
    age_mean, age_spread, visits_mean = (33.0, 10.0, 13.0) if campaign else (43.0, 13.0, 9.0)
    numbers = {
        "age": np.clip(np.round(rng.normal(age_mean, age_spread, rows)), 18, 95),
        "tenure_days": np.clip(np.round(rng.lognormal(5.7, 0.9, rows)), 1, 4000),
        "visits_30d": rng.negative_binomial(5, 5 / (5 + visits_mean), rows).astype(float),
        "spend_30d": np.round(np.clip(_PLAN_PRICE[codes["plan"]] * rng.lognormal(0.0, 0.35, rows), 0, 400), 2),
        "support_tickets": np.minimum(rng.poisson(1.3, rows), 12).astype(float),
        "discount": rng.choice(_DISCOUNTS, size=rows, p=_DISCOUNT_SHARES).astype(float),
        "satisfaction": np.round(np.clip(rng.normal(6.5, 1.9, rows), 0, 10), 1),
    }
    return Subscribers(codes, numbers)


def churn_probability(rows: Subscribers, times: pd.DatetimeIndex, changed: bool, shocked: bool = False) -> Floats:
    """P(cancels within 14 days | row), length n. It never depends on the campaign, so the campaign harms no model.

    A shock turns every effect round and leaves the level: an outage, say, drives out whoever relies on the service.
    """
    tenure = (np.log(rows.numbers["tenure_days"]) - 5.7) / 0.9
    tickets = np.minimum(rows.numbers["support_tickets"], 5) - 1.3
    discount = (rows.numbers["discount"] - 18.0) / 16.0
    bill = np.log(np.maximum(rows.numbers["spend_30d"], 1.0) / 22.0)
    logit = _LEVEL + _PLAN_EFFECT[rows.codes["plan"]] + _CHANNEL_EFFECT[rows.codes["channel"]]
    logit += -1.0 * tenure - 0.4 * (rows.numbers["satisfaction"] - 6.5) - 0.03 * (rows.numbers["visits_30d"] - 9.0)
    logit += -0.012 * (rows.numbers["age"] - 43.0)
    if changed:
        # Discounts end and bind nobody any more, support was fixed, and visits tell who really uses the service.
        logit += 0.15 + 0.65 * discount + 0.1 * tickets + 1.75 * bill - 0.3 * discount * tenure
    else:
        logit += -0.85 * discount + 0.7 * tickets + 0.3 * discount * tenure
    logit += 0.12 * (times.weekday >= _SATURDAY) + 0.12 * np.cos(2 * np.pi * times.dayofyear / 365.25)
    if shocked:
        logit = 2 * _LEVEL - logit
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)
