"""A play: one way through a history, under its own name; what is compared, and what a task runner plays.

How it is gone, period by period: simulation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.core.history import History
from tasks.core.policies import Policy
from tasks.core.probe import Refitter, refit_untimed
from tasks.core.rehearsal import Setting, Trainer
from tasks.core.simulation import Change, Period, simulate


@dataclass(frozen=True)
class Play:
    """One way through a history, under its own name.

    With a change only what happens from then on counts. `known_by`: scores rest on the labels known at that moment, as
    for who looks back from there. `check_every`: how often a policy like the pipeline's own decides within a period;
    None: at its beginning only.
    """

    name: str
    setting: Setting
    policy: Policy
    moments: tuple[datetime, ...]
    change: Change | None = None
    known_by: datetime | None = None
    check_every: timedelta | None = None

    def periods(
        self, history: History, trainer: Trainer | None = None, refitter: Refitter = refit_untimed
    ) -> Iterator[Period]:
        """As `simulate` gives them, those that do not count among them."""
        seen = history if self.known_by is None else history.until(self.known_by)
        return simulate(
            seen, self.setting, self.policy, self.moments, trainer, refitter=refitter, change=self.change,
            check_every=self.check_every,
        )  # fmt: skip

    def counts(self, period: Period) -> bool:
        """Whether a period belongs to what is looked at."""
        return self.change is None or period.as_of >= self.change.at
