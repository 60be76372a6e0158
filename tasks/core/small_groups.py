"""What is told of groups of rows where a pipeline names the smallest one: counts, values and categories, none of fewer.

k-anonymity (Sweeney, 2002) of each page by itself; pages that are held against one another are not looked at. Decisions
and distances see all rows: only what is shown of them is made coarse here.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.pairs import OTHER, Pair, coded

if TYPE_CHECKING:
    import pandas as pd


def may_be_told(rows: int, of: int, least: int) -> bool:
    """Whether neither the group nor those outside of it, which follow from the sum, are some, but fewer than `least`.

    `least` 0: nothing was said, and everything may be told.
    """
    return all(not 0 < some < least for some in (rows, of - rows))


def rows_told(rows: int, of: int, least: int) -> str:
    """How many of so many rows, in words; no more than a bound where the number may not be told."""
    if may_be_told(rows, of, least):
        return f"{rows} of {of} rows"
    return f"{'fewer' if rows < least else 'all but fewer'} than {least} of {of} rows"


def coarse(pair: Pair, least: int) -> Pair | None:
    """The pair as a picture may show it: whatever stands on a side stands there for `least` rows or more, or for none.

    None where a side has fewer rows than that: there is nothing to show.
    """
    if min(len(pair.reference), len(pair.current)) < least:
        return None
    if pair.numerical:
        sides = in_groups(pair.reference, least), in_groups(pair.current, least)
    else:
        sides = _folded(pair.reference, pair.current, least)
    return replace(pair, reference=sides[0], current=sides[1])


def in_groups(values: NDArray[np.float64], least: int) -> NDArray[np.float64]:
    """Each value becomes the middle one of `least` or more neighbours; the order stays. Fewer values: as they are.

    Univariate microaggregation (Domingo-Ferrer and Mateo-Sanz, 2002), by medians: a mean tells of an extreme value.
    """
    order = np.argsort(values, kind="stable")
    groups = np.minimum(np.arange(len(values)) // max(least, 1), max(len(values) // max(least, 1) - 1, 0))
    first, sizes = np.unique(groups, return_index=True, return_counts=True)[1:]
    found = np.empty_like(values)
    found[order] = values[order][first + sizes // 2][groups]
    return values if len(values) < least else found


def _folded(left: NDArray[Any], right: NDArray[Any], least: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels with few rows on a side become "(other)", and further ones until that has enough rows itself."""
    names, *sides = coded(left, right)
    counts = np.stack([np.bincount(codes, minlength=len(names)) for codes in sides])
    order = sorted(range(len(names)), key=lambda code: (names[code] != OTHER, counts[:, code].sum(), names[code]))
    kept = {code for code in order if names[code] != OTHER and not _is_few(counts[:, code], least).any()}
    for code in order:
        rest = counts.sum(axis=1) - counts[:, sorted(kept)].sum(axis=1)
        if not _is_few(rest, least).any():
            break
        kept.discard(code)
    shown = np.array([names[code] if code in kept else OTHER for code in range(len(names))], dtype=object)
    return shown[sides[0]], shown[sides[1]]


def _is_few(counts: NDArray[np.int64], least: int) -> NDArray[np.bool_]:
    return (counts > 0) & (counts < least)


def without_rare_names(matrix: "pd.DataFrame", names: tuple[str, ...], least: int) -> "pd.DataFrame":
    """The matrix with every category of fewer than `least` rows under a name of its own that says nothing; 0: as it is.

    To an encoder with `min_frequency=least` they are as infrequent as before, and the model does not know their names.
    """
    hidden = {}
    for name in names if least else ():
        counts = matrix[name].value_counts()
        rare = {value: f"(rare {place})" for place, value in enumerate(counts.index[counts < least], start=1)}
        hidden[name] = matrix[name].map(rare).fillna(matrix[name])
    return matrix.assign(**hidden) if hidden else matrix
