"""Categories under other names: another case or spelling, another code for each, or a word that means no value."""

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.pairs import category_labels, coded
from tasks.core.sentinel.finding import LEAST, ROWS, Finding, by_chance

if TYPE_CHECKING:
    import pandas as pd

_WORDS = frozenset(
    ("", "-", "?", ".", "na", "n/a", "#n/a", "nan", "null", "(null)", "none", "nil", "nat", "unknown", "missing",
     "undefined", "#value!", "#ref!", "tbd", "not available", "no value", "-1", "-9", "-99", "-999", "-9999", "99",
     "999", "9999", "99999", "1970-01-01", "1900-01-01", "0000-00-00", "9999-12-31")
)  # fmt: skip
_LEAST_SHARE = 0.01  # of the rows are under another name
_RECODED = 0.5  # of the rows hold codes that never were, and as many lost theirs
_SAME_PROFILE = 0.1  # largest difference between the shares of the old and the new codes, by rank, beyond noise
CATEGORY_TESTS = 3


def category_findings(reference: "pd.Series[Any]", current: "pd.Series[Any]", level: float) -> tuple[Finding, ...]:
    """What became of the names of a column of categories, one finding for each kind; `level` is each test's rate."""
    left, right = category_labels(reference), category_labels(current)
    if min(len(left), len(right)) < LEAST:
        return ()
    names, *sides = coded(left, right)
    was, now = (np.bincount(codes, minlength=len(names)) for codes in sides)
    # A name seen once would have been new without that row: such names are what chance brings (Good, 1953).
    once = int((was == 1).sum())
    plain = [_plain(str(name)) for name in names]
    known = {word for word, count in zip(plain, was, strict=True) if count and word}
    is_new, is_word = was == 0, np.array([str(name).strip().casefold() in _WORDS for name in names])
    other_name = np.array([word in known for word in plain])
    found = []
    for kind, chosen, words in (
        ("spelling", is_new & other_name, "known categories in another case or spelling"),
        ("placeholder", is_new & is_word & ~other_name, "a word or code that means no value, where there was none"),
    ):
        rows = int(now[chosen].sum())
        if rows >= max(ROWS, _LEAST_SHARE * len(right)) and by_chance(rows, len(right), once, len(left)) <= level:
            found.append(Finding(kind, (str(current.name),), words, rows, len(right)))  # type: ignore[arg-type]
    recoded = None if found else _recoded(str(current.name), was, now, level)
    return tuple(found) if recoded is None else (recoded,)


def _plain(name: str) -> str:
    """Without case, accents, separators and leading zeros: what remains when only the spelling changes."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    word = re.sub(r"[\W_]+", "", letters)
    return (word.lstrip("0") or "0") if word.isdecimal() else word


def _recoded(name: str, was: NDArray[np.int64], now: NDArray[np.int64], level: float) -> Finding | None:
    """Most rows hold names that never were, the old names are gone, and their shares, by rank, are the same."""
    m, n = int(was.sum()), int(now.sum())
    fresh, gone = now[was == 0], was[now == 0]
    rows, once = int(fresh.sum()), int((was == 1).sum())
    if rows < _RECODED * n or gone.sum() < _RECODED * m or len(fresh) < 2:  # noqa: PLR2004 - one name may be a season
        return None
    profiles = np.zeros((2, max(len(fresh), len(gone))))
    for profile, counts, total in zip(profiles, (fresh, gone), (n, m), strict=True):
        profile[: len(counts)] = np.sort(counts)[::-1] / total
    room = _SAME_PROFILE + np.sqrt(1 / n + 1 / m)
    if np.abs(profiles[0] - profiles[1]).max() > room or by_chance(rows, n, once, m) > level:
        return None
    words = "other codes? Nearly all categories are new, and as frequent as the old ones that are gone"
    return Finding("recoded", (name,), words, rows, n)
