"""The command's own part: what it refuses before anything runs, and how it shows what came out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from deployments.commands.tune import show, tune
from tasks.core.comparison import Standing
from tasks.core.errors import ConfigInvalid
from tasks.core.tuning import PRESENT, PROPOSED, Thresholds, Tuned

NOW = Thresholds(0.1, 0.95, timedelta(days=7))
BETTER = replace(NOW, max_loss=0.05)
EARLY = (Standing(NOW.label, 3.0, 0.5, 0, 0, 2.04), Standing(BETTER.label, 2.5, 0.0, 2, 1, 9.0))
LATE = (Standing(PRESENT, 4.0, 2.0, 0, 0, 1.0), Standing(PROPOSED, 2.0, 0.0, 3, 2, 8.25))
SNIPPET = "performance: {max_loss: 0.05}\n"


def shown(tuned, snippet):
    console = Console(record=True, width=160, soft_wrap=True)
    show(console, tuned, snippet)
    return console.export_text()


def test_the_tables_the_sentence_and_the_yaml_are_shown():
    text = shown(Tuned(NOW, BETTER, datetime(2024, 5, 1, tzinfo=UTC), EARLY, LATE), SNIPPET)
    rows = {line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
            for line in text.splitlines() if line.startswith("│")}  # fmt: skip
    assert rows["max_loss 0.05, confidence 0.95, cooldown 1w"] == ["2.5", "0", "2", "1", "9.0"]
    assert rows["proposed"] == ["2", "0", "3", "2", "8.2"]
    assert rows["present"] == ["4", "2", "0", "0", "1.0"]
    assert "before 2024-05-01: what chose" in text
    assert "50.0 % better (2 against 4), with 3 retrainings against 0." in text
    assert text.rstrip().endswith(SNIPPET.strip())


def test_without_a_proposal_there_is_nothing_to_paste():
    text = shown(Tuned(NOW, NOW, datetime(2024, 5, 1, tzinfo=UTC), EARLY, LATE), "")
    assert "Keep the thresholds" in text
    assert "put this into" not in text


def test_lengths_and_moments_are_refused_before_anything_runs():
    with pytest.raises(ConfigInvalid, match="--every 'monthly'"):
        tune("subscriptions", "monthly")
    with pytest.raises(ConfigInvalid, match="--to 'spring'"):
        tune("subscriptions", "30d", None, "spring")
    with pytest.raises(ConfigInvalid, match="--check-every '0d'"):
        tune("subscriptions", check_every="0d")
