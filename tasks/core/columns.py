"""Columns of an event table: roles, types, and the exact conversion of text into typed values by the declared schema.

A value that is not what its column declares becomes a fault with a rule name; it is never guessed, rounded or dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.core import repeated_cells, whole_columns
from tasks.core.cells import Cells, in_arrow, lacking
from tasks.core.conversion import CONVERTERS, hides
from tasks.core.durations import Duration
from tasks.core.privacy.classes import PersonalClass
from tasks.core.words import words_of

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["feature", "target", "time", "id", "protected", "ignore"]
ColumnType = Literal["integer", "number", "boolean", "category", "string", "datetime"]
RESERVED_PREFIX = "_"


class Column(BaseModel):
    """One column of a delivery: what it is called, what it may be used for, and how its text is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="The column's name in the delivery, to the letter.")
    role: Role = Field(description="What the column may be used for.")
    type: ColumnType = Field(description="How its text is converted; what does not convert is quarantined.")
    privacy: PersonalClass | None = Field(
        default=None, description="Which class of personal data it holds; the section privacy says what becomes of it."
    )
    required: bool = Field(default=False, description="A missing value is quarantined.")
    optional: bool = Field(
        default=False, description="A delivery may lack the column, or any value in it; its values are missing then."
    )
    missing: tuple[str, ...] = Field(default=("",), description="The texts that mean: no value.")
    decimal: Literal[".", ","] = Field(default=".", description="The decimal sign of a number's text.")
    format: str | None = Field(default=None, description="strptime format, or epoch_seconds, epoch_milliseconds.")
    timezone: str = Field(default="UTC", description="Zone of datetimes that carry no offset.")
    join: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9_]*(\.[^_].*)?$",
        description="The join that brings the column: its name, or NAME.COLUMN where its source calls it otherwise.",
    )
    hours_from: str | None = Field(default=None, description="A column whose whole hours are added to this day.")
    earliest: AwareDatetime = Field(
        default=datetime(1971, 1, 1, tzinfo=UTC),
        description="An event before this is quarantined: a zero, or a count in the wrong unit, is no time.",
    )
    ahead: Duration = Field(
        default="1d",
        validate_default=True,
        description="An event that lies further than this after its ingestion is quarantined.",
    )

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name.startswith(RESERVED_PREFIX):
            raise ValueError("names that begin with an underscore are Keepfit's own; rename the column in the source")
        return name

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError) as error:
            raise ValueError("use a name of the IANA time zone database, for example Europe/Berlin") from error
        return zone

    @model_validator(mode="after")
    def _time_is_datetime(self) -> "Column":
        if self.role == "time" and self.type != "datetime":
            raise ValueError("the time column has to be of type datetime")
        if self.role == "feature" and self.type == "datetime":
            raise ValueError("a datetime is no feature; use role time and `calendar`, or role ignore")
        if self.hours_from and self.role != "time":
            raise ValueError("hours_from belongs to the time column only")
        if self.role != "time" and {"earliest", "ahead"} & self.model_fields_set:
            raise ValueError("earliest and ahead belong to the time column only")
        if self.decimal != "." and self.type != "number":
            raise ValueError("decimal belongs to columns of type number only")
        if self.optional and (self.required or self.role in {"time", "id", "target"}):
            raise ValueError(f"a column that is required, or of role {self.role}, cannot be optional")
        if self.join is not None and self.role in {"time", "id", "target"}:
            raise ValueError(f"a joined column cannot have the role {self.role}: use feature, protected or ignore")
        return self

    @property
    def joined_from(self) -> tuple[str, str] | None:
        """The join that brings the column, and what its source calls it; None for one of the delivery itself."""
        if self.join is None:
            return None
        name, _, field = self.join.partition(".")
        return name, field or self.name


@dataclass(frozen=True)
class Converted:
    """Typed columns (row order and index of the text) and, per rule, the index labels of the rows that break it."""

    frame: "pd.DataFrame"
    faults: dict[str, list[int]]


def delivered(columns: Sequence[Column]) -> list[Column]:
    """The columns that a delivery itself brings; the others are joined to it."""
    return [column for column in columns if column.join is None]


def convert(text: "pd.DataFrame", columns: Sequence[Column]) -> Converted:
    """Convert a frame of texts (or of values already typed, as Parquet gives them) by the declared columns.

    Rules: `type:NAME` (not of its type), `characters:NAME` (a text with signs that nobody sees), `short:NAME` (the row
    ends before this field) and `required:NAME`; an id is always required, because rows without one could not be told
    apart.

    Args:
        text: one row per delivered row with a unique index; NaN in a text column marks a field that was not there.
        columns: the declared columns; ignored ones are left out of the result.
    """
    import pandas as pd

    typed: dict[str, pd.Series] = {}
    faults: dict[str, list[int]] = {}
    for column in (column for column in columns if column.role != "ignore"):
        raw = text[column.name] if column.name in text else pd.Series([None] * len(text), text.index, object)
        cells = _read(raw, _as_it_came(column, raw))
        rules = {"type": cells.broken, "characters": cells.hidden, "short": cells.short}
        if column.required or column.role == "id":
            rules["required"] = cells.absent & ~cells.short
        faults |= {f"{rule}:{column.name}": list(text.index[broken]) for rule, broken in rules.items() if broken.any()}
        typed[column.name] = cells.read
    return Converted(pd.DataFrame(typed, index=text.index, copy=False), faults)


def texts_of(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Every value as the text that `convert` reads it as; what is missing is "". Whatever types the columns have."""
    return frame.apply(lambda column: words_of(column).fillna(""))


def _read(raw: "pd.Series", column: Column) -> Cells:
    import pandas as pd

    for whole in (whole_columns.numbers, whole_columns.truths, whole_columns.times):
        if (cells := whole(raw, column)) is not None:
            return cells
    if isinstance(raw.dtype, pd.CategoricalDtype):  # a missing one is a null of Parquet, not a field that lacks
        if (cells := repeated_cells.categories(raw, column, partial(_cell_by_cell, column=column))) is not None:
            return cells
        raw = raw.astype(object).where(raw.notna(), None)
    cells = in_arrow(raw)
    return (
        repeated_cells.repeated(raw, cells, partial(_cell_by_cell, column=column))
        or whole_columns.plain_texts(raw, column, cells)
        or _cell_by_cell(raw, column)
    )


def _cell_by_cell(raw: "pd.Series", column: Column) -> Cells:
    words = words_of(raw)  # a number or a truth value of Parquet reads the same as its text
    absent = words.isna() | words.isin(column.missing)
    hidden = absent & False
    if column.type in {"category", "string"}:
        looked_at = words[~whole_columns.plain(words)]
        hidden = hidden.where(~hidden.index.isin(looked_at.index[looked_at.map(hides).astype(bool)]), True)
    values = CONVERTERS[column.type](words.where(~absent & ~hidden), column)
    return Cells(values, values.isna() & ~absent & ~hidden, absent, hidden, lacking(raw))


def _as_it_came(column: Column, raw: "pd.Series") -> Column:
    # Dates that Parquet holds as such are read as such; the declared format is for texts.
    # Numbers that Parquet holds as such have a point as their text, whatever sign is declared for texts.
    changed: dict[str, str | None] = {"format": None} if column.format and _dated(raw) else {}
    changed |= {} if raw.dtype == object else {"decimal": "."}
    return column.model_copy(update=changed) if changed else column


def _dated(raw: "pd.Series") -> bool:
    import pandas as pd

    if raw.dtype == object and pd.api.types.infer_dtype(raw, skipna=True) == "string":
        return False
    return bool(raw.map(lambda value: hasattr(value, "isoformat") or value is None).all())
