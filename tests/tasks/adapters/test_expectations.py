"""The suite fails closed: no rows or a column without values never pass, and a rule that crashed says nothing."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from tasks.adapters.expectations import Expectation, always, validate
from tasks.core.columns import Column
from tasks.core.results import Verdict

CANARY = "canary-4711"
COLUMNS = (
    Column(name="key", role="id", type="string"),
    Column(name="when", role="time", type="datetime"),
    Column(name="age", role="feature", type="integer"),
    Column(name="spend", role="feature", type="number"),
    Column(name="flag", role="feature", type="boolean"),
    Column(name="plan", role="feature", type="category"),
    Column(name="note", role="protected", type="string"),
)
FEATURES = ["key", "when", "age", "spend", "flag", "plan"]


def rows(count=6):
    frame = pd.DataFrame(
        {
            "key": pd.Series([f"k{n}" for n in range(count)], dtype=object),
            "when": pd.date_range("2024-01-01", periods=count, tz="UTC").astype("datetime64[us, UTC]"),
            "age": pd.array(range(20, 20 + count), dtype="Int64"),
            "spend": np.arange(count) / 2,
            "flag": pd.array([True] * count, dtype="boolean"),
            "plan": pd.Series(["a"] * count, dtype=object),
            "note": pd.Series([None] * count, dtype=object),
        }
    )
    return frame.set_index(pd.Index(range(10, 10 + count)))


def rule(expect, on_fail="quarantine", **arguments):
    return Expectation(expect=expect, arguments=arguments, on_fail=on_fail)


BETWEEN = rule("ExpectColumnValuesToBeBetween", column="age", min_value=0, max_value=23)


@pytest.fixture(scope="module")
def sound():
    return validate(rows(), always(COLUMNS))


def test_sound_rows_pass_every_rule_that_always_stands(sound):
    assert {check.verdict for check in sound.checks} == {Verdict.PASS}
    assert (sound.rows, sound.refusals) == ({}, ())
    named = {check.name for check in sound.checks}
    assert {f"ExpectColumnProportionOfNonNullValuesToBeBetween:{name}" for name in FEATURES} <= named
    assert not any("note" in name for name in named)


def test_no_rows_never_pass_though_rules_about_rows_find_nothing_wrong():
    answer = validate(rows(0), [*always(COLUMNS), BETWEEN])
    assert "ExpectTableRowCountToBeBetween" in answer.refusals
    for check in answer.checks:
        assert check.verdict is not Verdict.PASS or check.name.startswith("ExpectColumnValuesToBe")
    refused = {name for name in answer.refusals if "Proportion" in name}
    assert len(refused) == len(FEATURES)


def test_a_column_without_any_value_never_passes():
    frame = rows()
    for name in FEATURES:
        frame[name] = pd.Series([None] * 6, index=frame.index, dtype=frame[name].dtype)
    answer = validate(frame, always(COLUMNS))
    assert {name for name in answer.refusals if "Proportion" in name} == {
        f"ExpectColumnProportionOfNonNullValuesToBeBetween:{name}" for name in FEATURES
    }


def test_one_value_in_a_column_is_enough():
    frame = rows()
    frame.loc[frame.index[1:], "plan"] = None
    assert validate(frame, always(COLUMNS)).refusals == ()


def test_an_id_that_stands_twice_sets_all_of_its_rows_aside():
    frame = rows()
    frame.loc[12, "key"] = "k0"
    answer = validate(frame, always(COLUMNS))
    assert answer.rows == {"ExpectColumnValuesToBeUnique:key": [10, 12]}
    assert answer.refusals == ()


def test_several_id_columns_are_unique_together():
    columns = [Column(name=name, role="id", type="string") for name in ("key", "plan")]
    frame = rows()
    assert validate(frame, always(columns)).rows == {}
    frame.loc[15, "key"] = "k0"
    assert validate(frame, always(columns)).rows == {"ExpectCompoundColumnsToBeUnique": [10, 15]}


@pytest.mark.parametrize("on_fail", ["quarantine", "refuse", "warn"])
def test_what_follows_a_failing_rule_is_as_declared(on_fail):
    (check,), found, refusals = unpack(validate(rows(), [BETWEEN.model_copy(update={"on_fail": on_fail})]))
    assert (check.verdict, check.numbers["unexpected"]) == (Verdict.FAIL, 2)
    assert found == ({check.name: [14, 15]} if on_fail == "quarantine" else {})
    assert refusals == ((check.name,) if on_fail == "refuse" else ())


def unpack(answer):
    return answer.checks, answer.rows, answer.refusals


def test_a_rule_about_the_table_that_fails_refuses_the_batch_because_it_names_no_rows():
    answer = validate(rows(), [rule("ExpectTableColumnCountToEqual", value=99)])
    assert (answer.rows, answer.refusals) == ({}, ("ExpectTableColumnCountToEqual",))


@pytest.mark.parametrize("on_fail", ["quarantine", "refuse", "warn"])
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (("ExpectColumnValuesToBeBetwen", {"column": "age"}), "check the spelling"),
        (("ExpectColumnValuesToBeBetween", {"colunm": "age"}), "does not take these arguments"),
        (("ExpectColumnValuesToBeBetween", {"column": "nobody", "min_value": 0}), "crashed"),
        (("ExpectColumnValuesToBeBetween", {"column": "plan", "min_value": 0}), "crashed"),
        (("ExpectColumnValuesToMatchRegex", {"column": "plan", "regex": "("}), "crashed"),
        (("ExpectColumnMeanToBeBetween", {"column": "plan", "min_value": 0}), "crashed"),
    ],
)
def test_a_rule_that_is_misspelt_or_crashes_is_unknown_and_refuses_whatever_it_was_for(broken, told, on_fail):
    name, arguments = broken
    answer = validate(rows(), [rule(name, on_fail, **arguments), BETWEEN])
    assert answer.checks[0].verdict is Verdict.UNKNOWN
    assert told in answer.checks[0].reason
    assert answer.refusals == (answer.checks[0].name,)
    # The rules beside it still answer.
    assert answer.rows == {BETWEEN.rule: [14, 15]}


def test_answers_hold_no_values_of_cells():
    frame = rows()
    frame.loc[11, ["key", "plan", "note"]] = CANARY
    frame.loc[12, "key"] = CANARY
    frame.loc[13, ["age", "spend"]] = 987654321
    rules = [
        *always(COLUMNS),
        rule("ExpectColumnValuesToBeInSet", column="plan", value_set=["a"]),
        rule("ExpectColumnValuesToMatchRegex", column="plan", regex="^a$"),
        rule("ExpectColumnDistinctValuesToBeInSet", column="plan", value_set=["a"]),
        rule("ExpectColumnMaxToBeBetween", column="spend", max_value=5),
        rule("ExpectColumnValuesToBeBetween", column="spend", max_value=5),
        rule("ExpectColumnValuesToBeBetween", column="plan", max_value=5),
        rule("ExpectColumnPairValuesToBeEqual", column_A="key", column_B="plan"),
    ]
    answer = validate(frame, rules)
    assert sum(check.verdict is not Verdict.PASS for check in answer.checks) >= 7
    assert CANARY not in repr(answer)
    assert "987654321" not in repr(answer)


def test_rules_of_one_name_add_their_rows_up():
    low = rule("ExpectColumnValuesToBeBetween", column="age", min_value=21)
    assert sorted(validate(rows(), [BETWEEN, low]).rows[low.rule]) == [10, 14, 15]


def test_deliveries_that_are_validated_at_the_same_time_get_their_own_answers():
    """The newest context is everybody's current one; each validation works through the one that it has made."""
    frames, suite = [rows(6 + count) for count in range(16)], [*always(COLUMNS), BETWEEN]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda frame: validate(frame, suite), frames))
    assert [one.rows for one in found] == [{BETWEEN.rule: list(frame.index[4:])} for frame in frames]
    assert found == [validate(frame, suite) for frame in frames]


def test_a_name_that_is_no_expectation_is_refused_with_the_file():
    with pytest.raises(ValueError, match="use the class name of an expectation"):
        Expectation(expect="age > 5")
