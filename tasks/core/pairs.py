"""Columns of reference and current made comparable and fit to be shown: cleaned, blurred, with few categories.

What a report sees is what the distances see. No distances here: see distances.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.features import EVENT_TIME

if TYPE_CHECKING:
    import pandas as pd

OTHER = "(other)"
MAX_CATEGORIES = 20
MIN_CATEGORY_ROWS = 5
NORM_FLOOR = 0.001  # Evidently's floor of the standard deviation


@dataclass(frozen=True)
class Pair:
    """One column on both sides: floats without null and infinity, or category labels. Shapes (m,) and (n,).

    The times of the values (microseconds, same shapes) stand beside them where they are known. `cycle`: those of the
    reference are laid out in stretches of that length, as `season` does.
    """

    numerical: bool
    reference: NDArray[Any]
    current: NDArray[Any]
    reference_times: NDArray[np.int64] | None = None
    current_times: NDArray[np.int64] | None = None
    cycle: int | None = None

    @property
    def constant_reference(self) -> bool:
        """True when the reference has one value only, so that a distance has no scale."""
        return len(self.reference) > 0 and bool((self.reference == self.reference[0]).all())

    @property
    def stretches(self) -> int | None:
        """How many stretches of earlier weeks or years the reference holds; None where it was not chosen by season."""
        if self.cycle is None:
            return None
        return 0 if self.reference_times is None else len(np.unique(self.reference_times // self.cycle))


def prepare(
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    numerical: Iterable[str],
    categorical: Iterable[str],
    cycle: int | None = None,
) -> dict[str, Pair]:
    """Pair up the named columns; a column that is missing on a side has no values there.

    Numbers lose nulls, infinities and unreadable text, and are rounded (`blurred`); categories become `labelled`.
    """
    sides = (reference, current)
    whens: dict[str, list[NDArray[np.int64]]] = {}
    pairs = {}
    for name in numerical:
        read = [numbers(frame[name]) if name in frame else np.empty(0) for frame in sides]
        kept = [np.isfinite(values) for values in read]
        left, right = (values[mask] for values, mask in zip(read, kept, strict=True))
        pairs[name] = Pair(True, *blurred(left, right), *_times(sides, name, kept, whens), cycle)
    for name in categorical:
        left, right = (category_labels(frame[name]) if name in frame else _no_labels() for frame in sides)
        kept = [frame[name].notna().to_numpy() if name in frame else np.empty(0, bool) for frame in sides]
        pairs[name] = Pair(False, *labelled(left, right), *_times(sides, name, kept, whens), cycle)
    return pairs


def _times(
    sides: "tuple[pd.DataFrame, pd.DataFrame]", name: str, kept: list[NDArray[np.bool_]],
    whens: "dict[str, list[NDArray[np.int64]]]",
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:  # fmt: skip
    """When the kept values of a column happened; a column that is no part of its rows has times of its own.

    `whens` keeps what was read of a column of times, because most columns share one.
    """
    own = f"_{name}_time"
    column = own if all(own in frame for frame in sides) else EVENT_TIME
    if not all(name in frame and column in frame for frame in sides):
        return None, None
    if column not in whens:
        whens[column] = [microseconds(frame[column]) for frame in sides]
    left, right = (times[mask] for times, mask in zip(whens[column], kept, strict=True))
    return left, right


def microseconds(times: "pd.Series[Any]") -> NDArray[np.int64]:
    """Event times as whole microseconds since 1970, in order."""
    import pandas as pd

    utc = pd.to_datetime(times, utc=True).dt.tz_localize(None)
    return utc.to_numpy("datetime64[us]").astype(np.int64)


def numbers(column: "pd.Series[Any]") -> NDArray[np.float64]:
    """A column as numbers, in order; text that is no number counts as missing (NaN)."""
    import pandas as pd

    values: NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def blurred(
    reference: NDArray[np.float64], current: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Round to three digits of the distance from the reference's median, at the finest to 1/1000 of its deviation.

    Reports show extremes on their axes; after this no exact extreme of a continuous column is shown, and a distance
    moves by less than 0.001.
    """
    if not len(reference):
        return reference, current
    centre, scale = float(np.median(reference)), max(float(np.std(reference)), NORM_FLOOR)

    def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
        exponent = np.floor(np.log10(np.maximum(np.abs(values - centre), scale))) - 3
        # Dividing by a whole power of ten keeps short decimals short; multiplying by 0.001 would not.
        down, up = 10.0 ** np.maximum(exponent, 0), 10.0 ** np.maximum(-exponent, 0)
        return np.asarray(np.round(values / down * up) * down / up)

    return rounded(reference), rounded(current)


def category_labels(column: "pd.Series[Any]") -> NDArray[Any]:
    """The non-null values of a column as text; 1, 1.0 and "1" are one category, so a type change alone is no drift."""
    labels, codes = coded_labels(column)
    return np.array(labels, dtype=object)[codes] if labels else _no_labels()


def coded_labels(column: "pd.Series[Any]") -> tuple[list[str], NDArray[np.int64]]:
    """The labels of a column, one for each different value, and the non-null values as places in them."""
    import pandas as pd

    codes, values = pd.factorize(column)
    return [_label(value) for value in values], codes[codes >= 0]


def _label(value: Any) -> str:
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, (bool, np.bool_))
    return f"{value:.15g}" if is_number else str(value)


def _no_labels() -> NDArray[Any]:
    return np.empty(0, dtype=object)


def labelled(reference: NDArray[Any], current: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Keep at most 20 categories that occur often in the reference; all others, and unseen ones, become "(other)".

    Often: at least 5 rows and 0.1 % of them. A column with more than 20 distinct values may name people, so its
    categories are shown by rank ("#1" is the commonest). What moves inside "(other)" is not seen here.
    """
    names, left, right = coded(reference, current)
    counts = np.bincount(left, minlength=len(names))
    order = sorted(range(len(names)), key=lambda code: (-counts[code], names[code]))[:MAX_CATEGORIES]
    often = [code for code in order if counts[code] >= max(MIN_CATEGORY_ROWS, 0.001 * len(reference))]
    hide = int((counts > 0).sum()) > MAX_CATEGORIES
    shown = np.full(len(names), OTHER, dtype=object)
    for rank, code in enumerate(often, start=1):
        shown[code] = f"#{rank}" if hide else str(names[code])[:40]
    return shown[left], shown[right]


def coded(reference: NDArray[Any], current: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct values of both sides together, and each side as places in them."""
    import pandas as pd

    codes, names = pd.factorize(np.concatenate([reference, current]))
    return np.asarray(names), codes[: len(reference)], codes[len(reference) :]
