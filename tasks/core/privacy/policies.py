"""What becomes of a personal value before it is stored: one kind each, applied to a typed column."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.core.columns import Column
from tasks.core.privacy.classes import PersonalClass
from tasks.core.privacy.keys import Keys, canonical

if TYPE_CHECKING:
    import pandas as pd

OTHER = "(other)"


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def misfit(self, column: Column) -> str:
        """Why the policy cannot be applied to a column; empty where it can."""
        raise NotImplementedError

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """The values as they may be stored; `key` names the key of pseudonyms, the current one where it is None."""
        raise NotImplementedError


class Refuse(_Policy):
    """A delivery that holds any such value is refused whole."""

    kind: Literal["refuse"] = "refuse"

    def misfit(self, column: Column) -> str:
        """It fits features that are optional and protected columns, which may be empty."""
        if column.role == "feature" and not column.optional:
            return "no delivery would ever be accepted, with values or without: give the column `optional: true`"
        fits = column.role in {"feature", "protected", "ignore"}
        return "" if fits else f"a column with the role {column.role} always has values"

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """Nothing: the delivery is refused before."""
        return values.where(values.isna())


class Drop(_Policy):
    """Such values are never stored: the column has the role ignore."""

    kind: Literal["drop"] = "drop"

    def misfit(self, column: Column) -> str:
        """It fits columns that are not read."""
        return "" if column.role == "ignore" else "what is dropped cannot be used: give the column the role ignore"

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """Nothing is left."""
        return values.where(values.isna())


class Pseudonymise(_Policy):
    """A keyed HMAC-SHA256 stands for the value: equal values stay equal, and nobody reads them without the key."""

    kind: Literal["pseudonymise"] = "pseudonymise"

    def misfit(self, column: Column) -> str:
        """It fits texts."""
        fits = column.type in {"string", "category"} or column.role == "ignore"
        return "" if fits else f"a pseudonym is a text: give the column the type string (it has {column.type})"

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """Each text's pseudonym."""
        names = {v: keys.pseudonym(canonical(str(v), kind), kind, key) for v in values.dropna().unique()}
        return values.astype(object).map(names).astype(object)


class Dates(_Policy):
    """Dates are known to the month or the year only."""

    kind: Literal["dates"] = "dates"
    to: Literal["month", "year"] = "month"

    def misfit(self, column: Column) -> str:
        """It fits datetimes that are not the event's time."""
        fits = column.role == "ignore" or (column.type == "datetime" and column.role != "time")
        return "" if fits else "it belongs to a column of type datetime that is not the event's time"

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """The first moment (UTC) of each date's month or year."""
        import pandas as pd

        month = values.dt.month if self.to == "month" else 1
        parts = pd.DataFrame({"year": values.dt.year, "month": month, "day": 1}, index=values.index)
        return pd.to_datetime(parts, utc=True, errors="coerce").astype(values.dtype)


class Bands(_Policy):
    """Numbers are known to a band only: its lower bound stands for each; `top` closes the highest."""

    kind: Literal["bands"] = "bands"
    width: float = Field(default=10.0, gt=0)
    top: float | None = Field(default=None, description="Whatever is larger counts as this: a maximum is one person's.")

    def misfit(self, column: Column) -> str:
        """It fits numbers."""
        fits = column.type in {"integer", "number"} or column.role == "ignore"
        return "" if fits else f"bands belong to numbers (the column's type is {column.type})"

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """The lower bound of each number's band, in the column's own type."""
        capped = values if self.top is None else values.clip(upper=self.top)
        return ((capped // self.width) * self.width).astype(values.dtype)


class Prefix(_Policy):
    """Codes are known by their first letters or digits only: a postcode's area."""

    kind: Literal["prefix"] = "prefix"
    letters: int = Field(default=2, ge=1, le=20)

    def misfit(self, column: Column) -> str:
        """It fits texts."""
        fits = column.type in {"string", "category"} or column.role == "ignore"
        return "" if fits else f"a prefix belongs to texts (the column's type is {column.type})"

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """The beginning of each text."""
        return values.astype(object).map(lambda text: text[: self.letters], na_action="ignore")


class Common(_Policy):
    """Only values that enough rows of their delivery share are kept; the others become "(other)": k-anonymity."""

    kind: Literal["common"] = "common"
    at_least: int = Field(default=10, ge=2)

    def misfit(self, column: Column) -> str:
        """It fits texts that identify nothing."""
        fits = column.role == "ignore" or (column.type in {"string", "category"} and column.role != "id")
        return "" if fits else "it belongs to texts that are no id"

    def protect(self, values: "pd.Series", kind: PersonalClass, keys: Keys, key: str | None) -> "pd.Series":
        """The common texts, and "(other)"."""
        counts = values.map(values.value_counts())
        return values.where(values.isna() | (counts >= self.at_least), OTHER)


Policy = Annotated[Refuse | Drop | Pseudonymise | Dates | Bands | Prefix | Common, Field(discriminator="kind")]
DEFAULTS: Mapping[PersonalClass, Policy] = {
    "mail": Pseudonymise(), "phone": Pseudonymise(), "iban": Pseudonymise(), "card": Pseudonymise(),
    "national_id": Pseudonymise(), "name": Drop(), "address": Drop(), "free_text": Drop(), "birth_date": Dates(),
    "age": Bands(), "place": Common(), "category": Common(), "amount": Bands(width=100.0), "other": Drop(),
}  # fmt: skip
