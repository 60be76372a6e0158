"""Two models estimated on the same rows, held against a world whose truth is known (benchmarks.probation_estimates)."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import probation_estimates as known
from tasks.core.errors import DataRejected
from tasks.core.estimation import paired
from tasks.core.estimation.paired import Side, _bounded, estimate_difference, shortage_of
from tasks.core.estimation.rows import Rows
from tasks.core.metrics import gain, score

CALIBRATED = {world.metric: world for world in known.WORLDS if "decays" in world.name}


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch):
    """A third of them, a quarter of the models: intervals are a little rougher, and the tests as much quicker."""
    monkeypatch.setattr(paired, "_RESAMPLES", 33)
    monkeypatch.setattr(paired, "_MODELS", 5)


def sides(metric, hard, seed=0):
    """Both sides, and by how much the champion really is better in the window."""
    rng = np.random.default_rng([seed, 5])
    reference, window = (known._rows(CALIBRATED[metric], share, 1.0, rng) for share in (0.2, hard))
    truth = gain(metric, *(score(metric, one.actual, one.predicted) for one in window))
    return [
        Side(old, replace(new, actual=None), known.FEATURES) for old, new in zip(reference, window, strict=True)
    ], truth


@pytest.mark.parametrize(("metric", "seeds"), [("roc_auc", 3), ("mae", 1)])
def test_the_interval_holds_the_true_difference_and_sees_who_knows_less_of_the_window(metric, seeds):
    held, seen = 0, 0
    for seed in range(seeds):
        both, truth = sides(metric, 0.8, seed)
        found = estimate_difference(metric, *both, tail=0.025, seed=seed)
        held += found.low <= truth <= found.high
        seen += found.value < 0
        assert found.value == pytest.approx(gain(metric, found.ours, found.theirs))
    assert seen == seeds
    assert held == seeds


def test_the_same_model_is_no_better_than_itself_and_a_wider_share_is_a_wider_interval():
    (ours, _), _ = sides("roc_auc", 0.2)
    found = estimate_difference("roc_auc", ours, ours, tail=0.025, seed=1)
    assert (found.value, found.low, found.high) == (0, 0, 0), "the same days and the same luck for both"
    both, _ = sides("roc_auc", 0.5)
    narrow, wide = (estimate_difference("roc_auc", *both, tail=tail, seed=1) for tail in (0.025, 0.001))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_who_is_first_changes_the_sign_only():
    both, _ = sides("roc_auc", 0.5)
    there, back = (estimate_difference("roc_auc", *pair, tail=0.01, seed=3) for pair in (both, both[::-1]))
    assert there.value == pytest.approx(-back.value)
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_of_many_rows_both_sides_keep_the_same():
    many = Rows(np.arange(25_000.0), np.arange(25_000) // 100, np.zeros(25_000))
    kept = [_bounded(Side(many, many, known.FEATURES), np.random.default_rng(7)) for _ in range(2)]
    assert len(kept[0].window.predicted) == 10_000
    assert (kept[0].reference.predicted == kept[1].reference.predicted).all()
    assert (kept[0].window.predicted == kept[1].window.predicted).all()


def test_too_little_to_learn_from_or_to_ask_about_is_said():
    (ours, _), _ = sides("roc_auc", 0.2)
    few = np.arange(150)
    assert shortage_of("roc_auc", ours, 200) == ""
    assert "150 rows, at least 200" in shortage_of("roc_auc", replace(ours, reference=ours.reference.take(few)), 200)
    assert "the window has 150 rows" in shortage_of("roc_auc", replace(ours, window=ours.window.take(few)), 200)
    nothing = ours.reference.take(few[:0])
    assert "no labelled rows that both predicted" in shortage_of("roc_auc", replace(ours, reference=nothing), 200)
    short = replace(ours, window=ours.window.take(np.arange(250)))
    assert "weigh as much as" in shortage_of("roc_auc", short, 200)
    gap = replace(ours, window=replace(ours.window, predicted=np.full(len(ours.window.predicted), np.nan)))
    with pytest.raises(DataRejected, match="NaN or infinite"):
        estimate_difference("roc_auc", gap, ours, tail=0.01, seed=0)
