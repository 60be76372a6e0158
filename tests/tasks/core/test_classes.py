"""A label of a class that nobody declared is no negative one: its row is set aside, or the delivery is refused."""

import numpy as np
import pandas as pd
import pytest

from tasks.core.classes import Classes


def texts(*values):
    return pd.Series(list(values), dtype=object, name="late", index=range(10, 10 + len(values)))


YES = Classes("yes", binary=True)
DECLARED = Classes("yes", ("no", "never"), binary=True)
ONE = Classes("1", ("0",), binary=True)


@pytest.mark.parametrize(
    ("classes", "target", "rows"),
    [
        (YES, texts("yes", "no", None), {}),
        (YES, texts("no", "no"), {}),
        (DECLARED, texts("yes", "no", "never", None), {}),
        (DECLARED, texts("yes", "No", None, "maybe"), {"class:late": [11, 13]}),
        (ONE, texts(1, 0, 2).astype("Int64"), {"class:late": [12]}),
        (ONE, texts(1.0, np.nan, 0.5).astype("float64"), {"class:late": [12]}),
        (Classes(binary=True), texts(1.0, 0.0, 2.0).astype("float64"), {"class:late": [12]}),
        (Classes("yes", binary=True), texts(True, False, None).astype("boolean"), {}),
        (Classes(), texts(1.0, 2.0, 3.0).astype("float64"), {}),
    ],
)
def test_rows_of_classes_that_are_not_declared_are_named(classes, target, rows):
    unknown = classes.unknown(target)
    assert (unknown.rows, unknown.refusals) == (rows, {})


@pytest.mark.parametrize(
    ("classes", "target"),
    [(YES, texts("yes", "no", "4711")), (Classes("1", binary=True), texts(1, 0, 4711).astype("Int64"))],
)
def test_two_values_beside_the_positive_one_refuse_a_delivery_and_are_not_quoted(classes, target):
    unknown = classes.unknown(target)
    assert unknown.rows == {}
    assert set(unknown.refusals) == {"classes"}
    assert "2 values of late" in unknown.refusals["classes"]
    assert "4711" not in unknown.refusals["classes"]
