"""Policy kinds of the simulator: when to retrain, and whether a new model has to pass the gates before it serves.

The fixed ones are what people use today; `keepfit` decides as the pipeline is configured, by the loop's own functions.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.governor import PastTraining, govern
from tasks.core.metrics import gain
from tasks.core.performance import limit_of
from tasks.core.results import Check, Number, Verdict
from tasks.core.sight import Sight
from tasks.core.triggers import choose_remedy


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    gated: ClassVar[bool] = False


class Never(_Policy):
    """The first model serves for ever."""

    kind: Literal["never"] = "never"

    def asks(self, sight: Sight, trainings: Sequence[PastTraining]) -> Check:
        """Never."""
        return Check(self.kind, Verdict.PASS, "the first model stays")


class EveryWindow(_Policy):
    """A retraining on schedule, whatever the data say; the new model serves at once."""

    kind: Literal["every_window"] = "every_window"

    def asks(self, sight: Sight, trainings: Sequence[PastTraining]) -> Check:
        """Always."""
        return Check(self.kind, Verdict.FAIL, "it is time")


class DriftedShare(_Policy):
    """Evidently's preset as it comes, on the period's rows: so many columns moved so far; the new model serves at once.

    The preset's rule for references of more than 1 000 rows: normalised Wasserstein distance (numbers) and
    Jensen-Shannon distance (categories) of at least 0.1, in at least half of the columns.
    """

    kind: Literal["drifted_share"] = "drifted_share"
    threshold: float = Field(default=0.1, gt=0)
    share: float = Field(default=0.5, gt=0, le=1)

    def asks(self, sight: Sight, trainings: Sequence[PastTraining]) -> Check:
        """Fail when enough feature columns moved so far; a column without a distance has not."""
        distances = sight.period_distances
        drifted = sum(value is not None and value >= self.threshold for value in distances.values())
        reached = drifted >= self.share * len(distances)
        told = f"{drifted} of {len(distances)} columns at {self.threshold:g} or more"
        return Check(self.kind, Verdict.FAIL if reached else Verdict.PASS, told, {"drifted": drifted})


class PerformanceThreshold(_Policy):
    """A retraining whenever the period's score is worse than promised by a share; the new model serves at once."""

    kind: Literal["performance_threshold"] = "performance_threshold"
    max_loss: float = Field(default=0.1, ge=0)

    def asks(self, sight: Sight, trainings: Sequence[PastTraining]) -> Check:
        """Compares the bare number, without regard to noise; unknown without one."""
        score, metric = sight.period_score, sight.setting.metric
        if score is None:
            return Check(self.kind, Verdict.UNKNOWN, f"the period has no {metric}: too few labels, or one class only")
        config = sight.setting.performance.model_copy(update={"max_loss": self.max_loss, "relative": True})
        limit = limit_of(config, metric, sight.champion.promised)
        worse = gain(metric, score, limit) < 0
        told = f"{metric} {score:.4g}, limit {limit:.4g}"
        return Check(self.kind, Verdict.FAIL if worse else Verdict.PASS, told, {"score": score, "limit": limit})


class Keepfit(_Policy):
    """As the pipeline's file says: its triggers choose the remedy, its governor allows it, its gates promote."""

    kind: Literal["keepfit"] = "keepfit"
    gated: ClassVar[bool] = True

    def asks(self, sight: Sight, trainings: Sequence[PastTraining]) -> Check:
        """Fail when the remedy is a retraining and no limit objects."""
        setting = sight.setting
        remedy = choose_remedy(setting.triggers, sight.evidence)
        told: dict[str, Number] = {"remedy": remedy.kind}
        if remedy.kind != "retrain":
            return Check(self.kind, Verdict.PASS, f"{remedy.kind}: {remedy.reason}", told)
        governed = govern(
            setting.governor, history=trainings, now=sight.past.as_of, new_labels=sight.new_labels, lease_held=False
        )
        if governed.passed:
            return Check(self.kind, Verdict.FAIL, remedy.reason, told)
        return Check(self.kind, Verdict.PASS, f"suppressed by {governed.reason} ({remedy.reason})", told)


Policy = Annotated[Never | EveryWindow | DriftedShare | PerformanceThreshold | Keepfit, Field(discriminator="kind")]

POLICIES: tuple[Policy, ...] = (Never(), EveryWindow(), DriftedShare(), PerformanceThreshold(), Keepfit())
"""One of each kind with its defaults: what is compared unless somebody chooses."""
