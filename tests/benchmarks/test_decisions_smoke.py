"""The benchmarks of decisions run in small, and what they show of Keepfit is within its goals there, too."""

import numpy as np
import pytest

from benchmarks import duels, holdout
from tasks.core.gates.contest import LOOKS


@pytest.mark.parametrize("case", [case for case in duels.cases() if case.metric == "mae"], ids=lambda case: case.name)
def test_duels_hold_their_promise_where_the_usual_way_does_not(case):
    """Each bound leaves room for chance (once in ten thousand runs)."""
    from scipy.stats import binom

    seeds = 20 if case.name in duels.RUN else 60
    answers = list(duels.RUN.get(case.name, duels.contests)(case, seeds))
    ours = sum(mine == case.wanted for mine, _ in answers)
    if case.at_least:
        assert ours >= (seeds if case.goal == 1 else binom.ppf(0.0001, seeds, case.goal))
    else:
        assert ours <= binom.ppf(0.9999, seeds, case.goal)
    if case.name in {"equally good", "memorises its days"}:
        assert sum(other == "pass" for _, other in answers) > binom.ppf(0.9999, seeds, 0.05)


@pytest.mark.parametrize("name", ["equal models", "coin flips", "boosted coin flips"])
def test_a_holdout_attacked_with_a_thousand_candidates_promotes_none(name):
    """The seeds are fixed: of ten holdouts 0.4 are promoted on in the mean, and all of them by the score alone."""
    attacks = [holdout.ATTACKS[name](np.random.default_rng([seed, 11])) for seed in range(10)]
    won = [holdout.promoted(attack, "keepfit", 1_000, seed) for seed, attack in enumerate(attacks)]
    assert sum(place is not None for place in won) <= 2
    assert all(place is None or place <= LOOKS for place in won)
    naive = [holdout.ATTACKS[name](np.random.default_rng([seed, 11])) for seed in range(3)]
    assert all(holdout.promoted(attack, "higher score", 1_000, seed) for seed, attack in enumerate(naive))
