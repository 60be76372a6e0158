"""How far a versioned table was taken in, as a watermark that stands in the names of deliveries. Reads no table."""

import math
import re
from typing import NamedTuple

_TOLD = re.compile(r"version (\d+)(?:( whole)? row (\d+))? of (.+)")


class Version(NamedTuple):
    """The table was taken in up to this version, and of a version that is not done up to `row`."""

    number: int
    row: float
    """Rows of the version that were taken; infinite where it is done."""
    whole: bool
    """Whether the whole table is taken as it stood then, or only what the version added to it."""
    table: str
    """The beginning of the table's id: a new table at the same address begins to count anew."""

    @classmethod
    def done(cls, number: int, table: str) -> "Version":
        """This version and all before it were taken in."""
        return cls(number, math.inf, False, table)

    @property
    def is_done(self) -> bool:
        """Whether nothing of this version is left to take."""
        return math.isinf(self.row)

    def __str__(self) -> str:
        part = "" if self.is_done else f"{' whole' if self.whole else ''} row {int(self.row)}"
        return f"version {self.number}{part} of {self.table}"


def version_of(told: str) -> Version | None:
    """What `str` of a version told; None for anything else."""
    found = _TOLD.fullmatch(told)
    if found is None:
        return None
    row = math.inf if found[3] is None else int(found[3])
    return Version(int(found[1]), row, found[2] is not None, found[4])
