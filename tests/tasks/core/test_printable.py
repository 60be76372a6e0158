"""Names that others chose do nothing to who reads them, and stay readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.printable import printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("März 2025 (1).csv", "März 2025 (1).csv"),
        ("a\nERROR b.csv", "a\\nERROR b.csv"),
        ("\x1b[2J.csv", "\\x1b[2J.csv"),
        ("a\u202evsc.csv", "a\\u202evsc.csv"),
        ("a\udcff.csv", "a\\udcff.csv"),
        ("x" * 200 + ".csv", "x" * 60 + "..." + "x" * 56 + ".csv"),
    ],
)
def test_what_is_not_seen_is_written_out(name, shown):
    assert printable(name) == shown


@given(st.text())
def test_whatever_comes_can_be_printed_and_stored(name):
    shown = printable(name)
    assert shown.encode().decode() == shown
    assert "\n" not in shown
    assert len(shown) <= 123
