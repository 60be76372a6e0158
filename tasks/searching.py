"""The hyper-parameter search of a training: rounds of proposals, fitted in parallel by a task runner, told in order.

A round's proposals depend only on the seed and on earlier scores, so a killed search proposes the same fits again and
finds those that were done in Prefect's cache.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from time import monotonic
from typing import Any

from prefect.futures import PrefectFuture

from tasks.adapters.search import HISTORY, Study, parameters_of
from tasks.adapters.tracking import Trial
from tasks.core.errors import DataRejected, TerminalError
from tasks.core.fitting import Recipe
from tasks.core.metrics import greater_is_better
from tasks.core.results import Snapshot
from tasks.session import Session
from tasks.training import fit_trial

ROUND = 2
"""Proposals of one family per round: fixed, so that what is proposed does not depend on the number of workers."""

# Imported before the trials start: two threads that import scikit-learn for the first time at the same moment can each
# meet a half-imported one, and the training dies of an ImportError.
_FITTING = ("sklearn.compose", "sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics", "sklearn.pipeline")


@dataclass(frozen=True)
class Budget:
    """How many trials per family, and for how long new rounds may start."""

    trials: int
    seconds: float


@dataclass(frozen=True)
class Tried:
    """A trial and the recipe that it tried."""

    trial: Trial
    recipe: Recipe


def run_search(  # noqa: PLR0913, PLR0917 - a search is told all that it may use
    session: Session,
    snapshot: Snapshot,
    recipes: Sequence[Recipe],
    code_digest: str,
    budget: Budget,
    runner: Any,
    progress: Callable[[int, int], None],
) -> list[Tried]:
    """Search every family (one recipe each, its parameters still open) side by side; returns trials with a score.

    Raises:
        DataRejected: not one trial gave a score. The message gives the reason of the last one.
    """
    for package in _FITTING:
        import_module(package)
    studies = [_study(recipe) for recipe in recipes]
    began, done, total = monotonic(), 0, budget.trials * len(recipes)
    tried: list[Tried] = []
    reason = ""
    with runner as pool:
        while done < total and (done == 0 or monotonic() - began < budget.seconds):
            size = min(ROUND, budget.trials - done // len(recipes))
            asked = [
                (study, *study.ask(), recipe)
                for study, recipe in zip(studies, recipes, strict=True)
                for _ in range(size)
            ]
            futures = [
                _submit(pool, session, snapshot, _filled(recipe, proposal), code_digest, done + place)
                for place, (_, _, proposal, recipe) in enumerate(asked)
            ]
            for (study, trial, proposal, recipe), future in zip(asked, futures, strict=True):
                answer = future.result()
                study.tell(trial, answer["score"])
                reason = answer["reason"] or reason
                if answer["score"] is not None:
                    chosen = _filled(recipe, proposal)
                    tried.append(Tried(_trial(chosen, done, answer), chosen))
                done += 1
                progress(done, total)
    if not tried:
        raise DataRejected(f"Not one trial of the search gave a score. {reason}")
    return tried


def _study(recipe: Recipe) -> Study:
    histories = tuple(dict.fromkeys(rows.label for rows in recipe.split.history))
    upward = greater_is_better(recipe.metric)
    return Study(recipe.family.space(), histories, greater_is_better=upward, seed=recipe.seed)


def _filled(recipe: Recipe, proposal: dict[str, Any]) -> Recipe:
    history = next(rows for rows in recipe.split.history if rows.label == proposal[HISTORY])
    return replace(recipe, parameters=parameters_of(proposal), history=history)


def _submit(
    pool: Any, session: Session, snapshot: Snapshot, recipe: Recipe, code_digest: str, number: int
) -> PrefectFuture[dict[str, Any]]:
    label = f"{recipe.family.kind} {number}"
    key = recipe.key(snapshot.digest, code_digest)
    given = {"store": session.store, "snapshot": snapshot, "recipe": recipe, "key": key, "label": label}
    future = pool.submit(fit_trial, parameters=given)
    if not isinstance(future, PrefectFuture):
        raise TerminalError("The task runner gave no future; see `runner` in the pipeline's file.")
    return future


def _trial(recipe: Recipe, number: int, answer: dict[str, Any]) -> Trial:
    parameters = {**recipe.parameters, HISTORY: recipe.history.label}
    return Trial(recipe.family.kind, number, parameters, float(answer["score"]), float(answer["seconds"]))
