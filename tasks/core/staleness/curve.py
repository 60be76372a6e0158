"""The staleness curve: how each version scores as it grows older, beside the one that served, on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tasks.core.errors import DataRejected
from tasks.core.metrics import gain, score
from tasks.core.results import Window
from tasks.core.staleness.plan import Plan, Rules
from tasks.core.timeline import serving_at

Times = NDArray[np.datetime64]  # microseconds, UTC


@dataclass(frozen=True)
class Answers:
    """A window's rows, and what every version says of the labelled ones: `times`, `actual`, `predicted` of shape (n,).

    `happened`: the times of all rows, labelled or not. A version that cannot take a row says NaN; one that cannot be
    asked about the window at all stands in `refused`, with the reason.
    """

    window: Window
    happened: Times
    times: Times
    actual: NDArray[np.float64]
    predicted: Mapping[int, NDArray[np.float64]]
    refused: Mapping[int, str]

    def fair(self, versions: Sequence[int], trained: Mapping[int, datetime], within: Window) -> NDArray[np.bool_]:
        """The labelled rows that all of these versions answer, later than any row that one of them was trained on."""
        kept = inside(self.times, within)
        for version in versions:
            kept &= np.isfinite(self.predicted[version]) & (self.times > instant(trained[version]))
        return kept


def inside(times: Times, window: Window) -> NDArray[np.bool_]:
    """Which of the times lie in a window."""
    return np.asarray((times >= instant(window.start)) & (times < instant(window.end)))


def instant(moment: datetime) -> np.datetime64:
    """A moment with a time zone as numpy has it."""
    return np.datetime64((moment - datetime.fromtimestamp(0, moment.tzinfo)) // timedelta(microseconds=1), "us")


@dataclass(frozen=True)
class Cell:
    """One version on one window; `age` counts whole windows between its promotion and the window's beginning.

    `behind`: by how much the version is better that served then (metric units, the same rows). `why`: what a score is
    missing for, or "".
    """

    version: int
    window: Window
    age: int
    rows: int
    score: float | None
    behind: float | None
    serves: bool
    why: str


def cells_of(known: Plan, answers: Answers, trained: Mapping[int, datetime], rules: Rules) -> list[Cell]:
    """Every version that was champion when the window began, all on the same rows, which none of them was trained on.

    `trained`: the event time of the newest row that each version was trained on.
    """
    window = answers.window
    if not len(answers.happened):
        return []  # nothing happened, so that nothing was missed
    here = [former for former in known.formers if former.since <= window.start]
    asked = [former.version for former in here if former.version in answers.predicted]
    kept = answers.fair(asked, trained, window)
    scores, why = _scores(answers, asked, kept, rules)
    term = serving_at(known.terms, window.start)
    serving = term.version if term else None
    cells = []
    for former in here:
        own, best = scores.get(former.version), scores.get(serving) if serving is not None else None
        behind = None if own is None or best is None else gain(rules.metric, best, own)
        age = (window.start - former.since) // rules.window
        told = "" if own is not None else answers.refused.get(former.version, why)
        rows = int(kept.sum()) if former.version in asked else 0
        cells.append(Cell(former.version, window, age, rows, own, behind, former.version == serving, told))
    return cells


def _scores(
    answers: Answers, asked: Sequence[int], kept: NDArray[np.bool_], rules: Rules
) -> tuple[dict[int, float], str]:
    rows = int(kept.sum())
    if short := few_labels(len(answers.times), len(answers.happened), rules):
        return {}, short
    if rows < rules.min_rows:
        return {}, f"not enough evidence: {rows} rows, at least {rules.min_rows} are needed"
    try:
        actual = answers.actual[kept]
        return {one: score(rules.metric, actual, answers.predicted[one][kept]) for one in asked}, ""
    except DataRejected as error:
        return {}, f"not enough evidence: {error}"


def few_labels(labelled: int, rows: int, rules: Rules) -> str:
    """Why labels are too few for the known ones to stand for all rows, or ""."""
    if rows and labelled / rows >= rules.min_label_share:
        return ""
    return (
        f"not enough evidence: labels are known for {labelled} of {rows} rows, {rules.min_label_share:.0%} are needed"
    )


@dataclass(frozen=True)
class Age:
    """All versions at one age: on how many rows, their mean score by row, and by how much they are behind."""

    age: int
    rows: int
    score: float
    behind: float | None


def by_age(cells: Sequence[Cell]) -> list[Age]:
    """The curve over all versions; an age of which nothing is known is left out."""
    found = []
    for age in sorted({cell.age for cell in cells if cell.score is not None}):
        scores = [(cell.score, cell.rows) for cell in cells if cell.age == age and cell.score is not None]
        behind = [(cell.behind, cell.rows) for cell in cells if cell.age == age and cell.behind is not None]
        mean = _mean(behind) if behind else None
        found.append(Age(age, sum(rows for _, rows in scores), _mean(scores), mean))
    return found


def _mean(values: Sequence[tuple[float, int]]) -> float:
    told, rows = zip(*values, strict=True)
    return float(np.average(told, weights=rows))
