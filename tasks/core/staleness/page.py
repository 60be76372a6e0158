"""What was measured, for people: tables as text for the console and the page, and the same as CSV. No decisions."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.core.markdown import cell as safe
from tasks.core.markdown import number, page, table
from tasks.core.results import Window
from tasks.core.staleness.curve import Cell, by_age
from tasks.core.staleness.gains import NOT_MEASURED, Gain, confidence_of
from tasks.core.staleness.plan import Rules

SHOWN = 60
GAINS_HEAD = ("retraining", "served", "answer", "gain", "interval", "rows")
AGES_HEAD = ("age", "rows", "mean score", "mean behind")
_CELLS = ("version", "window_start", "window_end", "age", "rows", "score", "behind", "serves", "why")
_GAINS = ("successor", "predecessor", "served_from", "served_until", "answer", "gain", "low", "high", "rows", "reason")


@dataclass(frozen=True)
class Measured:
    """The curve, what each retraining brought, and the champions that could not be measured, with the reason."""

    rules: Rules
    cells: tuple[Cell, ...]
    gains: tuple[Gain, ...]
    missing: Mapping[int, str]

    @property
    def compared(self) -> int:
        """How many comparisons share the confidence."""
        return sum(gain.answer != NOT_MEASURED for gain in self.gains)


def lead_of(found: Measured) -> str:
    """One sentence: what the retrainings brought."""
    counts = Counter(gain.answer for gain in found.gains)
    told = ", ".join(f"{count} {answer}" for answer, count in sorted(counts.items()))
    lead = (
        f"{_counted(len(found.gains), 'retraining')}: {told}."
        if found.gains
        else "Nothing was retrained into a champion yet."
    )
    return lead + (f" Not measured: {_versions(found.missing)}." if found.missing else "")


def multiplicity(found: Measured) -> str:
    """At what confidence the answers stand."""
    each = 100 * confidence_of(found.rules, found.compared)
    return (
        "Successor against predecessor, on the rows that the successor served until it was replaced and whose labels "
        f"are due. {_counted(found.compared, 'comparison')} at a confidence of {100 * found.rules.confidence:g} % in "
        f"all: each interval is one of {each:.6g} %. Gain in {found.rules.metric}: above 0 the successor is better."
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def gains_rows(gains: Sequence[Gain]) -> list[tuple[str, ...]]:
    """One row per retraining, as text."""
    return [
        (f"{gain.retraining.predecessor} to {gain.retraining.successor}", str(gain.retraining.served), gain.answer,
         _signed(gain.difference) or "-",
         "-" if gain.low is None else f"{_signed(gain.low)} to {_signed(gain.high)}", str(gain.rows))
        for gain in gains
    ]  # fmt: skip


def ages_rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """One row per age, as text."""
    return [(str(one.age), str(one.rows), number(one.score), number(one.behind) or "-") for one in by_age(cells)]


def curve_head(cells: Sequence[Cell]) -> tuple[str, ...]:
    """The names of the columns of `curve_rows`."""
    return ("window", *(f"version {version}" for version in _columns(cells)))


def curve_rows(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """One row per window, the newest `SHOWN`: each version's score and age; a star marks the version that served."""
    windows: dict[Window, dict[int, Cell]] = {}
    for cell in cells:
        windows.setdefault(cell.window, {})[cell.version] = cell
    newest = list(windows.items())[-SHOWN:]
    return [(str(window), *(_score(here.get(version)) for version in _columns(cells))) for window, here in newest]


def _columns(cells: Sequence[Cell]) -> list[int]:
    return list(dict.fromkeys(cell.version for cell in cells))


def _score(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return "-" if cell.score is None else f"{number(cell.score)} ({cell.age}){' *' if cell.serves else ''}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4g}"


def _versions(missing: Mapping[int, str]) -> str:
    return ", ".join(f"version {version}" for version in missing)


CURVE_NOTE = (
    "All versions of a window are scored on the same rows, which none of them was trained on. In brackets the age, in "
    "whole windows since the promotion; * served; - could not be scored, and staleness.csv says why. A window ends "
    "early where another champion began to serve."
)


def staleness_page(pipeline: str, found: Measured, links: Mapping[str, str]) -> str:
    """The page of a run."""
    parts = [f"**Not measured:** version {version}: {safe(why)}" for version, why in found.missing.items()]
    if found.gains:
        whys = "\n".join(f"- {row[0]}: {safe(gain.reason)}" for row, gain in
                         zip(gains_rows(found.gains), found.gains, strict=True))  # fmt: skip
        parts += ["### What each retraining brought", multiplicity(found), table(GAINS_HEAD, gains_rows(found.gains))]
        parts.append(whys)
    if found.cells:
        behind = f"Behind: how much better the version scores that served then ({found.rules.metric})."
        parts += ["### By age", behind, table(AGES_HEAD, ages_rows(found.cells))]
        parts += ["### Window by window", CURVE_NOTE, table(curve_head(found.cells), curve_rows(found.cells))]
    parts.append("**Next:** nothing follows by itself; this decides nothing.")
    return page(f"Staleness of {pipeline}", lead_of(found), parts, links)


def csv_files(found: Measured) -> dict[str, str]:
    """The whole tables, by the name of their file; scores with all their digits."""
    cells = [
        (one.version, one.window.start.isoformat(), one.window.end.isoformat(), one.age, one.rows, one.score,
         one.behind, one.serves, one.why)
        for one in found.cells
    ]  # fmt: skip
    gains = [
        (one.retraining.successor, one.retraining.predecessor, one.retraining.served.start.isoformat(),
         one.retraining.served.end.isoformat(), one.answer, one.difference, one.low, one.high, one.rows, one.reason)
        for one in found.gains
    ]  # fmt: skip
    return {"staleness.csv": _csv(_CELLS, cells), "retrainings.csv": _csv(_GAINS, gains)}


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()
