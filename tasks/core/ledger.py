"""The holdout ledger: how often evaluation rows have decided, and what is left for deciding on them once more.

Counts by the journal and spends the error rate. What a gate does with rows that are spent is the gate's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.results import Decision, JournalEntry, Window

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RowSet:
    """Which rows decided: the event times that they span, how many they are, and the SHA-256 of their ids."""

    window: Window
    rows: int
    digest: str


@dataclass(frozen=True)
class Look:
    """A comparison that was made: candidate and champion by version, the window of the rows that decided, the question.

    `question` names what was asked about them (`gates.question_of`), `digest` the rows (`RowSet`); "" where nobody
    wrote that down.
    """

    version: int
    replaces: int | None
    window: Window
    question: str = ""
    digest: str = ""


def row_set(frame: "pd.DataFrame") -> RowSet | None:
    """The set that the rows of a frame with `_row_id` and `_event_time` make, in any order; None without rows."""
    if frame.empty:
        return None
    import pandas as pd

    times = pd.to_datetime(frame[EVENT_TIME], utc=True)
    window = Window(times.min().to_pydatetime(), (times.max() + pd.Timedelta(microseconds=1)).to_pydatetime())
    return RowSet(window, len(frame), sha256("\n".join(sorted(map(str, frame[ROW_ID]))).encode()).hexdigest())


def looks_of(entries: Sequence[JournalEntry]) -> tuple[Look, ...]:
    """The comparisons behind the promotions and refusals among the entries, each once, however often it was repeated.

    The same question about the same two contestants on the same rows gives the same answer. Another metric, margin or
    seed is another question, and other rows may answer otherwise. A judgement that never came to a difference has not
    looked.
    """
    decided = [entry.decision for entry in entries if entry.decision.kind == "promotion"]
    found = [
        Look(
            int(one.evidence["version"]),
            one.evidence.get("replaces"),
            one.window,
            str(one.evidence.get("question", "")),
            str((one.evidence.get("rows") or {}).get("digest", "")),
        )
        for one in decided
        if one.window is not None and _compared(one)
    ]
    return tuple(dict.fromkeys(found))


def times_looked(
    frame: "pd.DataFrame", looks: Sequence[Look], *, version: int, replaces: int | None, question: str = ""
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """How many comparisons other than the given one each row of the frame counts as decided, shape (rows,).

    Counted by event time: a row that was not in the set, and lies in its window, is counted too, never the reverse.
    An earlier look at the same two contestants counts for all rows, the new ones too: who looks again whenever rows
    have come in, until chance agrees, has to pay for each look (Armitage, McPherson & Rowe 1969).
    """
    import pandas as pd

    here = row_set(frame)
    if here is None:
        return np.zeros(0, dtype="int64")
    times = pd.to_datetime(frame[EVENT_TIME], utc=True)
    counts = np.zeros(len(frame), dtype="int64")
    for look in looks:
        pair = (look.version, look.replaces) == (version, replaces)
        if pair and (look.question, look.digest) == (question, here.digest):
            continue
        counts += pair or ((times >= look.window.start) & (times < look.window.end)).to_numpy("int64")
    return counts


def confidence_at(confidence: float, look: int) -> float:
    """The confidence of the two-sided interval at the k-th look at rows, so that all looks together err as stated.

    The k-th look may err with probability (1 - confidence) / (k (k + 1)) on the side that promotes: half of the stated
    rate for the first one, which is the usual interval, and never more than all of it together (1/2 + 1/6 + 1/12 + ...
    = 1). Bonferroni's inequality with unequal weights (Dunn 1961). It holds for candidates that were chosen after the
    earlier answers, too, as long as these were refusals: there is one sequence of refusals only, so nothing was learnt
    (Blum & Hardt 2015, the argument behind the Ladder). Scores that are shown tell more: hence the limit on looks.
    """
    return 1 - 2 * (1 - confidence) / (look * (look + 1))


def _compared(decision: Decision) -> bool:
    return any(gate.get("numbers", {}).get("difference") is not None for gate in decision.evidence.get("gates", ()))
