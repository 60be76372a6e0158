"""Columns in which cells repeat: each different one is read once, to the bit as `tasks.core.columns` reads each.

How a cell is read comes in as an argument.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.core.cells import Cells, lacking

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.core.columns import Column

_MANY = 0.5  # where more values differ, looking for equal ones is in vain
_GLANCE, _NEARLY_ALL = 10_000, 0.9  # and where so many of the first ones do


def hardly_repeat(cells: Any) -> bool:
    """Whether nearly all of the first cells (of an Arrow array) differ: those of the whole are not looked through."""
    first = cells[:_GLANCE]
    return len(first.unique()) > max(1, _NEARLY_ALL * len(first))


def repeated(raw: "pd.Series", cells: Any, read: "Callable[[pd.Series], Cells]") -> Cells | None:
    """A column of one type of cells in which values repeat: `read` gets each different one, and what is none, once.

    `cells` are those of the column in Arrow, or None.
    """
    if cells is None or hardly_repeat(cells):
        return None
    coded = cells.dictionary_encode()
    if len(coded.dictionary) > _MANY * len(raw):
        return None
    codes = coded.indices.fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False)
    return replace(_read_once(raw, coded.dictionary.to_pylist(), codes, read), short=_lacking(raw, cells))


def categories(raw: "pd.Series", column: "Column", read: "Callable[[pd.Series], Cells]") -> Cells | None:
    """A column of categories that are texts: `read` gets each of them, and what is none, once.

    Features and targets that are categories stay such; what else is done to columns is done to texts.
    """
    import pandas as pd

    held = raw.cat.categories
    if len(held) > max(1, _MANY * len(raw)) or pd.api.types.infer_dtype(held, skipna=False) != "string":
        return None
    codes = raw.cat.codes.to_numpy("int64")  # -1 is none: the last of what is read
    stay = column.type == "category" and column.privacy is None and column.role in {"feature", "target"}
    return _read_once(raw, list(held), codes, read, as_categories=stay)


def _read_once(
    raw: "pd.Series",
    distinct: list[Any],
    codes: "np.ndarray[Any, Any]",
    read: "Callable[[pd.Series], Cells]",
    *,
    as_categories: bool = False,
) -> Cells:
    """The rows of a column of which each different cell, and what is none (the last code), is read once."""
    import pandas as pd

    once = read(pd.Series([*distinct, None], dtype=object))
    broken, absent, hidden = (_taken(mask, codes, raw) for mask in (once.broken, once.absent, once.hidden))
    values = _categories_taken(once.read, codes, raw) if as_categories else _taken(once.read, codes, raw)
    return Cells(values, broken, absent, hidden, pd.Series(False, raw.index))


def _taken(part: "pd.Series", codes: "np.ndarray[Any, Any]", raw: "pd.Series") -> "pd.Series":
    import numpy as np
    import pandas as pd

    values = part.to_numpy() if isinstance(part.dtype, np.dtype) else part.array
    return pd.Series(values.take(codes), raw.index, part.dtype)


def _categories_taken(part: "pd.Series", codes: "np.ndarray[Any, Any]", raw: "pd.Series") -> "pd.Series":
    import pandas as pd

    places, values = pd.factorize(part)
    return pd.Series(pd.Categorical.from_codes(places.take(codes), pd.Index(values, dtype=object)), raw.index)


def _lacking(raw: "pd.Series", cells: Any) -> "pd.Series":
    import pandas as pd

    return lacking(raw) if cells.null_count else pd.Series(False, raw.index)
