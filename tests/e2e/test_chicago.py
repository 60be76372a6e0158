"""Messy data of somebody's own, no code written: unsorted texts, an almost empty column, the answer beside it.

The data stay outside the project: KEEPFIT_REAL_DATA names the folder that holds chicago_taxi/data.csv.
"""

import re
from typing import Any

import pytest

from tests.e2e import early
from tests.e2e.chicago import TRIPS
from tests.real_data import real_file

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800, func_only=True)]


@pytest.fixture(scope="module")
def chicago(request: pytest.FixtureRequest) -> dict[str, Any]:
    real_file(TRIPS)
    found: dict[str, Any] = early.outcome(request.session, "chicago")
    return found


def outcomes(chicago: dict[str, Any], stage: str) -> list[str]:
    return [one["outcome"] for one in chicago["decisions"] if one["stage"] == stage]


def test_every_command_ends_well_and_none_with_a_traceback(chicago: dict[str, Any]) -> None:
    for name, (status, told) in chicago["said"].items():
        assert (status, "Traceback" in told) == (0, False), f"{name}: {told}"
    assert "is reproduced: same rows, parameters and libraries" in chicago["said"]["reproduce"][1]


def test_the_answer_and_the_empty_column_are_set_aside_with_their_reasons(chicago: dict[str, Any]) -> None:
    new = " ".join(chicago["said"]["new"][1].split())
    assert re.search(r"ignored: tips \(numbers[^)]*LEAK: ", new), new
    assert "ignored: pickup_census_tract" in new
    assert not {"tips", "big_tip", "pickup_census_tract", "trip_start_timestamp"} & {*chicago["features"]}
    assert {"fare", "trip_miles", "payment_type", "company"} <= {*chicago["features"]}


def test_every_row_is_accounted_for_and_its_label_is_the_one_that_came(chicago: dict[str, Any]) -> None:
    came, rows = chicago["came"], chicago["rows"]
    assert chicago["files"] == came["files"] == len(outcomes(chicago, "ingestion"))
    assert rows["delivered"] == came["rows"] == rows["accepted"] + rows["quarantined"]
    assert chicago["events"] == chicago["labels"] == rows["accepted"] == came["rows"]
    assert chicago["positive"] == came["yes"]


def test_the_loop_trains_promotes_scores_and_watches_by_itself(chicago: dict[str, Any]) -> None:
    assert outcomes(chicago, "promotion")[0] == "promoted"
    assert chicago["scored"] >= 1_000
    assert chicago["twice"] == 0
    watched = outcomes(chicago, "monitoring")
    assert watched[0] == "triggered"  # there was no champion
    assert len(watched) == 5
    assert not {"failed", "broken data"} & {one["outcome"] for one in chicago["decisions"]}
