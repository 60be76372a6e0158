"""Which values a binary target may have, and what each counts as: a class that nobody declared is no negative one.

What follows for a row or a delivery is decided where rows are judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.core.conversion import FALSE_WORDS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Unknown:
    """What a target holds beyond its classes: rows of undeclared ones, or why the whole delivery cannot be told."""

    rows: dict[str, list[int]] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Classes:
    """The classes of a binary target: the positive one, and the `negatives` where they are declared."""

    positive: str | None = None
    negatives: tuple[str, ...] = ()
    binary: bool = False

    def unknown(self, target: "pd.Series") -> Unknown:
        """Rows (by index label) whose typed target is of no class: rule `class:NAME`.

        Where negatives are not declared, one other value is the negative class and two cannot be: rule `classes`.
        """
        import pandas as pd

        if not self.binary or pd.api.types.is_bool_dtype(target):
            return Unknown()
        numeric = pd.api.types.is_numeric_dtype(target)
        distinct = target.drop_duplicates()
        values = distinct.astype("float64") if numeric else distinct.astype("string")
        if self.positive is None:
            known: Sequence[object] = (1.0, 0.0) if numeric else ()
        else:
            texts = (self.positive, *self.negatives)
            known = [float(text) for text in texts] if numeric else texts
        others = distinct[(values.notna() & ~values.isin(known)).astype(bool)]
        if self.positive is not None and not self.negatives:
            told = (
                f"classes ({len(others)} values of {target.name} beside the positive one; "
                "declare `negatives` or mend them)"
            )
            return Unknown(refusals={"classes": told}) if len(others) > 1 else Unknown()
        broken = target.index[target.isin(others)] if len(others) else ()
        return Unknown({f"class:{target.name}": list(broken)} if len(broken) else {})


def target_values(texts: "pd.Series", positive: str | None) -> "pd.Series":
    """The target as float64: 1 and 0 by `positive`, else the number; NaN where there is none.

    `positive` is compared as the column's own type: "1" is the number 1.0, and "yes" is true.
    """
    import pandas as pd

    if isinstance(texts.dtype, pd.CategoricalDtype):  # what is none has the code -1: the last one
        once = target_values(pd.Series([*texts.cat.categories, None], dtype=object), positive)
        return pd.Series(once.to_numpy()[texts.cat.codes.to_numpy()], texts.index)
    if pd.api.types.is_bool_dtype(texts):
        values = texts.astype("Float64").astype("float64")
        return 1 - values if positive is not None and positive.lower() in FALSE_WORDS else values
    if positive is None:
        return pd.to_numeric(texts, errors="coerce").astype("float64")
    if pd.api.types.is_numeric_dtype(texts):
        matches = texts.astype("float64") == float(positive)
    else:
        matches = texts.astype("string") == positive
    return matches.astype("float64").where(texts.notna())
