"""Parts of the rows: by the values of a column, and found where one model loses most against another.

A part is named by its column and rank, never by a value. What is judged on a part is the business of gates.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_QUARTERS, _FEW_VALUES, _DEPTH = 4, 8, 3


@dataclass(frozen=True)
class Slice:
    """A part of the rows: a name for people, where it comes from (a column, or "search"), a mask of shape (rows,)."""

    name: str
    column: str
    rows: np.ndarray


def slices_of(values: "pd.Series") -> list[Slice]:
    """Cut rows by a column: quarters of a number that has many values, else one part per value; missing is a part."""
    import pandas as pd

    name, missing = str(values.name), values.isna().to_numpy(dtype=bool)
    found = [Slice(f"{name} missing", name, missing)] if missing.any() else []
    known = values[~missing]
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if number and known.nunique() > _FEW_VALUES:
        amounts = values.to_numpy(dtype=float, na_value=np.nan)
        edges = np.unique(np.nanquantile(amounts, np.arange(1, _QUARTERS) / _QUARTERS))
        codes, word = np.searchsorted(edges, amounts, side="right"), "quarter"
    else:
        # By size and then by value: the same rows give the same names in any order.
        counts = known.astype(str).value_counts().sort_index().sort_values(ascending=False, kind="stable")
        codes, word = pd.Index(counts.index).get_indexer(pd.Index(values.astype(str))), "value"
    kinds = np.unique(codes[~missing])
    places = [
        Slice(f"{name} {word} {place} of {len(kinds)}", name, (codes == code) & ~missing)
        for place, code in enumerate(kinds, start=1)
    ]
    return places + found


def slice_with_most_loss(
    features: "pd.DataFrame", excess: np.ndarray, blocks: np.ndarray, *, min_rows: int, seed: int
) -> Slice | None:
    """The leaf of a small tree in which `excess` (loss of one model above another's, per row) is greatest.

    The tree is grown on half of the blocks, and the part holds rows of the other half only: these did not choose it
    (sample splitting: Cox 1975). None where half of the blocks holds too few rows for a split.
    """
    from sklearn.tree import DecisionTreeRegressor

    ids = np.random.default_rng(seed).permutation(np.unique(blocks))
    explored = np.isin(blocks, ids[: len(ids) // 2])
    matrix = as_numbers(features).to_numpy()
    leaf = 2 * min_rows  # the other half of the rows that fall into it is smaller at times, and is what will be judged
    if explored.sum() < 2 * leaf or not matrix.shape[1]:
        return None
    tree = DecisionTreeRegressor(max_depth=_DEPTH, min_samples_leaf=leaf, random_state=0)
    tree.fit(matrix[explored], excess[explored])
    leaves = tree.apply(matrix)
    worst = max(np.unique(leaves[explored]), key=lambda leaf: tree.tree_.value[leaf, 0, 0])
    path = tree.decision_path(matrix[explored & (leaves == worst)][:1]).indices
    used = dict.fromkeys(str(features.columns[at]) for at in tree.tree_.feature[path] if at >= 0)
    return Slice(f"found by {', '.join(used) or 'nothing'}", "search", (leaves == worst) & ~explored)


def as_numbers(features: "pd.DataFrame") -> "pd.DataFrame":
    """Floats of the same shape: numbers as they are (infinite ones missing), texts as codes in alphabetical order."""
    import pandas as pd

    def numbers(column: "pd.Series") -> "pd.Series":
        if pd.api.types.is_numeric_dtype(column):
            return column.astype("float64").replace([np.inf, -np.inf], np.nan)
        codes = pd.Series(pd.factorize(column, sort=True)[0].astype("float64"), column.index)
        return codes.where(codes >= 0)

    return features.apply(numbers) if features.shape[1] else features
