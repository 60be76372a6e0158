"""Signs of broken data, which drift distances do not see: null bursts, infinities, new or vanished categories, units.

One rule for all: rows of a kind are counted on both sides, and an excess has to be both large and beyond chance.
Moved distributions are drift's subject.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.drift import PARTS, Drift
from tasks.core.features import EVENT_TIME
from tasks.core.pairs import category_labels, coded, numbers
from tasks.core.results import Check, Number, Verdict
from tasks.core.sentinel import TESTS, findings_of, swaps_of
from tasks.core.sentinel.finding import LEAST
from tasks.core.small_groups import may_be_told, rows_told

if TYPE_CHECKING:
    import pandas as pd

NULL_BURST = 0.05  # more of the rows without a readable value than before
NEW_CATEGORY = 0.01  # of the rows in categories that the reference never held
VANISHED = 0.05  # of the reference in one category that is gone
FAR_OUT = 0.01  # of the rows beyond ten times the reference's 99th percentile of magnitude
UNIT_FACTOR = 8.0  # the typical magnitude moved by this factor or more: another unit (x10, x100, ...) or a lost scale
_TESTS = 5 + 20 + TESTS  # per column at most: five kinds of sign, each category that may vanish, the sentinel's


@dataclass(frozen=True)
class _Excess:
    """`rows` of `of` are of a kind of which the other side has `other_rows` of `other_of`; large from `least` on."""

    sign: str
    rows: int
    of: int
    other_rows: int
    other_of: int
    least: float

    @property
    def share(self) -> float:
        return self.rows / self.of - (self.other_rows / self.other_of if self.other_of else 0.0)

    def tells(self, least: int) -> bool:
        """Whether the share says something, and the rows that follow from it may be told."""
        sides = (self.rows, self.of), (self.other_rows, self.other_of)
        return self.rows > 0 and self.share > 0 and all(may_be_told(*side, least) for side in sides)

    def alarms(self, level: float) -> bool:
        """Fisher's exact test, one-sided: of all rows of this kind on both sides, can so many be here by chance?"""
        if not self.rows or self.share < self.least:
            return False
        if self.least == 0.0 and not self.other_rows:
            return True  # an infinity where the reference is finite needs no statistics
        from scipy.stats import hypergeom

        kind = self.rows + self.other_rows
        return bool(hypergeom.sf(self.rows - 1, self.of + self.other_of, kind, self.of) <= level)


def data_signals(
    reference: "pd.DataFrame", current: "pd.DataFrame", *, numerical: Iterable[str], categorical: Iterable[str],
    config: Drift, least: int = 0,
) -> tuple[Check, ...]:  # fmt: skip
    """Look for broken data, one check per column; fold with `tasks.core.results.overall`.

    Exact at any number of rows; on exchangeable rows of an unchanged source one of the columns fails in at most one of
    `drift.PARTS * one_false_alarm_in` calls. A missing column fails; no rows at all, fewer than `min_rows` without a
    finding, or a reference without values is unknown. Signs in fewer rows than a sample catches are not seen.

    Where both frames hold `_event_time`, what a stretch of the reference as long as the window shows against the rest
    of the reference is the column's own rhythm (one season fills a month), and no sign of broken data. Fewer than
    `least` rows are found like any, and not counted in words or numbers.
    """
    kinds = {**dict.fromkeys(numerical, True), **dict.fromkeys(categorical, False)}
    level = 1 / config.one_false_alarm_in / PARTS / (max(1, len(kinds)) * _TESTS)
    names = (([name for name in kinds if kinds[name] is is_number], is_number) for is_number in (True, False))
    swapped = swaps_of(reference, current, names, level)
    return tuple(
        Check(name, Verdict.FAIL, str(swapped[name]), {"rows_reference": len(reference), "rows_current": len(current)})
        if name in swapped  # which explains all else that it shows
        else _judge(name, reference, current, level, (kinds[name], config.min_rows, least))
        for name in kinds
    )


def _judge(
    name: str, reference: "pd.DataFrame", current: "pd.DataFrame", level: float, how: tuple[bool, int, int]
) -> Check:
    is_number, min_rows, least = how
    m, n = len(reference), len(current)
    numbers: dict[str, Number] = {"rows_reference": m, "rows_current": n}
    if not n or not m:
        return Check(name, Verdict.UNKNOWN, f"no rows in the {'window' if not n else 'reference'}", numbers)
    if name not in current:
        return Check(name, Verdict.FAIL, "the column is missing from the window", numbers)
    if name not in reference:
        return Check(name, Verdict.UNKNOWN, "the column is missing from the reference", numbers)
    left, right = (_numbers(side[name]) if is_number else category_labels(side[name]) for side in (reference, current))
    signs = _signs(reference[name], current[name], is_number)
    numbers |= {sign.sign: round(sign.share, 6) for sign in signs if sign.tells(least)}
    found = _found(signs, reference[name], current[name], is_number, level, least)
    if found:
        usual = _rhythm(reference, current, name, is_number, level)
        found = {sign: told for sign, told in found.items() if sign not in usual}
    if found:
        return Check(name, Verdict.FAIL, "; ".join(found.values()), numbers)
    if min(len(left), len(right)) < min_rows:
        return Check(name, Verdict.UNKNOWN, f"too few values to tell; {min_rows} are needed on each side", numbers)
    return Check(name, Verdict.PASS, "no sign of broken data", numbers)


def _found(
    signs: Iterable[_Excess], reference: "pd.Series[Any]", current: "pd.Series[Any]", is_number: bool, level: float,
    least: int = 0,
) -> dict[str, str]:  # fmt: skip
    """What is broken, by its kind, in words: what the sentinel can name first, then what is merely too much."""
    named = {str(one.kind): one.told(least) for one in findings_of(reference, current, is_number, level)}
    return {**named, **{s.sign: f"{s.sign} ({rows_told(s.rows, s.of, least)})" for s in signs if s.alarms(level)}}


def _signs(reference: "pd.Series[Any]", current: "pd.Series[Any]", is_number: bool) -> list[_Excess]:
    read, signs_of = (_numbers, _number_signs) if is_number else (category_labels, _category_signs)
    left, right = read(reference), read(current)
    m, n = len(reference), len(current)
    nulls = _Excess("missing or unreadable", n - len(right), n, m - len(left), m, NULL_BURST)
    return [nulls, *(signs_of(left, right) if len(left) and len(right) else ())]


def _rhythm(reference: "pd.DataFrame", current: "pd.DataFrame", name: str, is_number: bool, level: float) -> set[str]:
    """The signs that healthy data show by themselves: in a stretch of the reference, held against the rest of it."""
    if EVENT_TIME not in reference or EVENT_TIME not in current:
        return set()
    begin, length = reference[EVENT_TIME].min(), current[EVENT_TIME].max() - current[EVENT_TIME].min()
    if not length:
        return set()
    usual: set[str] = set()
    for inside in reference.groupby((reference[EVENT_TIME] - begin) // length).groups.values():
        rest = reference[name].drop(inside)
        if len(rest) and len(inside) >= len(current) / 4:  # a stub of a stretch tells nothing
            stretch = reference.loc[inside, name]
            usual |= _found(_signs(rest, stretch, is_number), rest, stretch, is_number, level).keys()
    return usual


def _numbers(column: "pd.Series[Any]") -> NDArray[np.float64]:
    """The readable numbers of a column, infinities among them."""
    values = numbers(column)
    return values[~np.isnan(values)]


def _number_signs(left: NDArray[np.float64], right: NDArray[np.float64]) -> Iterator[_Excess]:
    infinite = int(np.isinf(right).sum()), len(right), int(np.isinf(left).sum()), len(left)
    yield _Excess("infinite", *infinite, 0.0)
    left, right = left[np.isfinite(left)], right[np.isfinite(right)]
    if not len(left) or not len(right):
        return
    yield from _constant(left, right)
    left, right = np.abs(left[left != 0]), np.abs(right[right != 0])
    if not len(left) or not len(right):
        return
    typical, far = float(np.median(left)), 10 * float(np.quantile(left, 0.99))

    def excess(sign: str, here: NDArray[np.bool_], there: NDArray[np.bool_], least: float) -> _Excess:
        return _Excess(sign, int(here.sum()), len(right), int(there.sum()), len(left), least)

    larger, smaller = typical * UNIT_FACTOR, typical / UNIT_FACTOR
    if np.median(right) >= larger:
        yield excess("larger unit or scale", right >= larger, left >= larger, 0.01)
    if np.median(right) <= smaller and not (_are_codes(left) and _are_codes(right)):
        yield excess("smaller unit or scale", right <= smaller, left <= smaller, 0.01)
    yield excess("far beyond the reference", right > far, left > far, FAR_OUT)


def _are_codes(values: NDArray[np.float64]) -> bool:
    """Few whole numbers: divided by a factor they would hardly all be whole, and January is no smaller December."""
    return len(np.unique(values)) < LEAST and bool((values == np.round(values)).all())


def _category_signs(left: NDArray[Any], right: NDArray[Any]) -> Iterator[_Excess]:
    names, *sides = coded(left, right)
    left_counts, right_counts = (np.bincount(codes, minlength=len(names)) for codes in sides)
    new = int(right_counts[left_counts == 0].sum())
    # A category seen once would have been new without that row: their share estimates the unseen share (Good, 1953).
    yield _Excess("new category", new, len(right), int((left_counts == 1).sum()), len(left), NEW_CATEGORY)
    gone = left_counts[(right_counts == 0) & (left_counts >= VANISHED * len(left))]
    yield from (_Excess("vanished category", int(count), len(left), 0, len(right), VANISHED) for count in gone)
    yield from _constant(left, right)


def _constant(left: NDArray[Any], right: NDArray[Any]) -> Iterator[_Excess]:
    """A window of one single value that the reference did not consist of, or other values where it did."""
    if bool((right == right[0]).all()):
        yield _Excess("constant", len(right), len(right), int((left == right[0]).sum()), len(left), 0.01)
    elif bool((left == left[0]).all()):
        yield _Excess("no longer constant", int((right != left[0]).sum()), len(right), 0, len(left), NEW_CATEGORY)
