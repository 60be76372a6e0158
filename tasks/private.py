"""Between reading a delivery and storing it: personal values are found, and made what the pipeline's file says."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tasks.adapters import personal
from tasks.core.columns import Column
from tasks.core.privacy.protection import Found, Protection, judge_found
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd


def look(typed: "pd.DataFrame", columns: Sequence[Column], protection: Protection) -> Found:
    """What is personal in columns of which nothing of the kind was declared, and what the pipeline's file refuses."""
    found = judge_found(protection, personal.hits(typed, protection.watched(columns)), len(typed))
    return Found(found.rows, {**found.refusals, **protection.refusals(typed, columns)})


def protect(
    session: Session,
    typed: "pd.DataFrame",
    columns: Sequence[Column],
    protection: Protection,
    accepted: "Callable[[pd.DataFrame], pd.Series]",
) -> "pd.DataFrame":
    """The rows as they may be stored.

    A person who was named with an older key keeps that name: `accepted` tells of rows so named whether they stand in
    the tables, so that labels find their events and nothing is taken in twice after the keys have changed.
    """
    frame = protection.protect(typed, columns, session.keys)
    for key in older_keys(session, columns, protection):
        older = protection.protect(typed, columns, session.keys, key)
        before = accepted(older) & ~accepted(frame)
        frame = frame.where(~before, older) if before.any() else frame
    return frame


def older_keys(session: Session, columns: Sequence[Column], protection: Protection) -> Sequence[str]:
    """The ids of keys by which people in these columns may be known still; which ones are, the tables tell."""
    return session.keys.ids[1:] if protection.names(columns) else ()
