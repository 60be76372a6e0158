"""The command's own part: what it takes from the command line, and how it shows what came out."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from deployments.commands.options import moment_of, period_of
from deployments.commands.simulate import policies_of, show
from tasks.core.comparison import Run, compare
from tasks.core.errors import ConfigInvalid
from tasks.core.policies import POLICIES
from tests.tasks.core import periods

START = datetime(2024, 1, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def period(number, score, asked=False, trained=False, promoted=False):
    between = START + number * MONTH, START + (number + 1) * MONTH
    return periods.period(*between, score, asked=asked, trained=trained, promoted=promoted, seconds=1.5)


def test_all_policies_without_a_choice_and_each_once_with_one():
    assert policies_of(None) == POLICIES
    assert [policy.kind for policy in policies_of(["keepfit", "never", "keepfit"])] == ["keepfit", "never"]
    with pytest.raises(ConfigInvalid, match=r"no policy 'always'.*never, every_window"):
        policies_of(["never", "always"])


def test_lengths_and_moments_are_read_or_refused_with_the_option_named():
    assert period_of("2w") == timedelta(days=14)
    assert moment_of("2024-01-01", "--from") == START
    assert moment_of(None, "--to") is None
    for wrong in ("monthly", "0d"):
        with pytest.raises(ConfigInvalid, match=f"--every '{wrong}'"):
            period_of(wrong)
    with pytest.raises(ConfigInvalid, match="--to 'spring'"):
        moment_of("spring", "--to")


def test_the_tables_show_scores_marks_and_costs():
    first = Run("every_window", (period(0, 2.0), period(1, 1.0, True, True, True), period(2, 3.0, True, True)), 0.25)
    second = Run("never", (period(0, 2.0), period(1, 3.5), period(2, None, True)))
    console = Console(record=True, width=140)
    show(console, [first, second], compare([first, second], "mae"))
    shown = console.export_text()
    rows = {line.split()[1]: line.split()[1::2] for line in shown.splitlines() if line.startswith("│")}
    assert "1 *" in shown
    assert "3 x" in shown
    assert "- !" in shown
    assert rows["every_window"] == ["every_window", "1.5", "0", "2", "1", "4.8", "-", "-"]
    assert rows["never"] == ["never", "2.75", "1.25", "0", "0", "4.5", "-", "-"]
