"""One contest of a classifier two-sample test: learn on one half to tell two samples apart, be judged on the other.

Belongs here: halves, the classifier, its skill and what chance gives. Verdicts and pipelines' frames: multivariate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.blocks import Times, added_variance, block_sums, time_blocks, traits_of

_RELATIONS = 10  # pairs of numbers whose product the classifier is given: trees find a turned correlation late
_GRID = 64
_WINDOWS = 2_000  # simulated windows that a difference is held against
_ASKED = 500  # rows of a side by which the telling columns are found: enough for an order
_TOLD = 3  # columns that a reason names
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """Rows of one side: the matrix that the classifier sees, shape (n, columns), and their times where known."""

    matrix: Floats
    times: NDArray[np.int64] | None

    def half(self, second: bool) -> "Side":
        """The earlier or later half of the rows in time, so that the halves share no hour; else every other row."""
        keys = np.arange(len(self.matrix)) % 2 if self.times is None else self.times
        order = np.argsort(keys, kind="stable")
        middle = len(order) // 2
        chosen = order[middle:] if second else order[:middle]
        return Side(self.matrix[chosen], None if self.times is None else self.times[chosen])


@dataclass(frozen=True)
class Answer:
    """How well the sides were told apart on the held-out half: ROC AUC, its standard error by chance, the p-value."""

    auc: float
    error: float
    p_value: float
    freedom: float
    resolution: float  # the smallest p-value that so many independent stretches of time can show


class Contest:
    """One classifier: learns from one half of both sides and is judged on the other half."""

    def __init__(
        self, names: Sequence[str], is_category: Sequence[bool], sides: Sequence[Side], second: bool, seed: int
    ) -> None:
        self._names, self._seed = names, seed
        self._numbers = [place for place, category in enumerate(is_category) if not category]
        learned, self._held_out = ([side.half(later) for side in sides] for later in (not second, second))
        self._relations = _relations([side.matrix[:, self._numbers] for side in learned])
        self._model = self._fit(learned, [*is_category, *(False for _ in self._relations)])

    def _fit(self, learned: Sequence[Side], is_category: Sequence[bool]) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier

        sizes = [len(side.matrix) for side in learned]
        matrix = self._with_relations(np.concatenate([side.matrix for side in learned]))
        weights = np.repeat([sum(sizes) / 2 / size for size in sizes], sizes)
        model = HistGradientBoostingClassifier(
            max_iter=40, max_leaf_nodes=8, min_samples_leaf=10, l2_regularization=1.0, early_stopping=False,
            categorical_features=list(is_category), random_state=self._seed,
        )  # fmt: skip
        return model.fit(matrix, np.repeat([0, 1], sizes), sample_weight=weights)

    def _with_relations(self, matrix: Floats) -> Floats:
        values = matrix[:, self._numbers]
        products = [values[:, [a]] * values[:, [b]] for a, b in self._relations]
        # On a grid of few values the classifier need not look for bins, which takes it longer than everything else.
        return np.round(np.concatenate([matrix, *products], axis=1) * _GRID) / _GRID

    def _scores(self, matrix: Floats) -> Floats:
        return np.asarray(self._model.decision_function(self._with_relations(matrix)))

    def answer(self) -> Answer:
        """How well it did on the half that it had not seen."""
        left, right = self._held_out
        return compare(self._scores(left.matrix), self._scores(right.matrix), left.times, right.times, self._seed)

    def telling(self) -> list[str]:
        """The columns without which the classifier loses most of its skill, by shuffling one at a time."""
        from scipy.stats import rankdata

        rng = np.random.default_rng(self._seed)
        sides = [side.matrix for side in self._held_out]
        sides = [s if len(s) <= _ASKED else s[rng.choice(len(s), _ASKED, replace=False)] for s in sides]
        sizes, matrix = [len(side) for side in sides], np.concatenate(sides)
        order = rng.permutation(len(matrix))

        def skill(shuffled: Floats) -> float:
            ranks = rankdata(self._scores(shuffled))
            return float(ranks[sizes[0] :].mean() - ranks[: sizes[0]].mean())

        without = []
        for place in range(len(self._names)):
            shuffled = matrix.copy()
            shuffled[:, place] = shuffled[order, place]
            without.append(skill(shuffled))
        whole = skill(matrix)
        worth = sorted(range(len(self._names)), key=lambda place: without[place])[:_TOLD]
        least = (whole - without[worth[0]]) / 5  # a column worth less than a fifth of the best one tells nothing
        return [self._names[place] for place in worth if whole - without[place] >= least]


def _relations(learned: Sequence[Floats]) -> list[tuple[int, int]]:
    """The pairs of numbers whose rank correlation differs most between the two sides."""
    if learned[0].shape[1] < 2:  # noqa: PLR2004 - a pair
        return []
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [np.nan_to_num(np.corrcoef(np.nan_to_num(side), rowvar=False)) for side in learned]
    difference = np.triu(np.abs(found[0] - found[1]), 1)
    order = np.argsort(-difference, axis=None, kind="stable")[:_RELATIONS]
    rows, columns = np.unravel_index(order, difference.shape)
    return [(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if a < b]


def compare(left: Floats, right: Floats, left_times: Times | None, right_times: Times | None, seed: int) -> Answer:
    """ROC AUC of the scores, its standard error if nothing had changed, and the one-sided p-value.

    Rows alone give the variance of the Mann-Whitney statistic; blocks of time add to it. The p-value is Student's for
    as many blocks, and never below the share of windows that reach the difference when they are made of the reference's
    blocks.
    """
    from scipy.stats import rankdata, t

    ranks = rankdata(np.concatenate([left, right])) / (len(left) + len(right))
    here, there = ranks[: len(left)], ranks[len(left) :]
    difference, alone = float(there.mean() - here.mean()), float(here.var(ddof=1))
    variance, freedom, reached, resolution = alone * (1 / len(here) + 1 / len(there)), float(len(here) - 1), 0.0, 0.0
    blocks = None
    if left_times is not None and right_times is not None:
        blocks = time_blocks(left_times, right_times, traits_of(here, True))
    if blocks is not None:
        sums, rows = block_sums(here[:, None], blocks.codes, blocks.count)[:, 0], np.bincount(blocks.codes)
        variance += float(added_variance(here[:, None], blocks)[0])
        freedom = float(blocks.count - 1)
        drawn = np.random.default_rng(seed).integers(blocks.count, size=(_WINDOWS, blocks.per_window))
        reached = float((sums[drawn].sum(axis=1) / rows[drawn].sum(axis=1) >= difference).mean())
        resolution = 1 / comb(blocks.count + blocks.per_window, blocks.per_window)
    error = float(np.sqrt(variance))
    p_value = float(t.sf(difference / error, freedom)) if error > 0 else 1.0
    return Answer(0.5 + difference, error, max(p_value, reached, resolution), freedom, resolution)
