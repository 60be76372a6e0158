"""Probation: after a promotion the champion before it predicts the same rows in silence, for so many windows.

When to look and what a look says; scoring, rolling back and banning are `tasks.probation`'s business.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tasks.core.championship import PROMOTED, reign
from tasks.core.duel import duel
from tasks.core.durations import Duration
from tasks.core.metrics import MetricName
from tasks.core.performance import lack_of_labels
from tasks.core.results import Check, JournalEntry, Verdict, Window

NAME = "probation"


class Probation(BaseModel):
    """For how many windows after its promotion a champion is held against the one before it; 0: not at all.

    `confidence` of all looks together: an equally good champion is taken back in at most half of what is left of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: int = Field(default=0, ge=0, le=52)
    window: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=30)
    confidence: float = Field(default=0.99, gt=0.5, lt=1)
    min_rows: int = Field(default=100, ge=1)
    min_label_share: float = Field(default=0.8, ge=0, le=1)
    estimated: bool = Field(
        default=False,
        description="Whether a window without labels is looked at by estimated scores, too; only an estimator whose "
        "record is good takes a champion back, and each window is then looked at twice.",
    )

    @property
    def confidence_of_a_look(self) -> float:
        """What the confidence of all looks together leaves for one (Bonferroni: Dunn 1961)."""
        return 1 - (1 - self.confidence) / max(self.windows * (2 if self.estimated else 1), 1)


@dataclass(frozen=True)
class Look:
    """The k-th look at a champion beside the one before it: on which window of event time, by which receipt.

    `last`: nobody waits any longer for labels of the window.
    """

    champion: int
    previous: int
    receipt: int
    number: int
    window: Window
    last: bool = False


def under_probation(entries: Sequence[JournalEntry], config: Probation, as_of: datetime) -> tuple[int, datetime] | None:
    """The version that scores in silence and since when; None: no probation, or it has been over for a window.

    A window's last rows are delivered when it is over.
    """
    found = _promotion(entries)
    if found is None or not config.windows or not found[1] <= as_of < found[1] + (config.windows + 1) * config.window:
        return None
    return found[0].previous, found[1]


def due(entries: Sequence[JournalEntry], config: Probation, as_of: datetime, delay: timedelta) -> list[Look]:
    """The looks whose window is over and its labels due (`delay`), and that nobody has taken yet, in order."""
    found = _promotion(entries)
    if found is None:
        return []
    taken = _taken(entries, found[0], estimated=False)
    return [
        replace(look, last=look.window.end + delay + config.window <= as_of)
        for look in _looks(config, *found)
        if look.window.end + delay <= as_of and look.number not in taken
    ]


def unlabelled(entries: Sequence[JournalEntry], config: Probation, as_of: datetime) -> list[Look]:
    """The looks whose window is over and that nobody has taken yet, neither by labels nor by estimates, in order."""
    found = _promotion(entries)
    if found is None or not config.estimated:
        return []
    taken = _taken(entries, found[0], estimated=False) | _taken(entries, found[0], estimated=True)
    return [one for one in _looks(config, *found) if one.window.end <= as_of and one.number not in taken]


def _looks(config: Probation, ours: "_Pair", began: datetime) -> list[Look]:
    edges = [began + number * config.window for number in range(config.windows + 1)]
    return [Look(ours.champion, ours.previous, ours.receipt, number, Window(edges[number - 1], edges[number]))
            for number in range(1, config.windows + 1)]  # fmt: skip


def _taken(entries: Sequence[JournalEntry], ours: "_Pair", *, estimated: bool) -> set[int]:
    return {
        e.decision.evidence["number"] for e in entries
        if e.decision.kind == NAME and e.decision.evidence.get("receipt") == ours.receipt
        and bool(e.decision.evidence.get("estimated")) == estimated
    }  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    champion: int
    previous: int
    receipt: int


def _promotion(entries: Sequence[JournalEntry]) -> tuple[_Pair, datetime] | None:
    """Champion and the one before, and the moment of the promotion; None after a rollback or a first champion."""
    now = reign(entries)
    if now is None or now.previous is None:
        return None
    receipt = next(entry.decision for entry in entries if entry.sequence == now.receipt)
    return (_Pair(now.champion, now.previous, now.receipt), receipt.as_of) if receipt.outcome == PROMOTED else None


def judge_look(  # noqa: PLR0913 - the evidence, by name
    config: Probation,
    *,
    metric: MetricName,
    actual: np.ndarray,
    champion: np.ndarray,
    previous: np.ndarray,
    blocks: np.ndarray,
    label_share: float | None,
    seed: int,
) -> Check:
    """Hold the champion's predictions against the former one's on the same labelled rows, all of shape (rows,).

    Fail: the duel says worse, at a confidence that all looks of the probation share (Bonferroni: Dunn 1961). Pass: it
    says better or equivalent. Unknown: too few rows or labels, or the difference is within the noise; it takes nobody
    back. `numbers["waiting"]`: more labels of the same window may settle it.
    """
    if why := lack_of_labels(label_share, config.min_label_share):
        return Check(NAME, Verdict.UNKNOWN, why, {"waiting": True, "rows": len(actual), "label_share": label_share})
    found = duel(
        actual, previous, champion, blocks, metric=metric, margin=0.0, min_rows=config.min_rows, seed=seed,
        confidence=config.confidence_of_a_look,
    )  # fmt: skip
    numbers = {**asdict(found), "waiting": False, "label_share": label_share}
    reason = numbers.pop("reason")
    verdict = {"worse": Verdict.FAIL, "not enough evidence": Verdict.UNKNOWN}.get(found.answer, Verdict.PASS)
    return Check(NAME, verdict, f"against the champion before: {reason}", numbers)
