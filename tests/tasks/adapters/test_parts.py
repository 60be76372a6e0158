"""A rule that is asked of its own columns only answers as it does of all of them; nothing that needs more is cut."""

import numpy as np
import pandas as pd
import pytest

from tasks.adapters import parts, patterns
from tasks.adapters.expectations import Expectation, validate
from tasks.core.results import Verdict
from tests.tasks.adapters.test_every_expectation import ASKED, bad, sound

WHOLE = {"ExpectColumnValuesToBeInTypeList", "ExpectColumnValuesToBeOfType"}


def with_whole_numbers(frame):
    return frame.assign(n=pd.array(range(len(frame)), dtype="Int64")).set_axis(range(7, 7 + len(frame)))


RULES = [Expectation(expect=name, arguments=arguments) for name, arguments in ASKED.items()] + [
    Expectation(expect="ExpectColumnValuesToBeBetween", arguments={"column": "n", "min_value": 3, "max_value": 9}),
    Expectation(expect="ExpectColumnValuesToBeBetween", arguments={"column": "n", "min_value": "a", "max_value": "b"}),
    Expectation(expect="ExpectColumnValuesToBeInSet", arguments={"column": "n", "value_set": [1, 2]}),
    Expectation(expect="ExpectColumnValuesToMatchRegex", arguments={"column": "n", "regex": "^1"}),
    Expectation(expect="ExpectColumnValuesToBeOfType", arguments={"column": "n", "type_": "Int64"}),
    Expectation(expect="ExpectColumnValuesToNotBeNull", arguments={"column": "not there"}),
]


@pytest.mark.parametrize("frame", [sound(), bad()], ids=["sound", "bad"])
def test_the_answers_are_those_of_the_whole_frame(frame, monkeypatch):
    frame = with_whole_numbers(frame)
    narrow = validate(frame, RULES)
    monkeypatch.setattr(parts, "by_columns", lambda asked, _: {(): list(asked)})
    monkeypatch.setattr(parts, "_ABOUT_TYPES", frozenset())
    whole = validate(frame, RULES)
    assert narrow == whole
    assert {Verdict.FAIL, Verdict.UNKNOWN} <= {check.verdict for check in narrow.checks}


def test_rules_are_asked_of_what_they_name_and_of_all_where_they_need_it():
    frame = with_whole_numbers(sound())
    asked = {number: (rule.expect, rule.arguments) for number, rule in enumerate(RULES)}
    conditional = ("ExpectColumnValuesToNotBeNull", {"column": "x", "row_condition": "y > 1"})
    groups = parts.by_columns(asked | {99: conditional}, frame)
    found = {number: names for names, numbers in groups.items() for number in numbers}
    assert set(found) == {*asked, 99}
    for number, (expect, arguments) in asked.items():
        if expect.startswith("ExpectTable") or expect in WHOLE or arguments.get("column") == "not there":
            assert found[number] == ()
        else:
            named = {arguments.get(key) for key in ("column", "column_A", "column_B")} - {None}
            assert set(found[number]) == named | set(arguments.get("column_list", ()))
    assert found[99] == ()


def test_whole_numbers_without_gaps_are_compared_as_numbers_and_the_rows_stay():
    frame = pd.DataFrame({"n": pd.array([1, 2], dtype="Int64"), "g": pd.array([1, None], dtype="Int64")}, index=[4, 9])
    assert parts.part(frame, ["n"])["n"].dtype == np.int64
    assert str(parts.part(frame, ["g"])["g"].dtype) == "Int64"
    every = parts.part(frame, ())
    assert list(every[parts.ROW_NUMBER]) == [4, 9]
    assert str(every["n"].dtype) == "Int64"
    assert parts.ROW_NUMBER not in frame


@pytest.mark.parametrize("pattern", ["^(a+)+$", "a*", "(a|a)", "a?", "(a{9}){9}", r"(a)\1", "a{2,}", "[+]"])
def test_a_pattern_with_a_choice_is_tried_and_one_without_needs_no_trial(pattern, monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.0)
    assert not patterns.answers_in_time([pattern], ["a"])
    for plain in ("^[a-z]-[0-9]{12}$", r"^\d{4}-\w\w\.", "abc"):
        assert patterns.answers_in_time([plain], ["a"])
