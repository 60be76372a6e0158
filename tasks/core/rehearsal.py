"""A training inside a simulation: the pipeline's families and histories with fixed parameters, and who may follow whom.

The same fits, splits and gates as in the loop; no search, no artefact and no registry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import choosing, fitting, ledger, metrics
from tasks.core.championship import may_promote
from tasks.core.drift import Drift
from tasks.core.errors import DataRejected
from tasks.core.estimators import Candidate, middle
from tasks.core.features import EVENT_TIME, ROW_ID, Features, design_matrix
from tasks.core.fitting import LABEL, Recipe
from tasks.core.gates import Gate, GateEvidence, columns_named, judge_all
from tasks.core.governor import Governor
from tasks.core.history import Past
from tasks.core.importance import importances
from tasks.core.ledger import Look
from tasks.core.metrics import MetricName, Problem
from tasks.core.performance import Performance
from tasks.core.probe import ProbeMode
from tasks.core.results import Check, Window
from tasks.core.splits import Split
from tasks.core.strategies import Strategy
from tasks.core.triggers import Trigger

if TYPE_CHECKING:
    import pandas as pd

NEEDS_AN_ARTEFACT = frozenset({"clean_process", "resources"})
"""Gates that judge a registered file; in a simulation there is none, so they are left out rather than passed."""


@dataclass(frozen=True)
class Setting:
    """What a pipeline's file says that decides: the model's inputs, the split, candidates, gates, checks and limits."""

    problem: Problem
    metric: MetricName
    features: Features
    split: Split
    strategy: Strategy
    families: tuple[Candidate, ...]
    gates: tuple[Gate, ...]
    first_champion: str
    drift: Drift
    performance: Performance
    triggers: tuple[Trigger, ...]
    governor: Governor
    label_delay: timedelta
    seed: int
    probe: ProbeMode = "auto"


@dataclass(frozen=True)
class Trained:
    """A fitted pipeline, the recipe that it was made by, and the seconds of one core that all of its fits took."""

    model: Any
    recipe: Recipe
    seconds: float = 0.0


Trainer = Callable[["pd.DataFrame", Sequence[Recipe]], Trained]
"""From labelled rows and the recipes to try to a fit. It may look up what it did before and measure
time, which the core cannot."""


@dataclass(frozen=True)
class Contestant:
    """A trained model with what later decisions need: the rows that it saw and those that it was judged on."""

    number: int
    trained: Trained
    seen: "pd.DataFrame"
    judged_on: "pd.DataFrame"
    predicted: np.ndarray
    promised: float

    @property
    def trained_until(self) -> datetime:
        """Event time of the newest row that it has seen."""
        return self.seen[EVENT_TIME].max().to_pydatetime()  # type: ignore[no-any-return]

    @property
    def evaluated_until(self) -> datetime:
        """Event time of the newest row that it was judged on."""
        return self.judged_on[EVENT_TIME].max().to_pydatetime()  # type: ignore[no-any-return]

    @cached_property
    def importance(self) -> dict[str, float]:
        """What each feature is worth to it, as the tags of a version tell."""
        return importances(self.trained.model, self.judged_on, self.trained.recipe)


def recipes(setting: Setting, champion: Recipe | None = None) -> list[Recipe]:
    """What a training tries: one recipe per family and kind of training rows, each with the middle of its family's
    space as parameters; or what the strategy settles without a search.
    """  # noqa: D205
    tried = [
        Recipe(
            problem=setting.problem, metric=setting.metric, features=setting.features, split=setting.split,
            family=family, parameters=middle(family.space()), history=history, seed=setting.seed,
        )
        for family in setting.families
        for history in setting.split.history
    ]  # fmt: skip
    settled = setting.strategy.settled(champion, tried)
    return tried if settled is None else [settled]


def train(rows: "pd.DataFrame", tried: Sequence[Recipe]) -> Trained:
    """Backtest every recipe, and fit the best on the train and tuning parts; a single one needs no backtest.

    Raises:
        DataRejected: no recipe could be fitted on these rows. The message gives the reason of the last one.
    """
    if len(tried) == 1:
        return Trained(fitting.fit_for_evaluation(rows, tried[0]).model, tried[0])
    scores, reason = [], ""
    for recipe in tried:
        try:
            scores.append(fitting.backtest(rows, recipe))
        except DataRejected as error:
            scores.append(float("nan"))
            reason = str(error)
    if np.isnan(scores).all():
        raise DataRejected(f"Nothing could be fitted. {reason}")
    best = tried[choosing.best_of(scores, tried[0].metric)]
    return Trained(fitting.fit_for_evaluation(rows, best).model, best)


def training_rows(past: Past, split: Split) -> "pd.DataFrame":
    """The labelled rows that a training as of that moment may use, as `take snapshot` of the loop pins them."""
    newest = past.newest_labelled()
    if newest is None:
        raise DataRejected(f"There are no labelled rows by {past.as_of:%Y-%m-%d}.")
    return past.labelled(Window(split.since(newest), past.as_of)).reset_index(drop=True)


def contestant(
    past: Past, setting: Setting, trainer: Trainer, number: int, champion: Contestant | None = None
) -> Contestant:
    """Train on what is known, and score the rows of the evaluation part. Raises DataRejected where rows do not do."""
    tried = recipes(setting, None if champion is None else champion.trained.recipe)
    rows = training_rows(past, setting.split)
    fresh = fitting.parts_of(rows, setting.split).evaluation
    trained = trainer(rows, tried)
    predicted = fitting.predict_rows(rows, fresh, trained.model, trained.recipe)
    seen = fitting.seen_positions(rows, setting.split, trained.recipe.history)
    promised = metrics.score(setting.metric, rows[LABEL].to_numpy("float64")[fresh], predicted)
    return Contestant(number, trained, rows.iloc[seen], rows.iloc[fresh], predicted, promised)


def predictions(model: Contestant, rows: "pd.DataFrame") -> np.ndarray:
    """The model's predictions (float64, one per row)."""
    if rows.empty:
        return np.empty(0)
    return fitting.predict_rows(rows, np.arange(len(rows)), model.trained.model, model.trained.recipe)


def judge(
    candidate: Contestant, champion: Contestant | None, setting: Setting, looks: Sequence[Look]
) -> tuple[Check, Look | None]:
    """May the candidate follow the champion: the pipeline's gates, on rows that neither has seen.

    `looks` are the comparisons before this one; gives the answer, and this one where it came to a difference.
    """
    fresh = np.ones(len(candidate.judged_on), dtype=bool)
    if champion is not None:
        fresh = ~candidate.judged_on[ROW_ID].isin(champion.seen[ROW_ID]).to_numpy()
    rows = candidate.judged_on[fresh]
    replaces = None if champion is None else champion.number
    gates = [gate for gate in setting.gates if gate.kind not in NEEDS_AN_ARTEFACT]
    evidence = GateEvidence(
        metric=setting.metric, actual=rows[LABEL].to_numpy("float64"), candidate=candidate.predicted[fresh],
        champion=None if champion is None else predictions(champion, rows),
        champion_state="none" if champion is None else "present",
        dummy=fitting.dummy_predictions(candidate.seen, len(rows), candidate.trained.recipe),
        blocks=fitting.days_of(rows), clean=None, seed=setting.seed, row_set=ledger.row_set(rows),
        looks=ledger.times_looked(rows, looks, version=candidate.number, replaces=replaces),
        features=design_matrix(rows, setting.features).reset_index(drop=True),
        columns=rows.filter(columns_named(gates)).reset_index(drop=True),
    )  # fmt: skip
    answers = judge_all(gates, evidence)
    answer = may_promote(answers, has_champion=champion is not None, first_champion=setting.first_champion)
    compared = evidence.row_set and any(check.numbers.get("difference") is not None for check in answers)
    chosen = evidence.row_set if compared else None
    look = Look(candidate.number, replaces, chosen.window, digest=chosen.digest) if chosen else None
    if answer.passed:
        return answer, look
    told = "; ".join(f"{check.name}: {check.reason}" for check in answers if not check.passed)
    return replace(answer, reason=f"{answer.reason} ({told})" if told else answer.reason), look
