"""Optuna: proposes parameters. The same seed and the same answers give the same proposals, so a search can resume."""

from collections.abc import Mapping
from typing import Any

from tasks.core.estimators import Range, Space

HISTORY = "history"


class Study:
    """An ask-and-tell search over one family's space and the kinds of training rows (by their labels)."""

    def __init__(self, space: Space, histories: tuple[str, ...], *, greater_is_better: bool, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=5)
        self._study = optuna.create_study(direction="maximize" if greater_is_better else "minimize", sampler=sampler)
        self._distributions = {name: _distribution(bounds) for name, bounds in space.items()}
        self._distributions[HISTORY] = optuna.distributions.CategoricalDistribution(histories)

    def ask(self) -> tuple[Any, dict[str, Any]]:
        """A trial (to be told about) and its parameters, the training rows (a label) among them."""
        trial = self._study.ask(self._distributions)
        return trial, dict(trial.params)

    def tell(self, trial: Any, score: float | None) -> None:
        """Report a trial's score; None when it gave none."""
        from optuna.trial import TrialState

        if score is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, score)


def _distribution(bounds: Range) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    if bounds.whole:
        return IntDistribution(int(bounds.low), int(bounds.high), log=bounds.log)
    return FloatDistribution(bounds.low, bounds.high, log=bounds.log)


def parameters_of(proposal: Mapping[str, Any]) -> dict[str, Any]:
    """A proposal without the training rows: what goes to the estimator."""
    return {name: value for name, value in proposal.items() if name != HISTORY}
