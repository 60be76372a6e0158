"""Triggers made of triggers: any of them, all of them, and m of the last n checks with the newest one in breach.

Unknown follows Kleene's three-valued logic: an answer is sure only where what is not known could not change it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from tasks.core.results import Check, Number, Verdict
from tasks.core.triggers.evidence import TriggerEvidence, TriggerKind

if TYPE_CHECKING:
    from tasks.core.triggers import Trigger

_Verdicts = Sequence[Verdict]


class _Many(TriggerKind):
    of: tuple["Trigger", ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """The kind and what it combines."""
        return f"{self.kind}({', '.join(trigger.name for trigger in self.of)})"

    @property
    def watches(self) -> frozenset[str]:
        """All that its parts look at."""
        return frozenset[str]().union(*(trigger.watches for trigger in self.of))

    def _fold(self, evidence: TriggerEvidence, decisive: Verdict) -> Check:
        answers = [trigger.fires(evidence) for trigger in self.of]
        other = Verdict.PASS if decisive is Verdict.FAIL else Verdict.FAIL
        verdicts = {answer.verdict for answer in answers}
        verdict = next((one for one in (decisive, Verdict.UNKNOWN) if one in verdicts), other)
        spoken = [answer for answer in answers if answer.verdict is verdict]
        told = "; ".join(f"{answer.name}: {answer.reason}" for answer in spoken)
        numbers: dict[str, Number] = {"of": len(answers), "said_so": len(spoken)}
        return Check(self.name, verdict, told, numbers | _manner(verdict, spoken))


class AnyOf(_Many):
    """One of several asks: what the list of a pipeline's triggers means by itself, for use inside others."""

    kind: Literal["any"] = "any"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """Fail when one fails; else unknown when one is; else pass."""
        return self._fold(evidence, Verdict.FAIL)


class All(_Many):
    """All of several have to ask."""

    kind: Literal["all"] = "all"

    def fires(self, evidence: TriggerEvidence) -> Check:
        """Pass when one passes; else unknown when one is; else fail."""
        return self._fold(evidence, Verdict.PASS)


class AtLeast(TriggerKind):
    """`breaches` of the champion's last `checks` checks ask, the newest one among them: a passing shock does not."""

    kind: Literal["at_least"] = "at_least"
    breaches: int = Field(ge=1, description="How many of the last checks have to be in breach.")
    checks: int = Field(ge=1, le=100, description="How many checks are looked at, the newest one included.")
    trigger: "Trigger"

    @model_validator(mode="after")
    def _can_be_met(self) -> "AtLeast":
        if self.breaches > self.checks:
            raise ValueError(f"breaches is {self.breaches} of {self.checks} checks; at most {self.checks} are allowed")
        return self

    @property
    def name(self) -> str:
        """The kind with its numbers and what it repeats."""
        return f"{self.breaches} of {self.checks}({self.trigger.name})"

    @property
    def watches(self) -> frozenset[str]:
        """What its trigger looks at."""
        return self.trigger.watches

    def fires(self, evidence: TriggerEvidence) -> Check:
        """Pass when the newest check passes; fail when enough are in breach; unknown, waiting, until then.

        A check on data that were broken, or not known to be sound, counts as unknown; a check that never was, as none.
        """
        newest = self.trigger.fires(evidence)
        if newest.verdict is not Verdict.FAIL:
            return Check(self.name, newest.verdict, f"the newest check: {newest.reason}", newest.numbers)
        earlier = [self._then(evidence.before(ago)) for ago in range(1, min(self.checks, len(evidence.past) + 1))]
        found, unsure = 1 + earlier.count(Verdict.FAIL), earlier.count(Verdict.UNKNOWN)
        told = f"{found} of the last {1 + len(earlier)} checks in breach, {self.breaches} of {self.checks} ask"
        told = f"{told}; the newest: {newest.reason}"
        numbers: dict[str, Number] = {
            "breaches": found, "unknown": unsure, "checks": 1 + len(earlier), "needed": self.breaches,
        }  # fmt: skip
        if found >= self.breaches:
            return Check(self.name, Verdict.FAIL, told, numbers)
        return Check(self.name, Verdict.UNKNOWN, told, numbers | {"waiting": True})

    def _then(self, evidence: TriggerEvidence) -> Verdict:
        return self.trigger.fires(evidence).verdict if evidence.data.passed else Verdict.UNKNOWN


def _manner(verdict: Verdict, spoken: Sequence[Check]) -> dict[str, Number]:
    """A combination only waits, or is only noted, when each of its unknown parts is."""
    if verdict is not Verdict.UNKNOWN:
        return {}
    return {name: all(answer.numbers.get(name) is True for answer in spoken) for name in ("waiting", "noted")}
