"""Messy histories such as people have, generated: what `keepfit new` has to make a pipeline of without a line of code.

Each is a folder `events` (and `labels`) with the target `fare` or `tipped`; what has to come of it stands in the tests.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 1200
REPEATED = 12_000


def trips(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A year of trips, in order."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, 364 * 86400, rows))
    km = rng.gamma(2, 3, rows).round(2)
    return pd.DataFrame(
        {"when": pd.Timestamp("2023-01-01") + pd.to_timedelta(seconds, unit="s"), "km": km,
         "zone": rng.choice(list("ABCDE"), rows), "passengers": rng.integers(1, 6, rows),
         "fare": (3 + 2.1 * km + rng.normal(0, 6, rows)).round(2)}
    )  # fmt: skip


def _csv(folder: Path, frame: pd.DataFrame, name: str = "events", **dialect: object) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / name / "2023.csv", index=False, **dialect)  # type: ignore[call-overload]


def literal_nulls(folder: Path) -> None:
    """NULL in numbers, categories and in a target."""
    rng = np.random.default_rng(1)
    frame = trips().astype(object)
    for name, share in (("km", 0.1), ("passengers", 0.3), ("zone", 0.05), ("fare", 0.02)):
        frame.loc[rng.random(ROWS) < share, name] = "NULL"
    _csv(folder, frame)


def semicolons(folder: Path) -> None:
    """Separators, decimal commas, dates and letters of an office program in Central Europe."""
    frame = trips()
    frame = frame.assign(when=frame["when"].dt.strftime("%d.%m.%Y %H:%M"), zone="Zürich " + frame["zone"])
    _csv(folder, frame, sep=";", decimal=",", encoding="cp1252")


def month_names(folder: Path) -> None:
    """Months as words."""
    frame = trips()
    _csv(folder, frame.assign(when=frame["when"].dt.strftime("%d %B %Y %I:%M %p")))


def of_another_year(folder: Path) -> None:
    """Trips dated 2008 in a file of 2023."""
    _csv(folder, pd.concat([trips(), trips(5, seed=3).assign(when=pd.Timestamp("2008-12-31 23:00"))]))


def duplicates(folder: Path) -> None:
    """The same rows again and again, shuffled, by the ten thousand."""
    frame = trips().assign(trip_id=[f"T{n:06d}" for n in range(ROWS)])
    again = frame.sample(REPEATED, replace=True, random_state=1)
    _csv(folder, pd.concat([frame, again]).sample(frac=1, random_state=2))


def monthly_parquet(folder: Path) -> None:
    """A file each month, whose columns change their types, come and go."""
    frame = trips()
    (folder / "events").mkdir(parents=True)
    for month, rows in frame.groupby(frame["when"].dt.month):
        changes: dict[object, dict[str, object]] = {
            2: {"zone": rows["zone"].astype("category"), "km": rows["km"].astype("float32")},
            4: {"passengers": rows["passengers"].astype(float).where(rows["km"] > 1)},
            5: {"passengers": rows["passengers"].astype(str)},
            6: {"when": rows["when"].dt.tz_localize("UTC")},
            8: {"surcharge": (rows["km"] / 3).round(2)},
            9: {"zone": None, "airport_fee": None},
        }
        rows.assign(**changes.get(month, {})).to_parquet(folder / "events" / f"2023-{month:02d}.parquet", index=False)  # type: ignore[arg-type]


def late_labels(folder: Path) -> None:
    """Labels in a file of their own, known some days later; the id is called otherwise there."""
    rng = np.random.default_rng(4)
    frame = trips().assign(trip=[f"T{n:06d}" for n in range(ROWS)])
    tipped = np.where(rng.random(ROWS) < 1 / (1 + np.exp(3 - frame["km"] / 2)), "yes", "no")
    _csv(folder, frame)
    known = (frame["when"] + pd.Timedelta("3d")).dt.strftime("%d/%m/%Y %H:%M")
    _csv(folder, pd.DataFrame({"trip_no": frame["trip"], "tipped": tipped, "known": known}).iloc[::2], "labels")


MESSY: dict[str, Callable[[Path], None]] = {
    make.__name__: make
    for make in (literal_nulls, semicolons, month_names, of_another_year, duplicates, monthly_parquet, late_labels)
}
