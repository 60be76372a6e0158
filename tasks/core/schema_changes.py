"""What is different about the columns of a delivery, in words: new, lost, renamed, widened, narrowed.

Compared with accepted deliveries before it, by names and by what the values are; what follows is decided elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

from tasks.core.printable import printable
from tasks.core.records import read_object

if TYPE_CHECKING:
    import pandas as pd

ChangeKind = Literal["new", "lost", "renamed", "widened", "narrowed"]
_LOOKED_AT = 5_000  # evenly spaced rows
_ENOUGH = 100  # rows before numbers that are all whole say anything
_ALIKE = 0.6
_WORD = 4
_BEFORE = 10  # accepted deliveries that tell what is usual
_NAME = 60
_COMPARED = 200  # letters of a name: likeness takes their square
_WHOLE, _NUMBER = re.compile(r"[+-]?\d+"), re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_WIDTH = {"nothing": 0, "whole numbers": 1, "yes or no": 1, "times": 1, "numbers": 2, "texts": 3}


@dataclass(frozen=True)
class Change:
    """One difference and how it is told."""

    kind: ChangeKind
    words: str


def columns_before(batches: "pd.DataFrame", kind: str = "events") -> list[dict[str, str]]:
    """What the columns of the last accepted deliveries of a kind held, the last one last, from the batches table."""
    if batches.empty or "columns" not in batches:
        return []
    mine = batches[(batches["kind"] == kind) & (batches["accepted"] > 0) & batches["columns"].notna()]
    newest = mine.sort_values("_ingested_at", kind="stable")["columns"].tail(_BEFORE)
    return [found for text in newest if (found := _columns(text))]


def _columns(text: str) -> dict[str, str]:
    """What a delivery's columns held; nothing where the record cannot be read any more."""
    try:
        return {name: str(told) for name, told in read_object(text).items()}
    except ValueError:
        return {}


def describe(frame: "pd.DataFrame", missing: Mapping[str, Sequence[str]] | None = None) -> dict[str, str]:
    """What the values of each column are (nothing, whole numbers, numbers, yes or no, times, texts), from some rows.

    `missing` are the texts that mean no value, by column; elsewhere it is "" alone.
    """
    rows = frame.iloc[:: max(1, -(-len(frame) // _LOOKED_AT))]
    return {str(name): _what(rows[name], (missing or {}).get(str(name), ("",))) for name in frame}


def changes_of(before: Sequence[Mapping[str, str]], now: Mapping[str, str], rows: int) -> list[Change]:
    """What changed since accepted deliveries (`before`, the last one last); nothing where there are none."""
    if not before:
        return []
    known = {name for one in before for name in one}
    lost, new = [n for n in before[-1] if n not in now], [n for n in now if n not in known]
    found = []
    for old in list(lost):
        if name := likely_name(old, new):
            lost.remove(old)
            new.remove(name)
            found.append(Change("renamed", f"column {_shown(old)} is gone and {_shown(name)} came: renamed?"))
    found += [Change("new", f"column {_shown(name)} is new ({now[name]})") for name in new]
    found += [Change("lost", f"column {_shown(name)} is gone") for name in lost]
    for name in (name for name in now if name in known):
        if change := _other_values(name, [one[name] for one in before if one.get(name, "nothing") != "nothing"],
                                   now[name], rows):  # fmt: skip
            found.append(change)
    return found


def differences(frame: "pd.DataFrame", before: Sequence[Mapping[str, str]]) -> str:
    """A sentence of what changed, for a delivery that lacks columns; nothing where its header may be no header."""
    known = {name for one in before for name in one}
    if sum(str(name) in known for name in frame) * 2 <= len(frame.columns):
        return ""
    told = ", ".join(change.words for change in changes_of(before, describe(frame), len(frame)))
    return f" Since the last accepted delivery: {told}." if told else ""


def likely_name(old: str, names: Sequence[str]) -> str | None:
    """The name that is most like another one, written in whatever way; None where none is."""
    ratios = {name: _likeness(_plain(old), _plain(name)) for name in names}
    best = max(ratios, key=lambda name: ratios[name], default=None)
    return best if best is not None and ratios[best] >= _ALIKE else None


def undeclared(now: Mapping[str, str], declared: Sequence[str], before: Sequence[Mapping[str, str]]) -> list[str]:
    """A sentence about the columns that nobody declared, in the first delivery that has one of them; else nothing."""
    names = [name for name in now if name not in declared]
    if not names or any(set(names) <= set(one) for one in before):
        return []
    shown = ", ".join(map(_shown, names[:5])) + (" ..." if len(names) > 5 else "")  # noqa: PLR2004
    return [f"{len(names)} columns came that nobody declared and that are not read: {shown}"]


def _other_values(name: str, was: Sequence[str], now: str, rows: int) -> Change | None:
    if not was or now in {"nothing", *was}:
        return None
    widths = [_WIDTH[one] for one in was]
    if _WIDTH[now] >= max(widths):
        return Change("widened", f"column {_shown(name)} held {was[-1]} and holds {now}")
    if _WIDTH[now] < min(widths) and rows >= _ENOUGH:
        return Change("narrowed", f"column {_shown(name)} held {was[-1]} and holds {now} only")
    return None


def _what(values: "pd.Series", missing: Sequence[str]) -> str:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values):
        return "times" if values.notna().any() else "nothing"
    if pd.api.types.is_bool_dtype(values):
        return "yes or no"
    texts = [str(value).strip() for value in values.dropna().astype(object)]
    texts = [text for text in texts if text not in missing]
    if not texts:
        return "nothing"
    if pd.api.types.is_float_dtype(values):  # a whole number beside a gap is a float in Parquet
        return "whole numbers" if all(float(text).is_integer() for text in texts) else "numbers"
    if all(_WHOLE.fullmatch(text) for text in texts):
        return "whole numbers"
    return "numbers" if all(_NUMBER.fullmatch(text) for text in texts) else "texts"


def _likeness(one: str, other: str) -> float:
    short, long = sorted((one, other), key=len)
    if len(short) >= _WORD and short in long:  # fare, fare_amount
        return 1.0
    return SequenceMatcher(None, one, other).ratio()


def _plain(name: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name)[:_COMPARED].lower())


def _shown(name: str) -> str:
    # Warnings are parted by semicolons.
    return printable(name)[:_NAME].replace(";", ",")
