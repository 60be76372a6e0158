"""What a trigger looks at: a check's answers and those of the checks before it, read back from the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.core.results import Check, Decision, JournalEntry, Verdict


@dataclass(frozen=True)
class TriggerEvidence:
    """What one monitoring run knows. `data` = signals of broken data; ages and counts are None when unknown.

    `multivariate_drift` is None where the pipeline does not ask for it.
    `estimated` (and the estimator's `track_record`) is None where labels are known, so that nothing is estimated.

    `past` holds the evidence of the same champion's earlier checks, newest first, each without a past of its own.
    """

    data: Check
    data_drift: Check
    prediction_drift: Check
    performance: Check
    champion_age: timedelta | None
    new_labels: int | None
    estimated: Check | None = None
    track_record: Check | None = None
    multivariate_drift: Check | None = None
    past: tuple["TriggerEvidence", ...] = ()

    def before(self, count: int) -> "TriggerEvidence":
        """The evidence of the check `count` checks ago, with its own past; 0 is this one."""
        return replace(self.past[count - 1], past=self.past[count:]) if count else self


class TriggerKind(BaseModel):
    """What all kinds share: they are frozen, refuse unknown keys, and have a name for people and for the token."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str

    @property
    def name(self) -> str:
        """The kind; combinations add what they combine."""
        return self.kind

    @property
    def watches(self) -> frozenset[str]:
        """The plain kinds that it looks at."""
        return frozenset({self.kind})


def past_evidence(entries: Sequence[JournalEntry], version: int, as_of: datetime) -> tuple[TriggerEvidence, ...]:
    """The checks of this champion version that were decided before `as_of`, newest first, from journal entries."""
    mine = [entry.decision for entry in entries if _is_check(entry.decision, version) and entry.decision.as_of < as_of]
    return tuple(_evidence(decision) for decision in sorted(mine, key=lambda decision: decision.as_of, reverse=True))


def _is_check(decision: Decision, version: int) -> bool:
    return decision.kind == "monitoring" and decision.evidence.get("version") == version


def _evidence(decision: Decision) -> TriggerEvidence:
    told = decision.evidence
    age, labels = told.get("champion_age_s"), told.get("new_labels")
    return TriggerEvidence(
        data=_check("data", told), data_drift=_check("data_drift", told),
        prediction_drift=_check("prediction_drift", told), performance=_check("performance", told),
        champion_age=None if age is None else timedelta(seconds=float(age)),
        new_labels=None if labels is None else int(labels),
        multivariate_drift=_perhaps("multivariate_drift", told),
        estimated=_perhaps("estimated", told), track_record=_perhaps("track_record", told),
    )  # fmt: skip


def _check(name: str, told: Mapping[str, Any]) -> Check:
    kept = told.get(name)
    if not isinstance(kept, Mapping):
        return Check(name, Verdict.UNKNOWN, f"this check recorded no {name}")
    return Check(name, Verdict(kept["verdict"]), str(kept["reason"]), kept.get("numbers") or {})


def _perhaps(name: str, told: Mapping[str, Any]) -> Check | None:
    return _check(name, told) if told.get(name) else None
