"""What an erasure has to remove, written down before anything is touched, and how a person's traces are recognised.

The plan may name the person: it lies in the private store until the erasure is over, and nowhere else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from tasks.core.batches import row_id_of
from tasks.core.privacy.classes import PersonalClass
from tasks.core.privacy.keys import Keys, canonical

if TYPE_CHECKING:
    import pandas as pd

SHORT = 6
"""Names with fewer signs stand in any file by chance; they are looked for as whole values of columns only."""
# Of a row with an id, or of an answer: where a pipeline has no id column, that is what a row is called.
_ROW_ID = re.compile(rb"(?<![0-9A-Za-z])(?:[0-9a-f]{24}|[0-9a-f]{32})(?![0-9A-Za-z])")


def digest_of(subject: str, keys: Keys, key: str | None = None) -> str:
    """What an erasure is called where nobody may read whom it was about."""
    return keys.pseudonym(subject.strip(), "erasure", key)


@dataclass(frozen=True)
class Traces:
    """What a person is called in a store: the value itself, its pseudonyms, the ids of the rows."""

    names: tuple[str, ...]
    row_ids: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()
    kind: PersonalClass | None = None

    @classmethod
    def of(
        cls, subject: str, kind: PersonalClass | None, keys: Keys, columns: tuple[str, ...], *, is_id: bool
    ) -> "Traces":
        """All names that any key gives; `is_id` says that row ids are made of the value of `columns` alone."""
        value = subject.strip()
        plain = {value, canonical(value, kind)} if kind else {value}
        stored = {keys.pseudonym(canonical(value, kind), kind, key) for key in keys.ids} if kind else set()
        ids = {row_id_of(name) for name in plain | stored} if is_id else set()
        return cls(tuple(sorted(plain | stored)), frozenset(ids), columns, kind)

    def mentioned(self, text: str, column: str) -> bool:
        """Whether a cell is one of the names, in a column that says who a row is about, or speaks of one anywhere."""
        if column in self.columns and (canonical(text, self.kind) if self.kind else text.strip()) in self.names:
            return True
        return bool(self._long and self._long.search(text.encode("utf-8", "replace")))

    def found_in(self, content: bytes) -> bool:
        """Whether some bytes hold a name of six signs or more, or the id of a row."""
        if self._long and self._long.search(content):
            return True
        return bool(self.row_ids) and any(m.group().decode() in self.row_ids for m in _ROW_ID.finditer(content))

    @cached_property
    def _long(self) -> re.Pattern[bytes] | None:
        long = sorted((name for name in self.names if len(name) >= SHORT), key=len, reverse=True)
        joined = b"|".join(re.escape(name.encode()) for name in long)
        # Mails are written in any case; a longer word or number that only contains a name is another one.
        return re.compile(rb"(?<![0-9A-Za-z])(?:" + joined + rb")(?![0-9A-Za-z])", re.IGNORECASE) if long else None


@dataclass(frozen=True)
class Plan:
    """The steps of one erasure; carrying it out twice changes nothing.

    `raw` are the rows of each kept delivery by its SHA-256 (none: the whole of it, because it cannot be read by rows);
    `erased` counts rows by (batch, table); `snapshots` tells for each model version the digest of its training rows
    before and after, and how many are gone.
    """

    digest: str
    number: int
    names: tuple[str, ...]
    row_ids: tuple[str, ...]
    columns: tuple[str, ...]
    kind: PersonalClass | None
    raw: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    erased: tuple[tuple[str, str, int], ...] = ()
    rejected: tuple[tuple[str, int], ...] = ()
    snapshots: tuple[tuple[int, str, str, int], ...] = ()

    @property
    def traces(self) -> Traces:
        """What has to be gone afterwards."""
        return Traces(self.names, frozenset(self.row_ids), self.columns, self.kind)

    @property
    def is_empty(self) -> bool:
        """Whether the store holds nothing of the person."""
        return not (self.raw or self.erased or self.snapshots)

    @property
    def versions(self) -> list[int]:
        """The model versions whose training rows held some of the person's."""
        return [version for version, *_ in self.snapshots]

    def rows(self) -> dict[str, int]:
        """Erased rows by table."""
        told: dict[str, int] = {}
        for _, table, count in self.erased:
            told[table] = told.get(table, 0) + count
        return told

    def and_since(self, later: "Plan") -> "Plan":
        """This plan, of a run that was cut off, with what came since; what this one counted stays as it counted it."""
        counted = {one[:2] for one in self.erased}
        return replace(
            self,
            names=tuple(sorted({*self.names, *later.names})),
            row_ids=tuple(sorted({*self.row_ids, *later.row_ids})),
            raw={**later.raw, **self.raw},
            erased=(*self.erased, *(one for one in later.erased if one[:2] not in counted)),
            rejected=tuple(sorted({*self.rejected, *later.rejected})),
            snapshots=(*self.snapshots, *(one for one in later.snapshots if one[0] not in self.versions)),
        )

    def as_text(self) -> str:
        """JSON that `read` takes."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str | bytes) -> "Plan":
        """The plan that was written. Raises ValueError where it is damaged."""
        return _PLAN.validate_json(text)


_PLAN = TypeAdapter(Plan)


def follow(digest: str, renewed: Mapping[str, str]) -> list[str]:
    """Every digest that the rows of a snapshot have had since: erasures took rows out of it, one after the other."""
    found = [digest]
    while (after := renewed.get(found[-1])) is not None and after not in found:
        found.append(after)
    return found


def settle(counts: "Mapping[str, pd.Series]", erased: "pd.DataFrame") -> "dict[str, pd.Series]":
    """Rows by batch of each table as they were published: those that stand, and those that erasures removed.

    Args:
        counts: table -> rows by batch id.
        erased: `name` (batch id), `part` (table) and `rows`.
    """
    told = {}
    for table, standing in counts.items():
        gone = erased[erased["part"] == table].groupby("name")["rows"].sum()
        told[table] = standing.add(gone, fill_value=0).astype("int64")
    return told
