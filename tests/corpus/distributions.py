"""Distributions: columns all null, burst, stuck, in another unit or far away, held against a pipeline's rules."""

from collections.abc import Iterator, Sequence
from typing import Any

from tasks.adapters.expectations import Expectation, OnFail
from tests.corpus.case import Case, cells, column, rows, sheet

_NULLS = "batch:ExpectColumnProportionOfNonNullValuesToBeBetween"


def rule(expect: str, on_fail: OnFail = "quarantine", **arguments: Any) -> Sequence[Expectation]:
    """One rule of a pipeline."""
    return [Expectation(expect=expect, arguments=arguments, on_fail=on_fail)]


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    for name in ("weight", "pieces", "zone", "fragile"):
        yield Case(f"{name} all missing", column(name, ""), refused=f"{_NULLS}:{name}")
    yield Case(
        "half of a column missing",
        column("weight", "1.5", ""),
        refused=f"{_NULLS}:weight",
        rules=rule("ExpectColumnProportionOfNonNullValuesToBeBetween", "refuse", column="weight", min_value=0.9),
    )
    yield Case(
        "a value out of range",
        cells({4: {"weight": "1e9"}}),
        rules=rule("ExpectColumnValuesToBeBetween", column="weight", min_value=0, max_value=1000),
        rows={4: "ExpectColumnValuesToBeBetween:weight"},
    )
    yield Case(
        "a negative weight",
        cells({4: {"weight": "-0.1"}}),
        rules=rule("ExpectColumnValuesToBeBetween", column="weight", min_value=0),
        rows={4: "ExpectColumnValuesToBeBetween:weight"},
    )
    yield Case(
        "grams for kilograms",
        sheet([row | {"weight": str(1000 * float(row["weight"]))} for row in rows()]),
        rules=rule("ExpectColumnMeanToBeBetween", "refuse", column="weight", max_value=100),
        refused="batch:ExpectColumnMeanToBeBetween:weight",
    )
    yield Case(
        "a German thousands point",
        column("weight", "1.234"),
        rules=rule("ExpectColumnMeanToBeBetween", "refuse", column="weight", min_value=100),
        refused="batch:ExpectColumnMeanToBeBetween:weight",
    )
    yield Case(
        "a sensor that is stuck",
        column("weight", "7.5"),
        rules=rule("ExpectColumnStdevToBeBetween", "refuse", column="weight", min_value=0.1),
        refused="batch:ExpectColumnStdevToBeBetween:weight",
    )
    yield Case(
        "a new category",
        cells({4: {"zone": "z"}}),
        rules=rule("ExpectColumnValuesToBeInSet", column="zone", value_set=["a", "b"]),
        rows={4: "ExpectColumnValuesToBeInSet:zone"},
    )
    yield Case(
        "a category that vanished",
        column("zone", "a"),
        rules=rule("ExpectColumnDistinctValuesToContainSet", "refuse", column="zone", value_set=["a", "b"]),
        refused="batch:ExpectColumnDistinctValuesToContainSet:zone",
    )
    yield Case(
        "a rule of the table that names no rows",
        column("zone", "a"),
        rules=rule("ExpectColumnDistinctValuesToContainSet", column="zone", value_set=["a", "b"]),
        refused="batch:ExpectColumnDistinctValuesToContainSet:zone",
    )
    yield Case(
        "a rule that only says so",
        column("zone", "a"),
        rules=rule("ExpectColumnDistinctValuesToContainSet", "warn", column="zone", value_set=["a", "b"]),
        typed={"zone": ["a"] * 10},
    )
    yield Case(
        "too few rows",
        sheet(rows(3)),
        rules=rule("ExpectTableRowCountToBeBetween", "refuse", min_value=5),
        refused="batch:ExpectTableRowCountToBeBetween",
        delivered=3,
    )
    yield Case("one row", sheet(rows(1)), typed={"weight": [0.5]})
    yield Case(
        "a third of rows bad: as many as are allowed",
        cells({n: {"weight": "x"} for n in range(3)}),
        rows=dict.fromkeys(range(3), "type:weight"),
    )
    yield Case(
        "a third of rows bad: one more",
        cells({n: {"weight": "x"} for n in range(4)}),
        rows=dict.fromkeys(range(4), "type:weight"),
        refused="batch:max_quarantined_share",
    )
    yield Case(
        "a million for each digit",
        cells({4: {"weight": "1e300"}}),
        rules=rule("ExpectColumnMaxToBeBetween", "refuse", column="weight", max_value=1e6),
        refused="batch:ExpectColumnMaxToBeBetween:weight",
    )
