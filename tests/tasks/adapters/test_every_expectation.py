"""Every expectation of Great Expectations by its own name: it holds of sound rows, fails on a bad delivery, and never
passes where there is nothing to look at. What cannot be asked of a pandas frame refuses whatever it was for."""

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest

from tasks.adapters.expectations import Expectation, validate
from tasks.core.results import Verdict

ROWS = 20
X = {"column": "x"}
SCHEMA = {"type": "object", "required": ["a"]}
QUARTILES = {"quantiles": [0.25, 0.75], "value_ranges": [[3, 7], [12, 16]]}
BINS = {"bins": [-0.5, 4.5, 9.5, 14.5, 19.5], "weights": [0.25, 0.25, 0.25, 0.25]}
ASKED = {
    "ExpectColumnDistinctValuesToBeInSet": {"column": "c", "value_set": ["a", "b"]},
    "ExpectColumnDistinctValuesToContainSet": {"column": "c", "value_set": ["a"]},
    "ExpectColumnDistinctValuesToEqualSet": {"column": "c", "value_set": ["a", "b"]},
    "ExpectColumnKLDivergenceToBeLessThan": X | {"partition_object": BINS, "threshold": 0.1},
    "ExpectColumnMaxToBeBetween": X | {"min_value": 10, "max_value": 30},
    "ExpectColumnMeanToBeBetween": X | {"min_value": 5, "max_value": 15},
    "ExpectColumnMedianToBeBetween": X | {"min_value": 5, "max_value": 15},
    "ExpectColumnMinToBeBetween": X | {"min_value": -1, "max_value": 1},
    "ExpectColumnMostCommonValueToBeInSet": {"column": "c", "value_set": ["a"]},
    "ExpectColumnPairValuesAToBeGreaterThanB": {"column_A": "y", "column_B": "x"},
    "ExpectColumnPairValuesToBeEqual": {"column_A": "x", "column_B": "x2"},
    "ExpectColumnPairValuesToBeInSet": {"column_A": "c", "column_B": "d", "value_pairs_set": [("a", "u"), ("b", "v")]},
    "ExpectColumnProportionOfNonNullValuesToBeBetween": X | {"min_value": 0.9},
    "ExpectColumnProportionOfUniqueValuesToBeBetween": X | {"min_value": 0.9},
    "ExpectColumnQuantileValuesToBeBetween": X | {"quantile_ranges": QUARTILES},
    "ExpectColumnStdevToBeBetween": X | {"min_value": 3, "max_value": 9},
    "ExpectColumnSumToBeBetween": X | {"min_value": 100, "max_value": 300},
    "ExpectColumnToExist": {"column": "only"},
    "ExpectColumnTypeToBe": X | {"type_": "float64"},
    "ExpectColumnUniqueValueCountToBeBetween": X | {"min_value": 15},
    "ExpectColumnValueLengthsToBeBetween": {"column": "c", "max_value": 1},
    "ExpectColumnValueLengthsToEqual": {"column": "c", "value": 1},
    "ExpectColumnValueZScoresToBeLessThan": X | {"threshold": 3, "double_sided": True},
    "ExpectColumnValuesToBeBetween": X | {"min_value": 0, "max_value": 20},
    "ExpectColumnValuesToBeDateutilParseable": {"column": "day"},
    "ExpectColumnValuesToBeDecreasing": {"column": "down"},
    "ExpectColumnValuesToBeInSet": {"column": "c", "value_set": ["a", "b"]},
    "ExpectColumnValuesToBeInTypeList": X | {"type_list": ["float64"]},
    "ExpectColumnValuesToBeIncreasing": X,
    "ExpectColumnValuesToBeJsonParseable": {"column": "json"},
    "ExpectColumnValuesToBeNull": {"column": "none"},
    "ExpectColumnValuesToBeOfType": X | {"type_": "float64"},
    "ExpectColumnValuesToBeUnique": X,
    "ExpectColumnValuesToMatchJsonSchema": {"column": "json", "json_schema": SCHEMA},
    "ExpectColumnValuesToMatchRegex": {"column": "c", "regex": "^[ab]$"},
    "ExpectColumnValuesToMatchRegexList": {"column": "c", "regex_list": ["^a$", "^b$"]},
    "ExpectColumnValuesToMatchStrftimeFormat": {"column": "day", "strftime_format": "%Y-%m-%d"},
    "ExpectColumnValuesToNotBeInSet": {"column": "c", "value_set": ["zz"]},
    "ExpectColumnValuesToNotBeNull": X,
    "ExpectColumnValuesToNotBeOutliers": X | {"method": "iqr", "multiplier": 1.5},
    "ExpectColumnValuesToNotMatchRegex": {"column": "c", "regex": "z"},
    "ExpectColumnValuesToNotMatchRegexList": {"column": "c", "regex_list": ["z", "q"]},
    "ExpectCompoundColumnsToBeUnique": {"column_list": ["x", "c"]},
    "ExpectMulticolumnSumToEqual": {"column_list": ["x", "down"], "sum_total": ROWS - 1},
    "ExpectMulticolumnValuesToBeEqual": {"column_list": ["x", "x2"]},
    "ExpectSelectColumnValuesToBeUniqueWithinRecord": {"column_list": ["x", "y"]},
    "ExpectTableColumnCountToBeBetween": {"min_value": 11, "max_value": 11},
    "ExpectTableColumnCountToEqual": {"value": 11},
    "ExpectTableColumnsToMatchOrderedList": {
        "column_list": ["x", "x2", "y", "c", "d", "day", "down", "json", "none", "only", "_row_number"]
    },
    "ExpectTableColumnsToMatchSet": {
        "column_set": ["x", "x2", "y", "c", "d", "day", "down", "json", "none", "only", "_row_number"]
    },
    "ExpectTableRowCountToBeBetween": {"min_value": 1, "max_value": ROWS},
    "ExpectTableRowCountToEqual": {"value": ROWS},
}
UNASKABLE = {
    "ExpectMulticolumnValuesToBeUnique": {"column_list": ["x", "y"]},
    "ExpectColumnValuesToMatchLikePattern": {"column": "c", "like_pattern": "a%"},
    "ExpectColumnValuesToMatchLikePatternList": {"column": "c", "like_pattern_list": ["a%"]},
    "ExpectColumnValuesToNotMatchLikePattern": {"column": "c", "like_pattern": "z%"},
    "ExpectColumnValuesToNotMatchLikePatternList": {"column": "c", "like_pattern_list": ["z%"]},
    "ExpectQueryResultsToMatchComparison": {"base_query": "SELECT 1", "comparison_query": "SELECT 1"},
    "ExpectTableRowCountToEqualOtherTable": {"other_table_name": "other"},
}
"""Those of databases, and one that was given up: a frame of pandas cannot answer them."""


def sound():
    place = np.arange(ROWS, dtype=float)
    return pd.DataFrame({
        "x": place, "x2": place, "y": place + 1, "c": ["a"] * 12 + ["b"] * 8, "d": ["u"] * 12 + ["v"] * 8,
        "day": ["2024-01-01"] * ROWS, "down": place[::-1], "json": ['{"a": 1}'] * ROWS, "none": [None] * ROWS,
        "only": "here",
    })  # fmt: skip


def bad():
    """Every rule above is broken, in few rows or in all."""
    more = ROWS + 5
    place = np.arange(more, dtype=float)
    x = pd.Series(place).where(place < 6, 5_000.0).where(place > 4).astype("float32")
    x[more - 1] = -1e6
    return pd.DataFrame({
        "new": 1, "x": x, "x2": place, "y": x, "c": ["zz"] * 12 + ["q"] * 13, "d": ["u"] * more,
        "day": ["no day"] * more, "down": place, "json": ["{"] * more, "none": ["some"] * more, "y2": 1, "y3": 1,
    })  # fmt: skip


@pytest.fixture(scope="module")
def answers():
    rules = [Expectation(expect=name, arguments=arguments) for name, arguments in (ASKED | UNASKABLE).items()]
    nothing = sound().astype(object)
    nothing[:] = None
    frames = {"sound": sound(), "bad": bad(), "no rows": sound().iloc[:0], "all null": nothing}
    found = {}
    for name, frame in frames.items():
        answer = validate(frame, rules)
        checks = dict(zip(ASKED | UNASKABLE, answer.checks, strict=True))
        found[name] = checks, {rule.split(":")[0] for rule in (*answer.rows, *answer.refusals)}
    return found


def test_every_expectation_that_there_is_stands_here():
    known = {name for name in dir(gx.expectations) if name.startswith("Expect") and name != "Expectation"}
    assert known == set(ASKED) | set(UNASKABLE)


@pytest.mark.parametrize("name", ASKED)
def test_an_expectation_holds_of_sound_rows_and_of_nothing_else(name, answers):
    told = {frame: checks[name].verdict for frame, (checks, _) in answers.items()}
    assert told["sound"] is Verdict.PASS, answers["sound"][0][name]
    assert told["bad"] is not Verdict.PASS
    assert told["no rows"] is not Verdict.PASS
    about_names = name in {"ExpectColumnToExist", "ExpectColumnValuesToBeNull"} or name.startswith("ExpectTable")
    assert (told["all null"] is Verdict.PASS) == about_names
    for frame in ("bad", "no rows", *(() if about_names else ("all null",))):
        assert name in answers[frame][1], f"nothing follows on {frame}"


@pytest.mark.parametrize("name", UNASKABLE)
def test_what_a_frame_cannot_answer_is_unknown_and_refuses(name, answers):
    for checks, followed in answers.values():
        assert checks[name].verdict is Verdict.UNKNOWN
        assert name in followed


@pytest.mark.parametrize("on_fail", ["quarantine", "refuse", "warn"])
def test_each_severity_follows_and_a_warning_follows_nothing(on_fail):
    rules = [Expectation(expect=name, arguments=ASKED[name], on_fail=on_fail) for name in (
        "ExpectColumnValuesToBeInSet", "ExpectColumnMeanToBeBetween")]  # fmt: skip
    answer = validate(bad().astype({"x": float}), rules)
    assert [check.verdict for check in answer.checks] == [Verdict.FAIL] * 2
    assert len(answer.rows) == (on_fail == "quarantine")
    assert len(answer.refusals) == {"quarantine": 1, "refuse": 2, "warn": 0}[on_fail]


def test_an_optional_column_may_be_empty():
    frame = sound().assign(x=None)
    rule = Expectation(expect="ExpectColumnValuesToBeBetween", arguments=ASKED["ExpectColumnValuesToBeBetween"])
    assert validate(frame, [rule]).refusals == (rule.rule,)
    answer = validate(frame, [rule], ["x"])
    assert (answer.refusals, answer.rows, answer.checks[0].verdict) == ((), {}, Verdict.UNKNOWN)
