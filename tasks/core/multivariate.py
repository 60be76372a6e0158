"""Has anything changed, in whatever way the columns hang together? A classifier that tells window from reference says.

The two-sample test of Lopez-Paz and Oquab (Revisiting classifier two-sample tests, ICLR 2017). Column by column: drift.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.drift import PARTS, Drift
from tasks.core.features import EVENT_TIME
from tasks.core.pairs import category_labels, labelled, microseconds, numbers
from tasks.core.results import Check, Verdict
from tasks.core.sampling import bounded_sample
from tasks.core.two_samples import Answer, Contest, Floats, Side

if TYPE_CHECKING:
    import pandas as pd

NAME = "multivariate drift"


def judge_multivariate(
    reference: "pd.DataFrame",
    current: "pd.DataFrame",
    *,
    numerical: Iterable[str],
    categorical: Iterable[str],
    config: Drift,
    seed: int,
) -> Check:
    """Fail when a classifier tells held-out rows of window and reference apart, beyond chance and the threshold.

    Each half of time is judged by a classifier that learned from the other half. Without a change a half's scores are
    those of one source, so its p-value holds (see `two_samples`); the two halves share the check's error rate
    (Bonferroni). Unknown with fewer than `config.min_rows` rows on a side, no column that both sides hold, or so short
    a window that all its rows are one stretch of time and nothing could be told from chance.
    """
    from threadpoolctl import threadpool_limits

    numerical, categorical = list(numerical), list(categorical)
    frames = [bounded_sample(frame, config.multivariate_rows, seed) for frame in (reference, current)]
    rows = {"rows_reference": len(frames[0]), "rows_current": len(frames[1])}
    if min(rows.values()) < config.min_rows:
        return Check(NAME, Verdict.UNKNOWN, f"too few rows: {config.min_rows} are needed on each side", rows)
    names, sides = _sides(frames[0], frames[1], numerical, categorical)
    if not names:
        return Check(NAME, Verdict.UNKNOWN, "there is no column to compare", rows)
    level = 1 / config.one_false_alarm_in / PARTS
    with threadpool_limits(1):  # on a busy machine threads that wait for one another make small fits ten times slower
        contests = [Contest(names, [n in categorical for n in names], sides, second, seed) for second in (False, True)]
        answers = [contest.answer() for contest in contests]
        best = min(range(2), key=lambda place: answers[place].p_value)
        return _verdict(answers, level, config, rows, contests[best].telling)


def _verdict(answers: Sequence[Answer], level: float, config: Drift, rows: dict[str, int], telling: Any) -> Check:
    from scipy.stats import t

    auc, p_value = float(np.mean([a.auc for a in answers])), min(1.0, 2 * min(a.p_value for a in answers))
    seen = 0.5 + float(np.mean([a.error * t.isf(level / 2, a.freedom) for a in answers]))
    threshold = max(config.multivariate_threshold, 0.5)
    drifted = p_value <= level and auc >= threshold
    measured = {"auc": auc, "p_value": p_value, "level": level, "threshold": threshold, "by_chance": seen, **rows}
    told = f"a classifier tells window and reference apart with ROC AUC {auc:.3f}"
    if 2 * min(a.resolution for a in answers) > level:
        reason = f"{told}; rows so near in time are too much alike to tell that from chance"
        # More rows would not help, and nobody asked for the classifier: no alert at every check.
        return Check(NAME, Verdict.UNKNOWN, reason, measured | {"noted": True})
    if not drifted:
        reason = f"{told}; chance reaches {seen:.3f} and below {threshold:g} it is no drift"
        return Check(NAME, Verdict.PASS, reason, measured)
    columns = telling()
    return Check(NAME, Verdict.FAIL, f"{told} (p = {p_value:.2g}), most by {', '.join(columns)}", measured)


def _sides(
    reference: "pd.DataFrame", current: "pd.DataFrame", numerical: Sequence[str], categorical: Sequence[str]
) -> tuple[list[str], list[Side]]:
    """Numbers on the scale of the reference's ranks (-0.5..0.5, NaN where missing), categories as codes."""
    columns: dict[str, tuple[Floats, Floats]] = {}
    for name in numerical:
        if name in reference and name in current:
            left, right = numbers(reference[name]), numbers(current[name])
            known = np.sort(left[np.isfinite(left)])
            if len(known):
                columns[name] = _ranked(left, known), _ranked(right, known)
    for name in categorical:
        if name in reference and name in current:
            columns[name] = _codes(reference[name], current[name])
    timed = EVENT_TIME in reference and EVENT_TIME in current
    times = [microseconds(frame[EVENT_TIME]) if timed else None for frame in (reference, current)]
    sides = [
        Side(np.stack([column[side] for column in columns.values()], axis=1), times[side])
        for side in (range(2) if columns else ())
    ]
    return list(columns), sides


def _ranked(values: Floats, known: Floats) -> Floats:
    middle = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / 2 / len(known) - 0.5
    beyond = np.where(values > known[-1], 1.0, np.where(values < known[0], -1.0, middle))
    return np.where(np.isfinite(values), beyond, np.nan)


def _codes(reference: "pd.Series[Any]", current: "pd.Series[Any]") -> tuple[Floats, Floats]:
    known = [side.notna().to_numpy() for side in (reference, current)]
    labels = labelled(category_labels(reference), category_labels(current))
    _, codes = np.unique(np.concatenate(labels), return_inverse=True)
    found = []
    for mask, part in zip(known, (codes[: len(labels[0])], codes[len(labels[0]) :]), strict=True):
        column = np.full(len(mask), np.nan)
        column[mask] = part
        found.append(column)
    return found[0], found[1]
