"""Columns that give the target away: alone, held against another one, or by adding up to it.

Belongs here: the search and its evidence in words. What becomes of a suspicious column is `tasks.core.profile`'s.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

FEWEST_ROWS, MOST_ROWS = 100, 20_000
ALONE = 0.98
_PAIRED, _SCREENED = 30, 2_000  # columns, those that say most alone, and rows that all pairs of them are tried on
_UNEXPLAINED = 1e-4  # share of the target's variance that rounding may leave
_COLLINEAR = 1e-9
_BY_CHANCE = 30.0  # F of a column that has nothing to say: 30 is passed once in ten million, 13 by the best of hundreds
_FOLDS, _LEAVES = 3, 200


@dataclass(frozen=True)
class Leak:
    """Columns that together give the target away, and why that is believed."""

    columns: tuple[str, ...]
    reason: str


def find_leaks(columns: pd.DataFrame, target: Floats, binary: bool) -> tuple[Leak, ...]:
    """Search `columns` (n x p, float, NaN = missing, categories as codes) for what gives `target` (n, complete) away.

    At most MOST_ROWS evenly spaced rows are looked at; with fewer than FEWEST_ROWS nothing can be said and nothing is.
    """
    if len(columns) < FEWEST_ROWS or not columns.shape[1]:
        return ()
    step = -(-len(columns) // MOST_ROWS)
    columns, target = columns.iloc[::step], target[::step]
    values = {name: _alone(columns[name], target, binary) for name in columns}
    measure = "AUC" if binary else "rank R2"
    leaks = [
        Leak((str(name),), f"alone it predicts the target almost perfectly ({measure} {value:.3f})")
        for name, value in values.items()
        if value >= ALONE
    ]
    if binary:
        open_ones = sorted((n for n in values if values[n] < ALONE), key=lambda n: -values[n])
        leaks += _held_against_each_other(columns[open_ones[:_PAIRED]], target)
    leaks += _together(columns.fillna(0.0), target, ("add up to", " + "))
    positive = target > 0
    if not binary and positive.mean() > 1 - _UNEXPLAINED:
        factors = columns.loc[positive, (columns[positive] > 0).all()]
        logs = pd.DataFrame(np.log(factors.to_numpy()), columns=factors.columns)
        found = _together(logs, np.log(target[positive]), ("multiply to", " * "))
        known = [set(leak.columns) for leak in leaks]
        leaks += [leak for leak in found if not any(names <= set(leak.columns) for names in known)]
    return tuple(leaks)


def _alone(column: pd.Series, target: Floats, binary: bool) -> float:
    """Out-of-fold AUC, or R2 on the target's ranks, of a tree whose leaves are too large to learn rows by heart."""
    from scipy.stats import rankdata
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeRegressor

    if column.nunique(dropna=False) < 2:  # noqa: PLR2004 - a constant
        return 0.0
    matrix = column.to_numpy(dtype=float)[:, None]
    leaf = max(5, len(column) // _LEAVES)
    tree = DecisionTreeRegressor(min_samples_leaf=leaf, random_state=0)
    truth = target if binary else rankdata(target)
    predicted = cross_val_predict(tree, matrix, truth, cv=KFold(_FOLDS, shuffle=True, random_state=0))
    return float((roc_auc_score if binary else r2_score)(truth, predicted))


def _held_against_each_other(columns: pd.DataFrame, target: Floats) -> list[Leak]:
    """Columns (the most telling first) whose ratio to, or difference from, a later one tells the classes apart.

    A tip of more than a fifth of the fare says nothing else than its ratio. The AUC is that of the values themselves;
    pairs are tried on some rows first.
    """
    matrix, step = columns.to_numpy(float), -(-len(columns) // _SCREENED)
    leaks = []
    for first in range(matrix.shape[1]):
        found = (0.0, "")
        for other in range(first + 1, matrix.shape[1]):
            some = _separation(matrix[::step, first], matrix[::step, other], target[::step])
            if max(some) >= ALONE - 0.01:
                apart = _separation(matrix[:, first], matrix[:, other], target)
                word = "divided by" if apart[0] >= apart[1] else "less"
                found = max(found, (max(apart), f"{word} {columns.columns[other]}"))
        if found[0] >= ALONE:
            reason = f"{found[1]} it predicts the target almost perfectly (AUC {found[0]:.3f})"
            leaks.append(Leak((str(columns.columns[first]),), reason))
    return leaks


def _separation(mine: Floats, theirs: Floats, target: Floats) -> tuple[float, float]:
    """The AUC of the ratio and of the difference of two columns; 0 where most rows have none."""
    ratio = np.divide(mine, theirs, out=np.full(len(mine), np.nan), where=theirs != 0)
    return _auc(ratio, target), _auc(mine - theirs, target)


def _auc(values: Floats, target: Floats) -> float:
    """The area under the curve, in the direction that makes it 0.5 or more (Mann and Whitney, 1947)."""
    from scipy.stats import rankdata

    known = np.isfinite(values)
    yes, rows = int((target[known] > 0).sum()), int(known.sum())
    if 2 * rows < len(values) or not 0 < yes < rows:
        return 0.0
    ranks = rankdata(values[known])[target[known] > 0].sum()
    area = (ranks - yes * (yes + 1) / 2) / (yes * (rows - yes))
    return float(max(area, 1 - area))


def _together(columns: pd.DataFrame, target: Floats, words: tuple[str, str]) -> list[Leak]:
    """Smallest sets that leave nothing of the target, with those that take the place of one of their members."""
    frame = columns.loc[:, columns.std() > 0]
    if frame.empty or target.std() == 0:
        return []
    table = np.corrcoef(np.column_stack([frame.to_numpy(), target]), rowvar=False)
    chance = _BY_CHANCE / len(frame)
    # More columns than a third of the rows would explain any target by chance.
    strongest = np.argsort(-np.abs(table[:-1, -1]), kind="stable")[: len(frame) // 3]
    found: set[frozenset[int]] = set()
    free = frozenset(map(int, strongest))
    while members := _explaining(table, free, chance):
        found |= {members} | {other for m in members if (other := _explaining(table, free - {m}, chance))}
        free -= members
    verb, sign = words
    leaks = []
    for members in sorted(found, key=sorted):
        names = tuple(str(name) for name in frame.columns[sorted(members)])
        joined = sign.join(names)
        reason = "is the target in another unit" if len(names) == 1 else f"{joined} {verb} the target (up to factors)"
        leaks.append(Leak(names, reason))
    return leaks


def _explaining(table: Floats, free: frozenset[int], chance: float) -> frozenset[int]:
    """Backward elimination from all columns down to a set none of which can go; empty where even all do not suffice.

    A column also goes when it explains no more than `chance` of what is left: near the limit it would stay for that.
    Forward selection would not do: columns that merely resemble the target are taken first and hide the exact sum.
    """
    members: list[int] = []
    for column in sorted(free):
        if table[column, column] > _COLLINEAR:
            table = _sweep(table, column)
            members.append(column)
    if table[-1, -1] > _UNEXPLAINED:
        return frozenset()
    while len(members) > 1:
        costs = {m: table[m, -1] ** 2 / -table[m, m] for m in members}
        cheapest = min(costs, key=costs.__getitem__)
        cost, left = costs[cheapest], table[-1, -1]
        if left + cost > _UNEXPLAINED and cost > chance * left:
            break
        table = _sweep(table, cheapest)
        members.remove(cheapest)
    return frozenset(members)


def _sweep(table: Floats, pivot: int) -> Floats:
    """Sweep operator on a correlation matrix (Goodnight 1979): partial a column out; a second time takes it back."""
    swept: Floats = table - np.outer(table[:, pivot], table[pivot]) / table[pivot, pivot]
    swept[pivot] = table[pivot] / table[pivot, pivot]
    swept[:, pivot] = table[:, pivot] / table[pivot, pivot]
    swept[pivot, pivot] = -1 / table[pivot, pivot]
    return swept
