"""The trigger on the champion's age."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from tasks.core.durations import Duration, format_duration
from tasks.core.results import Check, Verdict
from tasks.core.triggers.evidence import TriggerEvidence, TriggerKind


class Age(TriggerKind):
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
