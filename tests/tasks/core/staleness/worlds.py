"""Journals of champions, and a world whose slope moves on, in which every score is known beforehand."""

from datetime import UTC, datetime, timedelta

import numpy as np

from tasks.core.journal import chain
from tasks.core.results import Decision, Verdict, Window
from tasks.core.staleness.curve import Answers, instant
from tasks.core.staleness.plan import Rules

START, DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
LENGTH, DELAY = 10 * DAY, 3 * DAY
RULES = Rules(
    metric="mae", window=LENGTH, delay=DELAY, min_rows=50, min_label_share=0.8, margin=0.05, confidence=0.95,
    duel_rows=100, seed=0,
)  # fmt: skip


def journal(*changes):
    """Of (day, version, replaced), a rollback where the third is negative: the version that it took down."""
    found = []
    for day, version, replaced in changes:
        back = replaced is not None and replaced < 0
        kind, outcome = ("rollback", "rolled back") if back else ("promotion", "promoted")
        told = {"version": version, "sha256": f"sha {version}", "replaces": abs(replaced) if replaced else None}
        moment = START + day * DAY
        decision = Decision(f"k{len(found)}", "p", kind, Verdict.PASS, outcome, "so", moment, evidence=told)
        found.append(chain(found[-1] if found else None, decision, moment))
    return found


def answers(first, days, tell, *, per_day=40, unlabelled=0, seed=0, refused=None):
    """The rows of some days, x of each a draw, label and predictions as `tell(x, day, rng)` gives them."""
    rng = np.random.default_rng([seed, int(first)])
    count = int(days * per_day)
    day = first + np.arange(count) / per_day
    times = instant(START) + (day * 86_400_000_000).astype("timedelta64[us]")
    x = rng.normal(size=count)
    actual, predicted = tell(x, day, rng)
    kept = slice(unlabelled, None)
    return Answers(
        Window(START + first * DAY, START + (first + days) * DAY), times, times[kept], actual[kept],
        {version: said[kept] for version, said in predicted.items()}, refused or {},
    )  # fmt: skip
