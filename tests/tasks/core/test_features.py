"""The matrix holds declared features only, in one order, the same for training, scoring and monitoring."""

import numpy as np
import pandas as pd
import pytest

from tasks.core.columns import Column, convert
from tasks.core.features import EVENT_TIME, MISSING, Features, design_matrix, features_of

COLUMNS = (
    Column(name="key", role="id", type="integer"),
    Column(name="when", role="time", type="datetime", timezone="Europe/Berlin"),
    Column(name="flag", role="feature", type="boolean"),
    Column(name="plan", role="feature", type="category"),
    Column(name="age", role="feature", type="integer"),
    Column(name="sex", role="protected", type="category"),
    Column(name="note", role="feature", type="string"),
    Column(name="secret", role="ignore", type="number"),
    Column(name="goal", role="target", type="number"),
    Column(name="spend", role="feature", type="number"),
)


def events():
    text = {
        "key": ["1", "2"], "when": ["2024-06-30T23:30", "2024-01-01T00:00"], "flag": ["yes", ""], "plan": ["", "a"],
        "age": ["", "7"], "sex": ["f", "m"], "note": ["x", ""], "secret": ["1", "2"], "goal": ["1", "0"],
        "spend": ["0.1", ""],
    }  # fmt: skip
    frame = convert(pd.DataFrame(text), COLUMNS).frame
    return frame.assign(**{EVENT_TIME: frame["when"]})


def test_only_features_get_in_by_kind_with_the_zone_of_the_time_column():
    features = features_of(COLUMNS, ("hour",))
    assert features == Features(("flag", "age", "spend"), ("plan", "note"), ("hour",), "Europe/Berlin")
    assert features.names == ("flag", "age", "spend", "plan", "note", "calendar_hour")


def test_numbers_are_floats_and_missing_ones_stay_missing_while_categories_say_so():
    matrix = design_matrix(events(), features_of(COLUMNS, ()))
    assert [str(matrix[name].dtype) for name in ("flag", "age", "spend")] == ["float64"] * 3
    np.testing.assert_array_equal(matrix[["flag", "age", "spend"]], [[1, np.nan, 0.1], [np.nan, 7, np.nan]])
    assert matrix[["plan", "note"]].to_numpy().tolist() == [[MISSING, "x"], ["a", MISSING]]


def test_the_calendar_is_that_of_the_local_time():
    matrix = design_matrix(events(), Features((), (), ("hour", "weekday", "month", "day_of_year"), "Europe/Berlin"))
    assert matrix.to_numpy().tolist() == [[23, 6, 6, 182], [0, 0, 1, 1]]
    utc = design_matrix(events(), Features((), (), ("hour", "month"), "UTC"))
    assert utc.to_numpy().tolist() == [[21, 6], [23, 12]]


def test_rows_read_back_from_a_table_give_the_same_matrix():
    stored = events()
    # What Parquet gives back: no extension types, None for a missing truth value.
    again = stored.astype({"flag": object, "age": "float64"}).where(stored.notna(), None)
    again[EVENT_TIME] = stored[EVENT_TIME]
    features = features_of(COLUMNS, ("hour",))
    pd.testing.assert_frame_equal(design_matrix(again, features), design_matrix(stored, features))


@pytest.mark.parametrize("order", [[1, 0], [0, 0, 1], []])
def test_each_row_stands_for_itself(order):
    features = features_of(COLUMNS, ("hour", "month"))
    whole = design_matrix(events(), features)
    pd.testing.assert_frame_equal(
        design_matrix(events().iloc[order], features), whole.iloc[order], check_dtype=bool(order)
    )


def test_columns_come_in_their_own_order_whatever_the_order_of_the_events():
    features = features_of(COLUMNS, ())
    turned = events()[list(events())[::-1]]
    assert list(design_matrix(turned, features)) == list(features.names)
