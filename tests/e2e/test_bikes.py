"""Somebody's own data, no code written: a year of bike rentals through the loop, against doing nothing.

The data stay outside the project: KEEPFIT_REAL_DATA names the folder that holds bike_sharing/hour.csv.
"""

import json
from typing import Any

import pytest

from deployments.surface import FLOWS
from tests.e2e import early
from tests.e2e.bikes import HOURS
from tests.real_data import real_file

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800, func_only=True)]


@pytest.fixture(scope="module")
def bikes(request: pytest.FixtureRequest) -> dict[str, Any]:
    real_file(HOURS)
    return early.outcome(request.session, "bikes")


def test_the_leaks_are_named_and_set_aside_and_the_deployments_are_registered(bikes: dict[str, Any]) -> None:
    for leak in ("casual", "registered"):
        assert f"ignored: {leak}" in bikes["new"], bikes["new"]
    assert "LEAK" in bikes["new"]
    assert f"registered {len(FLOWS)} deployments" in bikes["new"]


def test_the_loop_beats_the_model_of_2011_by_a_quarter(bikes: dict[str, Any]) -> None:
    print(json.dumps(bikes, indent=1))  # noqa: T201 - the figures, for whoever runs with -s
    assert [one for one in bikes["promoted"] if one[0].startswith("2012")], "a retraining was promoted in 2012"
    assert len(bikes["loop"]) == 12, bikes
    frozen, loop = (sum(bikes[name].values()) / 12 for name in ("frozen", "loop"))
    assert loop <= 0.75 * frozen, bikes


def test_every_invariant_holds_after_two_years(bikes: dict[str, Any]) -> None:
    assert bikes["verified"] == 0


def test_the_champion_of_two_years_is_made_again_from_its_records(bikes: dict[str, Any]) -> None:
    assert "is reproduced: same rows, parameters and libraries" in bikes["reproduced"], bikes["reproduced"]
