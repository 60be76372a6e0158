"""The section `joins` of a pipeline's file: further sources whose rows are joined to the events by key and time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tasks.adapters.engines import Engine
from tasks.adapters.expectations import Expectation
from tasks.adapters.sources import Source
from tasks.core.batches import Repeats, Suite
from tasks.core.columns import Column
from tasks.core.durations import Duration
from tasks.core.errors import NotFound
from tasks.core.joins import Join as Joining
from tasks.core.joins import Missing
from tasks.core.privacy.protection import Protection
from tasks.core.superseding import Corrections

_KEYS = {"integer", "boolean", "category", "string"}
_LONGEST = timedelta(days=36_525)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Moment(_Section):
    """A column of the joined source that holds a time, and how it is written."""

    name: str = Field(min_length=1, pattern="^[^_]", description="The column's name in the joined source.")
    format: str | None = Field(default=None, description="strptime format, or epoch_seconds, epoch_milliseconds.")
    timezone: str = Field(default="UTC", description="Zone of times that carry no offset.")
    earliest: AwareDatetime | None = Field(default=None, description="A row of an earlier time is quarantined.")
    ahead: Duration | None = Field(
        default=None, description="A row whose time lies further than this after its ingestion is quarantined (1d)."
    )

    @model_validator(mode="after")
    def _is_a_column(self) -> "Moment":
        try:
            self.column("time")
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return self

    def column(self, role: Literal["time", "protected"]) -> Column:
        """The same as a column."""
        said = self.model_dump(exclude_none=True)
        return Column.model_validate({**said, "role": role, "type": "datetime", "required": role != "time"})


class Join(_Section):
    """One further source: each event gets its newest row of the same key that was there, and known, at its time."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,31}$", description="What the columns that it brings name it by.")
    source: Source
    key: dict[str, str] = Field(
        min_length=1, description="Columns of the events, each with the source's column that holds the same value."
    )
    time: Moment = Field(description="When a row became true: an event gets no row of a later time.")
    known_at: Moment | None = Field(
        default=None, description="When a row became known, if later: an event gets no row that was not known yet."
    )
    max_age: Duration | None = Field(default=None, description="An event gets no row that is older than this.")
    missing: Missing = Field(
        default="null",
        description="null: an event without a row has no values in the joined columns. quarantine: it is set aside.",
    )
    max_quarantined_share: float = Field(default=0.3, ge=0, le=1, description="As in validation, of this source.")
    repeats: Repeats = Field(default="as_rows", description="As in validation, of this source.")
    corrections: Corrections = Field(
        default="refuse",
        description="Rows of a key and time that came before. refuse: they are quarantined. by_id: events that come "
        "later get the one that was delivered last. by_name: a delivery takes the place of earlier ones of its name.",
    )
    expectations: tuple[Expectation, ...] = Field(default=(), description="Rules for the rows of this source.")

    def joining(self, columns: Sequence[Column]) -> Joining:
        """The same for the core; `columns` are those of the events."""
        mine = [column for column in _of(self.name, columns) if column.role != "ignore"]
        fields = {column.name: column.joined_from[1] for column in mine if column.joined_from}
        known = () if self.known_at is None else (self.known_at.column("protected"),)
        by_name = {column.name: column for column in columns}
        keys = [_copied(by_name[ours], theirs, role="protected", required=True) for ours, theirs in self.key.items()]
        brought = [_copied(column, fields[column.name], required=False) for column in mine]
        return Joining(
            self.name, self.key, fields, (*keys, self.time.column("time"), *known, *brought),
            self.known_at.name if self.known_at else None, self.max_age, self.missing,
            self.corrections == "by_name", mine,
        )  # fmt: skip

    def suite(self, joining: Joining, protection: Protection, engine: Engine) -> Suite:
        """What the deliveries of this source are held against beyond their columns."""
        names = list(joining.identity())
        once = Expectation(expect="ExpectCompoundColumnsToBeUnique", arguments={"column_list": names})
        return Suite(
            (once, *self.expectations), self.max_quarantined_share, repeats=self.repeats, protection=protection,
            corrections=self.corrections, identity=names, engine=engine,
        )  # fmt: skip


def refuse_unusable_joins(joins: Sequence[Join], columns: Sequence[Column], protection: Protection) -> None:
    """Raise ValueError where joins and columns do not fit together."""
    names = [join.name for join in joins]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the join {twice[0]} is named more than once")
    for column in columns:
        if column.joined_from and column.joined_from[0] not in names:
            told = f"there is no join {column.joined_from[0]}; joins are {', '.join(names) or 'none'}"
            raise ValueError(f"column {column.name}: {told}")
    for join in joins:
        if why := _misfit(join, columns, protection):
            raise ValueError(f"join {join.name}: {why}")


def join_of(joins: Sequence[Join], columns: Sequence[Column], table: str) -> tuple[Join, Joining]:
    """The join whose rows stand in a table, and the same for the core. Raises NotFound where there is none any more."""
    for join in joins:
        if (joining := join.joining(columns)).table == table:
            return join, joining
    raise NotFound(f"The pipeline's file has no join of the table {table} any more; put it back into joins.")


def _misfit(join: Join, columns: Sequence[Column], protection: Protection) -> str:
    if why := next(filter(None, (_unfit_key(name, columns, protection) for name in join.key)), ""):
        return why
    brought = [column.joined_from[1] for column in _of(join.name, columns) if column.joined_from]
    used = [*join.key.values(), join.time.name, *([join.known_at.name] if join.known_at else []), *brought]
    twice = sorted({name for name in used if used.count(name) > 1})
    again = join.source.repeats and join.max_quarantined_share < 1 and join.corrections != "by_id"
    rules = {
        f"no column says `join: {join.name}`, so it brings nothing": not brought,
        f"{', '.join(twice)} is used more than once, as key, time or joined column": bool(twice),
        "source.changes is retake, so rows come again: set corrections to by_id, or max_quarantined_share to 1": again,
        "max_age is longer than a century: leave it out": join.max_age is not None and join.max_age > _LONGEST,
        "earliest and ahead belong to time only": join.known_at is not None
        and bool({"earliest", "ahead"} & join.known_at.model_fields_set),
    }
    return next((why for why, broken in rules.items() if broken), "")


def _unfit_key(name: str, columns: Sequence[Column], protection: Protection) -> str:
    column = next((one for one in columns if one.name == name and one.join is None and one.role != "ignore"), None)
    if column is None:
        return f"key {name} is no column that the pipeline's own source delivers and that is read"
    if column.type not in _KEYS or column.role == "target":
        told = f"key {name} has the role {column.role} and the type {column.type}"
        return f"{told}; a key is an id, a feature or protected, of type {', '.join(sorted(_KEYS))}"
    policy = protection.policy_of(column)
    if policy is not None and policy.kind != "pseudonymise":
        return f"key {name} has the policy {policy.kind}, which makes different keys alike: use pseudonymise"
    return ""


def _of(name: str, columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if column.joined_from and column.joined_from[0] == name]


def _copied(column: Column, name: str, **changes: object) -> Column:
    return column.model_copy(update={"name": name, "join": None, **changes})
