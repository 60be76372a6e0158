"""The gate `resources`: what a model costs to keep and to ask, against the champion and against fixed limits."""

import math
from typing import Annotated, Literal, TypeGuard

from pydantic import Field, FiniteFloat

from tasks.core.gates.evidence import Footprint, GateEvidence, GateKind, NonNegative, verdict
from tasks.core.results import Check, Number, Verdict

Positive = Annotated[FiniteFloat, Field(gt=0)]
_NAMES: dict[str, str] = {"seconds_per_row": "seconds a row", "size": "bytes of its file", "memory": "bytes of memory"}


class Resources(GateKind):
    """The candidate takes no more time, space and memory than the champion and a margin, nor than any limit set."""

    kind: Literal["resources"] = "resources"
    margin: NonNegative = Field(default=1.0, description="Share that it may take on top: 1.0 allows twice as much.")
    max_seconds_per_row: Positive | None = None
    max_size: Positive | None = Field(default=None, description="Bytes of the model file.")
    max_memory: Positive | None = Field(default=None, description="Bytes of a process that has predicted.")
    ignore_seconds_per_row: NonNegative = Field(default=1e-4, description="Below it nobody waits, whatever the ratio.")
    ignore_size: NonNegative = Field(default=1e6, description="Below it nobody runs out of space.")

    def judge(self, evidence: GateEvidence) -> Check:
        """Unknown when the candidate was not measured, or a champion stands that was not; every excess is named."""
        mine, other = evidence.footprint, evidence.champion_footprint
        alone = other is None and evidence.champion_state == "none"
        if not _measured(mine) or not (alone or _measured(other)):
            who = "champion" if _measured(mine) else "candidate"
            return Check(self.kind, Verdict.UNKNOWN, f"the {who} was not measured in a clean process; run it again")
        numbers: dict[str, Number] = {**vars(mine), "margin": self.margin}
        if other is not None:
            numbers |= {f"champion_{name}": value for name, value in vars(other).items()}
        excess = [told for name in _NAMES if (told := self._excess(name, mine, other))]
        against = (
            "within the limits" if other is None else f"within the limits and {1 + self.margin:g} times the champion"
        )
        return Check(self.kind, verdict(not excess), "; ".join(excess) or against, numbers)

    def _excess(self, name: str, mine: Footprint, other: Footprint | None) -> str | None:
        value, limit = getattr(mine, name), getattr(self, f"max_{name}")
        if limit is not None and value > limit:
            return f"{value:.3g} {_NAMES[name]}, at most {limit:.3g} are allowed"
        if other is None or value <= getattr(self, f"ignore_{name}", 0.0):
            return None
        usual = getattr(other, name)
        if value <= (1 + self.margin) * usual:
            return None
        return f"{value:.3g} {_NAMES[name]}, more than {1 + self.margin:g} times the champion's {usual:.3g}"


def _measured(footprint: Footprint | None) -> TypeGuard[Footprint]:
    """A cost that is no number is above no limit, and not known to be below one either."""
    return footprint is not None and all(math.isfinite(value) for value in vars(footprint).values())
