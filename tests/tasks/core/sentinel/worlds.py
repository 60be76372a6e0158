"""Columns of several kinds, what breaks them, and what merely moves them: the sentinel is held against these."""

import numpy as np
import pandas as pd

NUMBERS = ("price", "age", "temperature", "visits", "satisfaction", "share", "height")
CATEGORIES = ("plan", "region", "code")


def rows(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of an unchanged source; satisfaction and region have missing values."""
    frame = pd.DataFrame(
        {
            "price": np.round(rng.lognormal(3, 0.8, n), 2),
            "age": np.clip(np.round(rng.normal(43, 13, n)), 18, 95),
            "temperature": np.round(rng.normal(15, 8, n), 1),
            "visits": rng.poisson(4, n).astype(float),
            "satisfaction": np.round(np.clip(rng.normal(6.5, 1.9, n), 0, 10), 1),
            "share": np.round(rng.beta(2, 5, n), 3),
            "height": np.round(rng.normal(170, 10, n)),
            "plan": rng.choice(["basic", "standard", "premium"], n, p=[0.45, 0.35, 0.2]).astype(object),
            "region": rng.choice(["north", "east", "south", "west"], n, p=[0.35, 0.25, 0.25, 0.15]).astype(object),
            "code": rng.choice(["07", "11", "23", "40", "58"], n, p=[0.3, 0.3, 0.2, 0.1, 0.1]).astype(object),
        }
    )
    for name in ("satisfaction", "region", "visits"):
        frame.loc[rng.random(n) < 0.12, name] = None if name == "region" else np.nan
    return frame


def changed(name, change):
    """A breakage of one column: the frame with the column changed."""
    return lambda frame, rng: frame.assign(**{name: change(frame[name], rng)})


def some(share, value):
    """An exact share of the values, anywhere, replaced by one."""
    return lambda column, rng: column.mask(rng.permutation(len(column)) < share * len(column), value)


def swapped(a, b):
    """Two columns under each other's name."""
    return lambda frame, _: frame.assign(**{a: frame[b], b: frame[a]})


MERE_DRIFT = {
    "unchanged": lambda frame, _: frame,
    "half a deviation up": lambda f, _: f.assign(**{c: f[c] + 0.5 * f[c].std() for c in NUMBERS}),
    "half a deviation down": lambda f, _: f.assign(**{c: f[c] - 0.5 * f[c].std() for c in NUMBERS if c != "visits"}),
    "a deviation up": lambda f, _: f.assign(**{c: f[c] + f[c].std() for c in NUMBERS}),
    "fewer visits": lambda f, rng: f.assign(visits=rng.poisson(2.2, len(f)).astype(float)),
    "many more visits": lambda f, rng: f.assign(visits=rng.poisson(12, len(f)).astype(float)),
    "fewer visits, nulls stay": lambda f, rng: f.assign(
        visits=f["visits"].where(f["visits"].isna(), rng.poisson(2.2, len(f)).astype(float))
    ),
    "wider": lambda f, _: f.assign(**{c: f[c].mean() + 1.4 * (f[c] - f[c].mean()) for c in NUMBERS}),
    "everything three times as dear": lambda f, _: f.assign(price=3 * f["price"]),
    "summer": lambda f, rng: f.assign(temperature=np.round(rng.normal(27, 4, len(f)), 1)),
    "winter": lambda f, rng: f.assign(temperature=np.round(rng.normal(1, 4, len(f)), 1)),
    "a campaign": lambda f, rng: f.assign(
        region=rng.choice(["north", "east", "south", "west"], len(f), p=[0.1, 0.15, 0.2, 0.55]),
        age=np.clip(np.round(rng.normal(33, 10, len(f))), 18, 95),
    ),
    "a new popular category": lambda f, rng: f.assign(plan=f["plan"].mask(rng.random(len(f)) < 0.3, "family")),
    "fewer nulls": lambda f, rng: f.assign(
        satisfaction=f["satisfaction"].fillna(6.5 + pd.Series(np.round(rng.normal(0, 2, len(f)), 1), f.index)),
        region=f["region"].fillna(pd.Series(rng.choice(["north", "south"], len(f)), f.index)),
    ),
    "more nulls": lambda f, rng: f.assign(satisfaction=f["satisfaction"].mask(rng.random(len(f)) < 0.1)),
    "a new price": lambda f, rng: f.assign(price=f["price"].mask(rng.random(len(f)) < 0.2, 49.99)),
}
