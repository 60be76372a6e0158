"""The sentinel: what broke in the data, named in plain words, from comparison with history.

One kind of breakage, one function. A finding needs counts beyond chance and a story that explains them: what has merely
moved has no such story. Policy (refuse, warn) and verdicts stand elsewhere.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tasks.core.sentinel.categories import CATEGORY_TESTS, category_findings
from tasks.core.sentinel.finding import Finding
from tasks.core.sentinel.placeholders import PLACEHOLDER_TESTS, placeholder_findings
from tasks.core.sentinel.swaps import SWAP_TESTS, swapped_columns
from tasks.core.sentinel.units import UNIT_TESTS, changed_unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TESTS", "Finding", "column_findings", "findings_of", "swaps_of"]

TESTS = UNIT_TESTS + PLACEHOLDER_TESTS + CATEGORY_TESTS + SWAP_TESTS
"""How many tests at most one column is put to; a level for each is a rate divided by this."""


def findings_of(
    reference: "pd.Series[Any]", current: "pd.Series[Any]", is_number: bool, level: float
) -> tuple[Finding, ...]:
    """What broke in one column, the best explanation first; `level` is the false-alarm rate of each test."""
    if is_number:
        unit = changed_unit(reference, current, level)
        return (unit,) if unit else placeholder_findings(reference, current, level)
    return category_findings(reference, current, level)


def swaps_of(
    reference: "pd.DataFrame", current: "pd.DataFrame", kinds: Iterable[tuple[Iterable[str], bool]], level: float
) -> dict[str, Finding]:
    """The columns that changed places, each with its finding; `kinds` are names and whether they are numbers."""
    found = (swapped_columns(reference, current, tuple(names), is_number, level) for names, is_number in kinds)
    return {name: finding for findings in found for finding in findings for name in finding.columns}


def column_findings(
    reference: "pd.DataFrame", current: "pd.DataFrame", *, numerical: Iterable[str], categorical: Iterable[str],
    level: float,
) -> tuple[Finding, ...]:  # fmt: skip
    """What broke in the columns that both frames hold; columns that changed places explain all else that they show.

    On exchangeable rows a column is called broken in at most TESTS * `level` of calls (Bonferroni).
    """
    kinds = ((tuple(numerical), True), (tuple(categorical), False))
    swapped = swaps_of(reference, current, kinds, level)
    found = list(dict.fromkeys(swapped.values()))
    for names, is_number in kinds:
        for name in (name for name in names if name in reference and name in current and name not in swapped):
            found += findings_of(reference[name], current[name], is_number, level)
    return tuple(found)
