"""The best trial wins by its finite score; of equals the first, so that luck and thread order do not choose."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.core.choosing import best_of
from tasks.core.errors import DataRejected

SCORES = st.lists(st.one_of(st.floats(), st.sampled_from([0.5, 0.7])), min_size=1, max_size=12)


@given(SCORES, st.sampled_from(["roc_auc", "mae"]))
@example([0.5, math.inf], "roc_auc")
@example([0.5, -math.inf], "mae")
@example([math.nan, 0.5], "mae")
def test_the_first_of_the_best_finite_scores_wins(scores, metric):
    finite = [score for score in scores if math.isfinite(score)]
    if not finite:
        with pytest.raises(DataRejected, match="No trial"):
            best_of(scores, metric)
        return
    best = max(finite) if metric == "roc_auc" else min(finite)
    assert best_of(scores, metric) == scores.index(best)


def test_nothing_to_choose_from_says_what_to_do():
    with pytest.raises(DataRejected, match="features and the search's budget"):
        best_of([], "roc_auc")
