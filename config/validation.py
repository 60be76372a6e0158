"""The section `validation` of a pipeline's file: when a delivery is refused whole, set aside in part, or only told."""

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters.engines import Engine, PandasEngine
from tasks.adapters.expectations import Expectation
from tasks.core.batches import Repeats
from tasks.core.columns import Column
from tasks.core.schema_changes import ChangeKind
from tasks.core.sentinel.policy import Policy
from tasks.core.superseding import Corrections


class Validation(BaseModel):
    """When a batch is refused whole, and the rules beyond those that always stand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_quarantined_share: float = Field(
        default=0.3, ge=0, le=1, description="A batch with a larger share of refused rows is refused whole."
    )
    repeats: Repeats = Field(
        default="as_rows",
        description="as_rows: a row that repeats an earlier one of its delivery to the letter is a row as any other, "
        "and where there is an id all rows of it are quarantined. set_aside: the first one counts, the others are "
        "quarantined (row:repeated) and do not count for max_quarantined_share.",
    )
    corrections: Corrections = Field(
        default="refuse",
        description="refuse: a row whose id was accepted before is quarantined. by_name: a delivery of the name of an "
        "earlier one, with other content, takes the place of all of its rows. by_id: a row whose id was accepted "
        "before takes the place of that row.",
    )
    refuse_changes: tuple[ChangeKind, ...] = Field(
        default=(),
        description="Which changes of the columns since the last accepted deliveries (new, lost, renamed, widened, "
        "narrowed) refuse a delivery whole; the others are accepted and told.",
    )
    expectations: tuple[Expectation, ...] = ()
    engine: Engine = Field(
        default_factory=PandasEngine,
        description="What evaluates the expectations: pandas, in the process of the run, or spark, which keeps what "
        "it has no memory for on its disks.",
    )
    sentinel: Policy = Field(
        default="warn",
        description="warn: a delivery that looks broken beside accepted ones (another unit, columns swapped, rows "
        "sent again, ...) is accepted, and the journal and the page say what was found. refuse: it is refused whole.",
    )


def refuse_uncorrectable(columns: tuple[Column, ...], validation: Validation) -> None:
    """Raise ValueError where rows are to take the place of others by an id that there is not."""
    if validation.corrections == "by_id" and not any(column.role == "id" for column in columns):
        raise ValueError("validation.corrections is by_id, so a column with the role id is needed")


def refuse_uncounted_repeats(columns: tuple[Column, ...], validation: Validation) -> None:
    """Raise ValueError where rows come again and nothing tells them, or where they would refuse their delivery."""
    if validation.corrections == "by_id":
        return  # they take the place of what they repeat
    if not any(column.role == "id" for column in columns):
        raise ValueError("source.changes is retake, so rows come again: a column with the role id has to tell them")
    if validation.max_quarantined_share < 1:
        why = "source.changes is retake, so rows come again and are quarantined as accepted already"
        raise ValueError(f"{why}: set validation.max_quarantined_share to 1 ({validation.max_quarantined_share:g} now)")
