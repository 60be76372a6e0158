"""A changed delivery is told in words: new, lost, renamed, widened and narrowed columns, and nothing where none is."""

import pandas as pd
import pytest

from tasks.core.schema_changes import changes_of, describe, likely_name, undeclared

USUAL = {"when": "times", "fare": "numbers", "seats": "whole numbers", "zone": "texts"}


def told(now, rows=500, before=(USUAL,)):
    return [(one.kind, one.words) for one in changes_of(before, now, rows)]


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"tip": "numbers"}, "new", "column tip is new (numbers)"),
        ({"zone": None}, "lost", "column zone is gone"),
        ({"fare": None, "Fare_Amount": "numbers"}, "renamed", "column fare is gone and Fare_Amount came: renamed?"),
        ({"seats": "numbers"}, "widened", "column seats held whole numbers and holds numbers"),
        ({"fare": "texts"}, "widened", "column fare held numbers and holds texts"),
        ({"zone": "whole numbers"}, "narrowed", "column zone held texts and holds whole numbers only"),
        ({"fare": "whole numbers"}, "narrowed", "column fare held numbers and holds whole numbers only"),
    ],
)
def test_a_change_is_named(change, kind, words):
    now = {name: what for name, what in (USUAL | change).items() if what is not None}
    assert told(now) == [(kind, words)]


def test_what_is_usual_is_no_change():
    assert told(USUAL) == told(dict(reversed(USUAL.items()))) == []
    assert changes_of([], USUAL, 500) == []
    assert told(USUAL | {"fare": "whole numbers"}, rows=20) == [], "a few fares may all be whole"
    assert told(USUAL | {"zone": "nothing"}) == [], "how much is missing is told elsewhere"
    assert told(USUAL | {"tip": "numbers"}, before=(USUAL | {"tip": "numbers"}, USUAL)) == [], "it comes and goes"


def test_names_are_shown_on_one_line_without_the_sign_that_parts_warnings():
    ((_, words),) = told(USUAL | {"a;b\n\u202e" + "x" * 500: "texts"})
    assert ";" not in words
    assert words.isprintable()
    assert len(words) < 120


def test_values_are_described_whatever_types_they_have():
    frame = pd.DataFrame({
        "a": ["1", "2"], "b": ["1", "2.5"], "c": ["x", "2"], "d": ["", "NULL"], "e": [1.0, None], "f": [True, False],
        "g": pd.to_datetime(["2024-01-01", None]), "h": [1.5, 2.0],
    })  # fmt: skip
    assert describe(frame, {"d": ("", "NULL")}) == {
        "a": "whole numbers", "b": "numbers", "c": "texts", "d": "nothing", "e": "whole numbers", "f": "yes or no",
        "g": "times", "h": "numbers",
    }  # fmt: skip


def test_undeclared_columns_are_told_when_they_come_first():
    (words,) = undeclared(USUAL, ["when", "fare"], [])
    assert words == "2 columns came that nobody declared and that are not read: seats, zone"
    assert undeclared(USUAL, list(USUAL), []) == []
    assert undeclared(USUAL, ["when", "fare"], [USUAL]) == []


def test_only_a_name_that_is_alike_is_likely():
    assert likely_name("trip_miles", ["TripMiles", "miles", "zone"]) == "TripMiles"
    assert likely_name("zone", ["Ada Lovelace", "ada@example.com"]) is None


@pytest.mark.timeout(20)
def test_what_is_meant_to_take_for_ever_does_not():
    long = "1" * 1_000_000
    assert describe(pd.DataFrame({"x": [f"{long}x", f"{long}.{long}x"]})) == {"x": "texts"}
    name = "ab" * 500_000
    assert changes_of([{"x": "texts", f"{name}y": "texts"}], {"x": "texts", f"{name}z": "texts"}, 5)
