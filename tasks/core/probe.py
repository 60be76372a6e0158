"""The probe: before a costly search, would a retraining help? The champion's recipe, refitted and held against it.

Never looks at the evaluation part, whose rows judge the candidate: it fits on the train part and judges on tuning rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.core import fitting
from tasks.core.duel import DuelResult, duel
from tasks.core.errors import DataRejected
from tasks.core.estimators import Candidate, Dummy
from tasks.core.features import ROW_ID
from tasks.core.fitting import LABEL, Recipe
from tasks.core.metrics import MetricName, gain, score
from tasks.core.results import Check, JournalEntry, Number, Verdict
from tasks.core.strategies import Strategy, TrainingRows

if TYPE_CHECKING:
    import pandas as pd

NAME = "probe"
CONFIDENCE, MIN_ROWS = 0.9, 100
"""Looser than a gate: a probe promotes nothing, and one that errs costs a search or the wait until the next check."""

ProbeMode = Literal["auto", "never"]
Held = Literal["postponed", "spared"]


def is_wanted(mode: ProbeMode, strategy: Strategy) -> bool:
    """Whether a retraining is probed first: where it is not left out, and where there is a search to spare."""
    return mode == "auto" and strategy.kind == "new_search"


def limit_of_breach(entries: Sequence[JournalEntry], token: str, version: int) -> float | None:
    """The limit of performance where the check with this token put this champion's into question; None where not."""
    for decision in (entry.decision for entry in entries if entry.decision.evidence.get("token") == token):
        told = decision.evidence.get("performance") or {}
        if decision.evidence.get("version") == version and told.get("verdict") not in {None, Verdict.PASS}:
            limit = (told.get("numbers") or {}).get("limit")
            return None if limit is None else float(limit)
    return None


def recipes_like(
    wanted: Recipe, family: Candidate | Dummy, parameters: Mapping[str, Any], history: TrainingRows
) -> list[Recipe]:
    """The wanted recipe with the champion's family and parameters, for its own rows and all that the split offers.

    Few fits, and no search. With its own rows alone a change would hardly show: most are of before it.
    """
    like = replace(wanted, family=family, parameters=parameters)
    return [replace(like, history=rows) for rows in dict.fromkeys((*wanted.split.history, history))]


def stretch(rows: "pd.DataFrame", recipe: Recipe, seen: "pd.Series") -> np.ndarray:
    """Positions of the rows that the probe judges on: the tuning part without what the champion has `seen` (row ids).

    The tuning part lies before the evaluation part and a refit does not see it. Raises DataRejected as the split does.
    """
    tuning = fitting.parts_of(rows, recipe.split).tuning
    return tuning[~rows[ROW_ID].iloc[tuning].isin(seen).to_numpy()]


def refit(rows: "pd.DataFrame", recipes: Sequence[Recipe], positions: np.ndarray) -> dict[str, np.ndarray]:
    """What each recipe predicts for the positions, fitted on the train part; too short a history is left out."""
    told: dict[str, np.ndarray] = {}
    for recipe in recipes if len(positions) else ():
        try:
            model = fitting.fit_train_part(rows, recipe).model
        except DataRejected:
            continue
        told[f"history of {recipe.history.label}"] = fitting.predict_rows(rows, positions, model, recipe)
    return told


Refitter = Callable[["pd.DataFrame", Sequence[Recipe], np.ndarray], tuple[dict[str, np.ndarray], float]]
"""What a probe's fits predict for some positions of the rows, and the seconds of one core that they took."""


def refit_untimed(
    rows: "pd.DataFrame", recipes: Sequence[Recipe], positions: np.ndarray
) -> tuple[dict[str, np.ndarray], float]:
    """The fits of a probe, without a clock."""
    return refit(rows, recipes, positions), 0.0


def judge_probe(  # noqa: PLR0913 - the evidence, by name
    rows: "pd.DataFrame",
    *,
    metric: MetricName,
    champion: np.ndarray,
    refits: Mapping[str, np.ndarray],
    margin: float,
    limit: float | None,
    seed: int,
) -> Check:
    """Judge the refits against the champion on the rows of the stretch; predictions are of shape (rows,).

    pass: a refit is better. fail: none is, and either every one's gain is below `margin` (metric units) for certain, or
    the champion is within the `limit` here: then what broke it elsewhere is not yet among the rows that a candidate may
    learn from (`numbers["early"]`). `limit` is that of the breach; None where performance was not in question.
    unknown: all else, as too few rows. That stops no retraining that was decided on evidence: the gates judge its
    candidate, and they fail closed.
    """
    actual = rows[LABEL].to_numpy("float64")
    numbers: dict[str, Number] = {
        "rows": len(rows), "refits": len(refits), "margin": margin, "limit": limit, "early": False,
    }  # fmt: skip
    if not refits:
        return Check(NAME, Verdict.UNKNOWN, "no refit came about: too few rows before the evaluation part", numbers)
    blocks = fitting.days_of(rows) if len(rows) else np.empty(0, "int64")
    held = {
        name: duel(actual, champion, predicted, blocks, metric=metric, margin=margin, confidence=CONFIDENCE,
                   min_rows=MIN_ROWS, seed=seed)
        for name, predicted in refits.items()
    }  # fmt: skip
    name, best = max(held.items(), key=lambda pair: -np.inf if pair[1].difference is None else pair[1].difference)
    numbers |= {"refit": name, "difference": best.difference, "low": best.low, "high": best.high, "blocks": best.blocks}
    if best.difference is None:
        return Check(NAME, Verdict.UNKNOWN, f"cannot tell: {best.reason}", numbers)
    own = numbers["champion"] = score(metric, actual, champion)
    keeps = limit is not None and gain(metric, own, limit) >= 0
    return _answer(held, f"refit with a {name}: {best.reason}", numbers, keeps)


def _answer(held: Mapping[str, DuelResult], told: str, numbers: dict[str, Number], keeps: bool) -> Check:
    """`keeps`: the champion keeps its promise on these rows."""
    if any(result.answer == "better" for result in held.values()):
        return Check(NAME, Verdict.PASS, f"a retraining would help; {told}", numbers)
    if keeps:
        why = "too early: on the newest rows to learn from the champion keeps its promise, and no refit is better"
        return Check(NAME, Verdict.FAIL, f"{why}; {told}", numbers | {"early": True})
    margin = float(numbers["margin"] or 0)
    if all(result.high is not None and result.high <= margin for result in held.values()):
        return Check(NAME, Verdict.FAIL, f"a retraining would not help; {told}", numbers)
    return Check(NAME, Verdict.UNKNOWN, f"cannot tell whether a retraining would help; {told}", numbers)


def held_back(probed: Check) -> Held | None:
    """How a training ends that the probe holds back: postponed (too early), spared (useless); None: it goes on."""
    if probed.verdict is not Verdict.FAIL:
        return None
    return "postponed" if probed.numbers.get("early") is True else "spared"
