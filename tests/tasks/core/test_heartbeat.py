"""A sign that is missing or too old is not alive; what cannot be read is not, either; what has no limit is told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.heartbeat import Planned, Sign, dead, due, judge
from tasks.core.results import Verdict

NOW = datetime(2025, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@given(st.one_of(st.none(), st.integers(0, 99)), st.one_of(st.none(), st.integers(1, 99)))
def test_a_sign_is_alive_only_when_it_was_seen_within_its_limit(age, limit):
    seen, since = (None if hours is None else NOW - hours * HOUR for hours in (age, limit))
    (check,) = judge([Sign("cycle", seen, since, "a hint")], None, NOW)
    alive = limit is None or (age is not None and age <= limit)
    assert check.verdict is (Verdict.PASS if alive else Verdict.FAIL)
    assert ("a hint" in check.reason) == (not alive)
    assert bool(dead({"p": [check]})) == (not alive)


def test_a_limit_of_its_own_wins_over_the_schedule():
    assert due(2 * HOUR, NOW - 9 * HOUR, NOW) == NOW - 2 * HOUR
    assert due(None, NOW - 9 * HOUR, NOW) == NOW - 9 * HOUR
    assert due(None, None, NOW) is None


@pytest.mark.parametrize(("planned", "name", "verdict"), [
    (Planned(3, 0, True), "scheduler", Verdict.PASS),
    (Planned(0, 0, False), "scheduler", Verdict.PASS),
    (Planned(0, 0, True), "scheduler", Verdict.FAIL),
    (Planned(3, 2, True), "worker", Verdict.FAIL),
    (Planned(None, None, True), "scheduler", Verdict.UNKNOWN),
])  # fmt: skip
def test_what_prefect_says_tells_a_still_scheduler_from_a_worker_that_takes_nothing(planned, name, verdict):
    (check,) = judge([], planned, NOW)
    assert (check.name, check.verdict) == (name, verdict)
    assert bool(dead({"p": [check]})) == (verdict is not Verdict.PASS)


def test_nobody_to_ask_is_no_fault():
    assert judge([], None, NOW) == []


def test_every_reason_names_its_pipeline_and_its_sign():
    checks = judge([Sign("data", NOW - 99 * HOUR, NOW - 48 * HOUR), Sign("cycle", None, NOW)], None, NOW)
    first, second = dead({"rentals": checks})
    assert first == "rentals: data: 4 d ago (2025-04-26 21:00 UTC), allowed are 2 d."
    assert second.startswith("rentals: cycle: never, expected since 2025-05-01")
