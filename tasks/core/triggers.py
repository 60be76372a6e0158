"""Trigger kinds and the remedy: which rule asks for retraining, and what answers what was seen.

A trigger's `fail` is a breach that asks for retraining. Whether the retraining may start now: `governor`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.durations import Duration, format_duration
from tasks.core.errors import DataRejected
from tasks.core.results import Check, Verdict, Window

RemedyKind = Literal["none", "note", "wait", "quarantine", "retrain", "alert"]


@dataclass(frozen=True)
class TriggerEvidence:
    """What one monitoring run knows. `data` = signals of broken data; ages and counts are None when unknown."""

    data: Check
    data_drift: Check
    prediction_drift: Check
    performance: Check
    champion_age: timedelta | None
    new_labels: int | None
    multivariate_drift: Check | None = None  # None: not asked for


class _Trigger(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PerformanceDecay(_Trigger):
    """The champion is worse than it promised (`core.performance`)."""

    kind: Literal["performance"] = "performance"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on performance, as it stands."""
        return Check(self.kind, evidence.performance.verdict, evidence.performance.reason, evidence.performance.numbers)


class _Drift(_Trigger):
    when_unlabelled_only: bool = True

    def _answer(self, kind: str, drift: Check, performance: Check) -> Check:
        if drift.verdict is Verdict.FAIL and self.when_unlabelled_only and performance.passed:
            return Check(kind, Verdict.PASS, f"performance holds, so this is only noted: {drift.reason}", drift.numbers)
        return Check(kind, drift.verdict, drift.reason, drift.numbers)


class DataDrift(_Drift):
    """The features moved; by default a breach only while labels do not show that the champion still performs."""

    kind: Literal["data_drift"] = "data_drift"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on data drift, quiet where performance passes."""
        return self._answer(self.kind, evidence.data_drift, evidence.performance)


class PredictionDrift(_Drift):
    """The champion's predictions moved; by default a breach only while labels do not show that it still performs."""

    kind: Literal["prediction_drift"] = "prediction_drift"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on prediction drift, quiet where performance passes."""
        return self._answer(self.kind, evidence.prediction_drift, evidence.performance)


class MultivariateDrift(_Drift):
    """A classifier tells the window from the reference; by default a breach only while labels do not show harm."""

    kind: Literal["multivariate_drift"] = "multivariate_drift"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """The verdict on all columns together, quiet where performance passes; unknown where nobody looked."""
        off = Check(self.kind, Verdict.UNKNOWN, "nobody looked; set `multivariate: true` under `drift`")
        return self._answer(self.kind, evidence.multivariate_drift or off, evidence.performance)


class Age(_Trigger):
    """The champion is older than `longest`."""

    kind: Literal["age"] = "age"
    longest: Annotated[Duration, Field(gt=timedelta(0))]

    def fires(self, evidence: TriggerEvidence) -> Check:
        """Unknown without a known age."""
        age, longest = evidence.champion_age, format_duration(self.longest)
        if age is None:
            return Check(self.kind, Verdict.UNKNOWN, f"the champion's age is not known; it may reach {longest}")
        old = age > self.longest
        told = f"the champion is {age.total_seconds() / 86_400:.1f} days old, it may reach {longest}"
        numbers = {"age_s": age.total_seconds(), "longest_s": self.longest.total_seconds()}
        return Check(self.kind, Verdict.FAIL if old else Verdict.PASS, told, numbers)


class NewLabels(_Trigger):
    """Enough rows got their label since the champion was trained."""

    kind: Literal["new_labels"] = "new_labels"
    at_least: int = Field(ge=1)

    def fires(self, evidence: TriggerEvidence) -> Check:
        """Unknown without a known count."""
        count = evidence.new_labels
        if count is None:
            return Check(self.kind, Verdict.UNKNOWN, f"it is not known how many labels are new ({self.at_least} ask)")
        told = f"{count} new labelled rows, {self.at_least} ask for a retraining"
        verdict = Verdict.FAIL if count >= self.at_least else Verdict.PASS
        return Check(self.kind, verdict, told, {"new_labels": count, "at_least": self.at_least})


@dataclass(frozen=True)
class Remedy:
    """What answers what was seen; `signal` names it ("age+performance"), `checks` are all answers that led here."""

    kind: RemedyKind
    signal: str | None
    reason: str
    checks: tuple[Check, ...]


def choose_remedy(triggers: Sequence["Trigger"], evidence: TriggerEvidence) -> Remedy:
    """Choose the one remedy: the first row that holds.

    1. data fail                                         -> quarantine: broken data teach a model nothing, never retrain
    2. data unknown                                      -> alert: nobody trains on data that may be broken
    3. a trigger fires                                   -> retrain, `signal` names all that fire, sorted, with "+"
    4. performance fail, and no trigger answers it       -> alert
    5. anything unknown but performance that only waits  -> alert
    6. performance unknown, `numbers["waiting"]` is True -> wait: time alone will tell (labels, rows, noise)
    7. a drift fail (performance pass)                   -> note: drift that harms nothing
    8. everything pass                                   -> none
    """
    fired = tuple(trigger.fires(evidence) for trigger in triggers)
    signals = {
        "data": evidence.data,
        "data_drift": evidence.data_drift,
        "prediction_drift": evidence.prediction_drift,
        "performance": evidence.performance,
    }
    if evidence.multivariate_drift is not None:
        signals["multivariate_drift"] = evidence.multivariate_drift
    kind, names = _choose(signals, fired)
    # The spoken reason is that of the worst answer of a name; two triggers may be of one kind.
    answers = sorted([*fired, *(replace(check, name=name) for name, check in signals.items())], key=_severity)
    spoken = {check.name: check.reason for check in answers}
    reason = "; ".join(f"{name}: {spoken[name]}" for name in names) or "every check passed and no trigger fires"
    asked = (replace(check, name=f"trigger {check.name}") for check in fired)
    return Remedy(kind, "+".join(names) or None, reason, (*signals.values(), *asked))


def _severity(check: Check) -> int:
    return [Verdict.PASS, Verdict.UNKNOWN, Verdict.FAIL].index(check.verdict)


def _choose(signals: Mapping[str, Check], fired: Sequence[Check]) -> tuple[RemedyKind, list[str]]:
    """The rows of the table, in order; returns the remedy and the names that it answers, sorted."""
    data, performance = signals["data"], signals["performance"]
    if not data.passed:
        return ("quarantine" if data.verdict is Verdict.FAIL else "alert"), ["data"]
    if asking := {check.name for check in fired if check.verdict is Verdict.FAIL}:
        return "retrain", sorted(asking)
    if performance.verdict is Verdict.FAIL:
        return "alert", ["performance"]
    unknown = {name for name, check in signals.items() if check.verdict is Verdict.UNKNOWN}
    unknown |= {check.name for check in fired if check.verdict is Verdict.UNKNOWN}
    if unknown == {"performance"} and performance.numbers.get("waiting") is True:
        return "wait", ["performance"]
    if unknown:
        return "alert", sorted(unknown)
    drifted = sorted(name for name, check in signals.items() if check.verdict is Verdict.FAIL)
    return ("note" if drifted else "none"), drifted


def fire_token(pipeline: str, champion_version: int | str | None, window: Window, signal: str) -> str:
    """SHA-256 (hex) of what makes a breach one breach: the same four give the same token in every process, for ever.

    The version counts as text, because the registry returns either type. Raises DataRejected on a window without zone.
    """
    if window.start.tzinfo is None or window.end.tzinfo is None:
        raise DataRejected(f"the window {window} has no time zone; windows are UTC-aware")
    version = None if champion_version is None else str(champion_version)
    edges = [edge.astimezone(UTC).isoformat() for edge in (window.start, window.end)]
    return hashlib.sha256(json.dumps([pipeline, version, *edges, signal]).encode()).hexdigest()


Trigger = Annotated[
    PerformanceDecay | DataDrift | PredictionDrift | MultivariateDrift | Age | NewLabels, Field(discriminator="kind")
]
