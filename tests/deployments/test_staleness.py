"""The command's own part: how it shows what came out, and the moment that it refuses before anything runs."""

import pytest
from rich.console import Console

from deployments.commands.staleness import show, staleness
from tasks.core.errors import ConfigInvalid
from tasks.core.staleness.page import Measured
from tests.tasks.core.staleness.test_page import CELLS, FOUND, RULES


def shown(found):
    console = Console(record=True, width=160, soft_wrap=True)
    show(console, found)
    return console.export_text()


def test_the_curve_the_gains_their_reasons_and_who_is_missing_are_shown():
    text = shown(FOUND)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    assert ["2026-01-11..2026-01-21", "0.5 (1)", "0.25 (0) *", "-"] in rows
    assert ["1", "400", "0.5", "0.25"] in rows
    assert ["1 to 2", "2026-01-11..2026-01-21", "better", "+0.25", "+0.125 to +0.375", "400"] in rows
    assert "1 to 2: better: so | much" in text
    assert "1 comparison at a confidence of 95 % in all" in text
    assert "not measured: version 3: its | file is gone" in text
    assert text.rstrip().endswith("2 retrainings: 1 better, 1 not measured. Not measured: version 3.")


def test_a_first_champion_has_a_curve_and_nothing_to_compare():
    text = shown(Measured(RULES, CELLS[:1], (), {}))
    assert "0.3333 (0) *" in text
    assert "comparison" not in text
    assert text.rstrip().endswith("Nothing was retrained into a champion yet.")


def test_a_moment_that_is_none_is_refused_before_anything_runs():
    with pytest.raises(ConfigInvalid, match="--as-of 'spring'"):
        staleness("subscriptions", "spring")
