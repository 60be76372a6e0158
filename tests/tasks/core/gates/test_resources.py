"""A candidate that costs more than the champion and the margin allow is refused, each excess by name."""

from dataclasses import replace

import pytest

from tasks.core.gates import Resources
from tests.tasks.core.gates.evidence import FAIL, PASS, SMALL, UNKNOWN, evidence


def judged(gate=Resources(), **changes):  # noqa: B008 - frozen
    return gate.judge(evidence(footprint=replace(SMALL, **changes)))


@pytest.mark.parametrize("name", ["size", "seconds_per_row", "memory"])
def test_twice_the_champion_is_allowed_and_more_is_not(name):
    usual = getattr(SMALL, name)
    assert judged(**{name: usual * 2}).verdict is PASS
    over = judged(**{name: usual * 3})
    assert over.verdict is FAIL
    assert "2 times the champion's" in over.reason
    assert judged(Resources(margin=2.5), **{name: usual * 3}).verdict is PASS
    assert over.numbers[f"champion_{name}"] == usual


def test_what_nobody_notices_is_ignored_whatever_the_ratio():
    tiny = replace(SMALL, size=1_000, seconds_per_row=1e-7)
    ten_times = evidence(footprint=replace(SMALL, size=10_000, seconds_per_row=1e-6), champion_footprint=tiny)
    assert Resources().judge(ten_times).verdict is PASS
    assert Resources(ignore_size=0).judge(ten_times).verdict is FAIL


def test_fixed_limits_hold_without_a_champion_too():
    first = evidence(champion=None, champion_state="none", champion_footprint=None)
    assert Resources().judge(first).verdict is PASS
    for name, limit in (("max_size", 1e6), ("max_seconds_per_row", 1e-4), ("max_memory", 1e8)):
        check = Resources(**{name: limit}).judge(first)
        assert check.verdict is FAIL
        assert "are allowed" in check.reason


def test_what_was_not_measured_is_unknown():
    assert Resources().judge(evidence(footprint=None)).verdict is UNKNOWN
    assert Resources().judge(evidence(champion_footprint=None)).verdict is UNKNOWN
    assert Resources().judge(evidence(champion_footprint=None, champion_state="unknown")).verdict is UNKNOWN


@pytest.mark.parametrize("name", ["size", "seconds_per_row", "memory"])
def test_a_cost_that_is_no_number_is_no_pass(name):
    nothing = float("nan")
    alone = {"champion": None, "champion_state": "none", "champion_footprint": None}
    first = evidence(**alone, footprint=replace(SMALL, **{name: nothing}))
    assert Resources().judge(first).verdict is UNKNOWN
    assert Resources(**{f"max_{name}": 1e9}).judge(first).verdict is UNKNOWN
    assert judged(**{name: nothing}).verdict is UNKNOWN
    assert Resources().judge(evidence(champion_footprint=replace(SMALL, **{name: nothing}))).verdict is UNKNOWN
