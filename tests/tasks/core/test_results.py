from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.results import Check, Verdict, Window, overall

verdicts = st.sampled_from(Verdict)


def checks(found):
    return [Check(str(place), verdict, "") for place, verdict in enumerate(found)]


@settings(deadline=None)
@given(st.lists(verdicts, max_size=6))
def test_overall_passes_only_when_something_was_asked_and_everything_passed(found):
    assert (overall(checks(found)) is Verdict.PASS) == (bool(found) and set(found) == {Verdict.PASS})


@settings(deadline=None)
@given(st.lists(verdicts, max_size=6))
def test_any_fail_is_fail_and_unknown_is_never_hidden(found):
    answer = overall(checks(found))
    assert (answer is Verdict.FAIL) == (Verdict.FAIL in found)
    if Verdict.UNKNOWN in found:
        assert answer is not Verdict.PASS


@settings(deadline=None)
@given(st.permutations([Verdict.PASS, Verdict.UNKNOWN, Verdict.FAIL, Verdict.PASS]))
def test_overall_does_not_depend_on_the_order(found):
    assert overall(checks(found)) is Verdict.FAIL


def test_overall_reads_a_generator_once():
    assert overall(check for check in checks([Verdict.PASS, Verdict.UNKNOWN])) is Verdict.UNKNOWN


@pytest.mark.parametrize("verdict", Verdict)
def test_passed_is_true_for_pass_only(verdict):
    assert Check("name", verdict, "").passed == (verdict is Verdict.PASS)


def test_values_cannot_be_changed_after_the_fact():
    with pytest.raises(AttributeError):
        Check("name", Verdict.FAIL, "").verdict = Verdict.PASS


def test_a_window_names_its_days():
    window = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
    assert str(window) == "2024-01-01..2024-02-01"
