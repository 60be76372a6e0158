"""Fault points: the named places where tests kill, stop or terminate this very process. Names stand here once.

Nothing happens unless KEEPFIT_FAULT is set, and nothing but a signal to the own process ever does.
"""

import os
import signal
from collections import Counter
from threading import Lock

from tasks.core.errors import ConfigInvalid

FAULT_POINTS: tuple[str, ...] = (
    "ingestion.raw_kept",
    "ingestion.validated",
    "ingestion.staged",
    "ingestion.published.labels",
    "ingestion.published.quarantine",
    "ingestion.published.events",
    "ingestion.published.batches",
    "ingestion.published",
    "ingestion.journaled",
    "training.started",
    "training.trial_done",
    "training.fitted",
    "training.logged",
    "training.registered",
    "training.journaled",
    "promotion.judged",
    "promotion.journaled",
    "promotion.previous_set",
    "promotion.champion_set",
    "scoring.predicted",
    "scoring.published",
    "scoring.journaled",
    "scoring.delivered",
    "monitoring.measured",
    "monitoring.reported",
    "monitoring.decided",
    "monitoring.triggered",
    "monitoring.journaled",
)

ERASURE_POINTS: tuple[str, ...] = (
    "erasure.planned",
    "erasure.accounted",
    "erasure.rewritten",
    "erasure.redacted",
    "erasure.proven",
    "erasure.journaled",
)
"""Apart from the loop's: an erasure is started by a person, who is told to start it again."""

JOIN_POINTS: tuple[str, ...] = ("ingestion.published.joined",)
"""Passed by pipelines that join further sources."""

_EVERY = (*FAULT_POINTS, *ERASURE_POINTS, *JOIN_POINTS)
_SIGNALS = {"KILL": signal.SIGKILL, "TERM": signal.SIGTERM, "STOP": signal.SIGSTOP}
_passages: Counter[str] = Counter()
_lock = Lock()


def fault_point(name: str) -> None:
    """Mark a place between two steps; when it is armed, send a signal to this process.

    Armed by `KEEPFIT_FAULT="<name>[:n]"`: the n-th passage (default: the first) sends KEEPFIT_FAULT_SIGNAL (KILL by
    default; TERM, STOP).

    Raises ConfigInvalid for a name that is not in FAULT_POINTS and for a KEEPFIT_FAULT that names no such point.
    """
    _known(name)
    armed = os.environ.get("KEEPFIT_FAULT")
    if not armed:
        return
    target, passage = _armed(armed)
    if name != target:
        return
    with _lock:
        _passages[name] += 1
        due = _passages[name] == passage
    if due:
        os.kill(os.getpid(), _signal())


def _armed(text: str) -> tuple[str, int]:
    name, _, passage = text.partition(":")
    _known(name)
    if passage and (not passage.isdecimal() or int(passage) < 1):
        raise ConfigInvalid(f"KEEPFIT_FAULT={text!r}: the part after the colon is a passage, 1 or more.")
    return name, int(passage or 1)


def _signal() -> signal.Signals:
    name = os.environ.get("KEEPFIT_FAULT_SIGNAL", "KILL")
    if name not in _SIGNALS:
        raise ConfigInvalid(f"KEEPFIT_FAULT_SIGNAL={name!r} is unknown; allowed are {', '.join(_SIGNALS)}.")
    return _SIGNALS[name]


def _known(name: str) -> None:
    if name not in _EVERY:
        raise ConfigInvalid(
            f"{name!r} is no fault point; allowed are {', '.join(_EVERY)}. Add it to tasks/adapters/faults.py."
        )
