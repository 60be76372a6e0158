"""From what a pipeline's file says about privacy to rows that may be stored, and to the rules that refuse others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tasks.core.columns import Column
from tasks.core.privacy.classes import DETECTED, PersonalClass
from tasks.core.privacy.keys import Keys
from tasks.core.privacy.policies import DEFAULTS, Policy, Pseudonymise, Refuse

if TYPE_CHECKING:
    import pandas as pd

Undeclared = Literal["quarantine", "refuse", "allow"]


@dataclass(frozen=True)
class Protection:
    """Each column's policy by its class; `undeclared` values refuse their row, or from `max_share` on the delivery."""

    policies: Mapping[PersonalClass, Policy] = field(default_factory=dict)
    undeclared: Undeclared = "quarantine"
    max_share: float = 0.05

    def policy_of(self, column: Column) -> Policy | None:
        """The policy of a column; None where it holds nothing personal or is not read."""
        if column.privacy is None or column.role == "ignore":
            return None
        return self.policies.get(column.privacy) or DEFAULTS[column.privacy]

    def names(self, columns: Sequence[Column]) -> bool:
        """Whether any column gets pseudonyms."""
        return any(isinstance(self.policy_of(column), Pseudonymise) for column in columns)

    def misfit(self, columns: Sequence[Column]) -> str:
        """The first column whose policy cannot be applied, and why; empty where all can."""
        for column in columns:
            policy = self.policy_of(column)
            if policy is not None and (why := policy.misfit(column)):
                return f"column {column.name} (privacy {column.privacy}, policy {policy.kind}): {why}"
        return ""

    def protect(
        self, frame: "pd.DataFrame", columns: Sequence[Column], keys: Keys, key: str | None = None
    ) -> "pd.DataFrame":
        """The typed rows as they may be stored."""
        changed = {
            column.name: policy.protect(frame[column.name], column.privacy, keys, key)
            for column in columns
            if column.privacy is not None and (policy := self.policy_of(column)) is not None
        }
        return frame.assign(**changed) if changed else frame

    def watched(self, columns: Sequence[Column]) -> list[Column]:
        """The columns in which nothing personal is expected, though they are stored."""
        if self.undeclared == "allow":
            return []
        return [column for column in columns if column.privacy is None and column.role != "ignore"]

    def refusals(self, frame: "pd.DataFrame", columns: Sequence[Column]) -> dict[str, str]:
        """Rules by which the policy `refuse` refuses a delivery, and how each is told."""
        return {
            f"privacy:{column.privacy}:{column.name}": f"{column.name} holds values of the class {column.privacy}, "
            "which the pipeline's file refuses"
            for column in columns
            if isinstance(self.policy_of(column), Refuse) and frame[column.name].notna().any()
        }


@dataclass(frozen=True)
class Found:
    """What was found where nothing was declared: rules with their rows, and those that refuse the delivery."""

    rows: dict[str, list[int]]
    refusals: dict[str, str]


def judge_found(protection: Protection, hits: Mapping[str, Mapping[PersonalClass, Sequence[int]]], rows: int) -> Found:
    """Row rules `privacy:CLASS:COLUMN`, and refusals where more than `max_share` of the rows break one.

    Args:
        protection: what the pipeline's file says.
        hits: column -> class -> numbers of the rows that hold such a value.
        rows: how many rows were delivered.
    """
    rules = {
        f"privacy:{kind}:{name}": list(found[kind])
        for name, found in hits.items()
        for kind in DETECTED
        if kind in found
    }
    limit = 0.0 if protection.undeclared == "refuse" else protection.max_share
    over = {rule: len(numbers) / rows for rule, numbers in rules.items() if numbers and len(numbers) / rows > limit}
    told = {
        rule: f"{rule} ({share:.1%} of the rows, {limit:.1%} allowed): declare `privacy` for the column, or give it "
        "the role ignore"
        for rule, share in over.items()
    }
    return Found(rules, told)
