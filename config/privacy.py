"""The section `privacy` of a pipeline's file: what becomes of personal values, and of those that nobody declared."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from config.flow_yaml import flow
from tasks.core.columns import Column
from tasks.core.durations import Duration
from tasks.core.gates import Gate
from tasks.core.pairs import MIN_CATEGORY_ROWS
from tasks.core.privacy.classes import PersonalClass
from tasks.core.privacy.policies import DEFAULTS, Policy
from tasks.core.privacy.protection import Protection, Undeclared

if TYPE_CHECKING:
    from tasks.core.profile import Profile


class Retention(BaseModel):
    """How long each is kept; for ever where nothing is said. Reconciliation lets go of what is older."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw: Duration | None = Field(default=None, description="Deliveries as they came, since their ingestion.")
    quarantine: Duration | None = Field(default=None, description="Numbers of refused rows with their rules.")
    predictions: Duration | None = Field(default=None, description="What the champion said, since it was scored.")

    @property
    def terms(self) -> dict[str, timedelta]:
        """What is kept for how long, where something is said."""
        said = {"raw": self.raw, "quarantine": self.quarantine, "predictions": self.predictions}
        return {name: term for name, term in said.items() if term is not None}


class Privacy(BaseModel):
    """Policies by class, the rule for undeclared values, and who a row is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: dict[PersonalClass, Policy] = Field(
        default={},
        description="What becomes of the values of each class. Where none is named: direct identifiers are "
        "pseudonymised, names, addresses and free text dropped, dates, ages, places and amounts made coarse.",
    )
    undeclared: Undeclared = Field(
        default="quarantine",
        description="Direct identifiers in a column without `privacy`: quarantine refuses their rows, refuse the whole "
        "delivery, allow looks for none.",
    )
    max_undeclared_share: float = Field(
        default=0.05, ge=0, le=1, description="A column with more such rows than this refuses the delivery."
    )
    smallest_group: int = Field(
        default=2,
        ge=2,
        description="Gates may judge, pages tell of, and models know by name no part of the rows that has fewer "
        "(k-anonymity). 2 is next to nothing: then reports name categories of five rows.",
    )
    retention: Retention = Retention()
    subject: str | None = Field(
        default=None, description="The column that tells who a row is about, for `keepfit erase`; the id without it."
    )

    @property
    def told_from(self) -> int:
        """Of how many rows at least whatever leaves has to tell: five or more; 0 where nothing was said."""
        return max(self.smallest_group, MIN_CATEGORY_ROWS) if self.smallest_group > 2 else 0  # noqa: PLR2004 - default

    @property
    def protection(self) -> Protection:
        """The same for the core."""
        return Protection(self.policies, self.undeclared, self.max_undeclared_share)


def refuse_unusable_privacy(columns: tuple[Column, ...], gates: Iterable[Gate], privacy: Privacy) -> None:
    """Raise ValueError where a policy does not fit its column, a gate tells of few, or the subject is not stored."""
    if why := privacy.protection.misfit(columns):
        raise ValueError(why)
    for column in columns:
        if column.privacy is not None and column.role in {"target", "time"}:
            raise ValueError(f"column {column.name}: a {column.role} cannot be made private; it has to stand as it is")
    for gate in gates:
        if (rows := getattr(gate, "min_rows", None)) is not None and rows < privacy.smallest_group:
            raise ValueError(
                f"the gate {gate.kind} tells of parts of {rows} rows, and privacy.smallest_group is "
                f"{privacy.smallest_group}: set its min_rows to that or more"
            )
    stored = {column.name for column in columns if column.role in {"id", "feature", "protected"}}
    if privacy.subject is not None and privacy.subject not in stored:
        raise ValueError(f"privacy.subject {privacy.subject} is no column with the role id, protected or feature")


def private_section(profile: "Profile") -> Iterator[str]:
    """Lines of a first pipeline file: what is proposed for the classes that were found in the data."""
    found = sorted({column.privacy for column in profile.columns if column.privacy})
    if not found:
        return
    yield ""
    yield "# Personal data was found, so such columns are not even stored. Where one is needed after all (a mail as"
    yield "# the id), give it another role; then this becomes of its values. Pseudonyms need KEEPFIT_PRIVACY_KEYS"
    yield "privacy:"
    yield "  policies:"
    for kind in found:
        yield f"    {kind}: {flow(DEFAULTS[kind].model_dump(exclude_none=True))}"
    yield "  undeclared: quarantine  # a row with a mail, card, phone, ... where none is declared is refused"
    yield "  max_undeclared_share: 0.05  # a column with more of them refuses the delivery"
