"""The sentinel sees what broke a column, names it rightly, and is silent on what has merely moved."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from tasks.core.data_signals import data_signals
from tasks.core.drift import Drift
from tasks.core.results import Verdict
from tasks.core.sentinel import column_findings
from tasks.core.sentinel.placeholders import placeholder_findings
from tests.tasks.core.sentinel.worlds import CATEGORIES, MERE_DRIFT, NUMBERS, changed, rows, some, swapped

SEEDS = range(20)
LEVEL = 1 / 100 / 4 / (10 * 60)


def named(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, str]:
    found = column_findings(reference, current, numerical=NUMBERS, categorical=CATEGORIES, level=LEVEL)
    return {column: finding.kind for finding in reversed(found) for column in finding.columns}


def to_fahrenheit(column, rng):
    return np.round(column * 1.8 + 32, 1)


BROKEN = {
    "price in cents": ("unit", "price", changed("price", lambda c, _: c * 100)),
    "price in thousandths": ("unit", "price", changed("price", lambda c, _: c * 1_000)),
    "price in hundreds": ("unit", "price", changed("price", lambda c, _: c / 100)),
    "share in per cent": ("unit", "share", changed("share", lambda c, _: c * 100)),
    "height in metres": ("unit", "height", changed("height", lambda c, _: c / 100)),
    "height in millimetres": ("unit", "height", changed("height", lambda c, _: c * 10)),
    "age in months": ("unit", "age", changed("age", lambda c, _: c * 12)),
    "visits in thousandths": ("unit", "visits", changed("visits", lambda c, _: c * 1_000)),
    "Celsius as Fahrenheit": ("unit", "temperature", changed("temperature", to_fahrenheit)),
    "Celsius as Kelvin": ("unit", "temperature", changed("temperature", lambda c, _: c + 273.15)),
    "nulls became zeros": ("nulls became zeros", "satisfaction", changed("satisfaction", lambda c, _: c.fillna(0.0))),
    "nulls became zeros beside zeros": ("nulls became zeros", "visits", changed("visits", lambda c, _: c.fillna(0.0))),
    "-999 in ages": ("placeholder", "age", changed("age", some(0.05, -999.0))),
    "9999 in prices": ("placeholder", "price", changed("price", some(0.05, 9_999.0))),
    "0 in heights": ("placeholder", "height", changed("height", some(0.05, 0.0))),
    "0 in ages": ("placeholder", "age", changed("age", some(0.1, 0.0))),
    "0 in shares": ("placeholder", "share", changed("share", some(0.1, 0.0))),
    "-1 in visits": ("placeholder", "visits", changed("visits", some(0.05, -1.0))),
    "nulls became -1": ("placeholder", "satisfaction", changed("satisfaction", lambda c, _: c.fillna(-1.0))),
    "nulls became their mean": ("placeholder", "satisfaction", changed("satisfaction", lambda c, _: c.fillna(6.53))),
    "a date in 1970 in codes": ("placeholder", "code", changed("code", some(0.05, "1970-01-01"))),
    "N/A in plans": ("placeholder", "plan", changed("plan", some(0.05, "N/A"))),
    "plans in capitals": ("spelling", "plan", changed("plan", lambda c, _: c.str.upper())),
    "some plans in capitals": (
        "spelling",
        "plan",
        changed("plan", lambda c, rng: c.mask(rng.permutation(len(c)) < 0.1 * len(c), c.str.title())),
    ),
    "spaces around regions": ("spelling", "region", changed("region", lambda c, _: " " + c + "_")),
    "codes without zeros": ("spelling", "code", changed("code", lambda c, _: c.str.lstrip("0"))),
    "regions as numbers": (
        "recoded",
        "region",
        changed("region", lambda c, _: c.map({"north": "0", "east": "1", "south": "2", "west": "3"})),
    ),
    "codes by their names": (
        "recoded",
        "code",
        changed("code", lambda c, _: c.map({"07": "k", "11": "l", "23": "m", "40": "n", "58": "o"})),
    ),
    "nulls became unknown": ("placeholder", "region", changed("region", lambda c, _: c.fillna("unknown"))),
}


@pytest.mark.parametrize("n", [200, 1_000])
@pytest.mark.parametrize("case", BROKEN)
def test_what_broke_is_seen_in_every_seed_and_named_rightly(case, n):
    kind, column, broken = BROKEN[case]
    answers = Counter()
    for seed in SEEDS:
        rng = np.random.default_rng([seed, n])
        found = named(rows(2_000, rng), broken(rows(n, rng), rng))
        answers[found.pop(column, "nothing")] += 1
        assert not found, f"what is whole was called broken: {found}"
    assert answers == {kind: len(SEEDS)}


SWAPPED = {
    "age and price": {"age", "price"},
    "temperature and satisfaction": {"temperature", "satisfaction"},
    "height and age": {"height", "age"},
    "visits and share": {"visits", "share"},
    "plan and region": {"plan", "region"},
    "region and code": {"region", "code"},
}


@pytest.mark.parametrize("n", [200, 1_000])
@pytest.mark.parametrize("case", SWAPPED)
def test_columns_that_changed_places_are_seen_and_named(case, n):
    for seed in SEEDS:
        rng = np.random.default_rng([seed, n])
        found = named(rows(2_000, rng), swapped(*SWAPPED[case])(rows(n, rng), rng))
        assert found == dict.fromkeys(SWAPPED[case], "swapped")


def test_columns_that_all_moved_up_by_one_are_named_together():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        current = rows(300, rng)
        moved = current.assign(age=current["height"], height=current["price"], price=current["age"])
        found = named(rows(2_000, rng), moved)
        assert found == dict.fromkeys(["age", "height", "price"], "swapped")


def test_columns_that_are_alike_are_not_told_apart_nor_called_swapped():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        sides = [pd.DataFrame({"price": rng.normal(10, 2, n), "age": rng.normal(10.5, 2, n)}) for n in (2_000, 400)]
        assert not named(*sides)
        assert not named(sides[0], swapped("price", "age")(sides[1], rng))


@pytest.mark.parametrize("n", [30, 100, 200, 1_000])
@pytest.mark.parametrize("case", MERE_DRIFT)
def test_what_has_merely_moved_is_not_called_broken(case, n):
    for seed in range(25):
        rng = np.random.default_rng([seed, n, 7])
        found = named(rows(2_000, rng), MERE_DRIFT[case](rows(n, rng), rng))
        assert not found


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_column_fails_the_windows_check_which_names_it(case):
    kind, column, broken = BROKEN[case]
    rng = np.random.default_rng(5)
    checks = data_signals(rows(2_000, rng), broken(rows(400, rng), rng), numerical=NUMBERS, categorical=CATEGORIES,
                          config=Drift())  # fmt: skip
    failing = {check.name: check.reason for check in checks if check.verdict is Verdict.FAIL}
    assert set(failing) == {column}
    assert failing[column].startswith(kind)


def test_a_finding_tells_no_value_of_a_row():
    rng = np.random.default_rng(1)
    current = rows(400, rng).assign(plan="canary@example.com")
    current["price"] = 987_654.0
    current["age"] = current["age"].mask(rng.random(400) < 0.1, -31_337.0)
    found = column_findings(rows(2_000, rng), current, numerical=NUMBERS, categorical=CATEGORIES, level=LEVEL)
    assert found
    assert not any(word in str(found) for word in ("canary", "987", "31337", "31_337"))


@pytest.mark.parametrize("size", [(0, 300), (300, 0), (3, 300), (300, 3)])
def test_where_there_is_next_to_nothing_nothing_is_found(size):
    rng = np.random.default_rng(2)
    reference, current = rows(size[0], rng), rows(size[1], rng)
    assert not named(reference, current)
    assert not named(reference.drop(columns="age"), current)


def test_what_the_reference_does_by_itself_is_no_sign():
    times = pd.date_range("2023-01-01", periods=24 * 360, freq="h", tz="UTC")
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"_event_time": times, "heating": np.round(rng.normal(40, 4, len(times)), 1)})
    frame["heating"] = frame["heating"].mask((times.month % 3 == 0) & (rng.random(len(times)) < 0.5), 0.0)
    reference, current = frame[times < "2023-11-01"], frame[times.month == 12]
    (check,) = data_signals(reference, current, numerical=["heating"], categorical=[], config=Drift())
    assert check.verdict is Verdict.PASS, check


@pytest.mark.parametrize("rows_of_the_new_code", [72, 336])
def test_a_month_or_season_that_begins_is_no_placeholder(rows_of_the_new_code):
    """Bike rentals: a window reaches into a season that the reference of some months never saw."""
    reference = pd.Series(np.repeat([1.0, 2.0], 700), name="month")
    current = pd.Series(np.repeat([2.0, 9.0], [336 - rows_of_the_new_code, rows_of_the_new_code]), name="month")
    assert placeholder_findings(reference, current, 1e-4) == ()
