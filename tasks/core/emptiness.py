"""Where a rule had nothing to look at: it passes then, and that says nothing. What follows is decided elsewhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_GLANCE = 1_000  # rows of which mostly one has a value
_ABOUT_NOTHING = ("ExpectColumnToExist", "ExpectColumnValuesToBeNull")  # which hold of a column without values


@dataclass(frozen=True)
class Emptiness:
    """Where there is nothing to look at: rows, or values in these columns (True: which may be)."""

    rows: bool
    columns: dict[str, bool]

    @classmethod
    def of(cls, frame: "pd.DataFrame", may_be: Collection[str]) -> "Emptiness":
        """What is empty in a frame, and which columns `may_be`."""
        return cls(len(frame) == 0, {str(name): name in may_be for name in frame if _is_empty(frame[name])})

    def allowed(self, expect: str, arguments: Mapping[str, Any]) -> bool | None:
        """None: the rule had something to look at; else whether its columns may be empty."""
        if expect.startswith("ExpectTable") or expect in _ABOUT_NOTHING:
            return False if self.rows else None
        named = [arguments.get(key) for key in ("column", "column_A", "column_B")]
        named += arguments.get("column_list", [])
        found = [self.columns[name] for name in named if isinstance(name, str) and name in self.columns]
        if self.rows:
            return bool(found) and all(found)
        return all(found) if found else None


def _is_empty(values: "pd.Series") -> bool:
    return bool(values.iloc[:_GLANCE].isna().all() and values.isna().all())
