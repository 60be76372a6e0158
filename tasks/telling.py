"""Tells people of incidents where a stage ends. What cannot be told is told by the run's page, and at the next run.

Nothing here stops a run: its work is done, and an alert that fails must not undo it.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from tasks.adapters.leases import Lease
from tasks.adapters.notifiers import Notifier
from tasks.adapters.pulses import Pulses
from tasks.core import alerting, incidents, markdown
from tasks.core.alerting import Policy
from tasks.core.errors import ArtefactMismatch, KeepfitError
from tasks.core.incidents import Incident
from tasks.core.results import JournalEntry
from tasks.links import run_link
from tasks.reporting import show_page
from tasks.session import Session

_SECONDS = 120
_log = logging.getLogger(__name__)


def known_incidents(session: Session) -> list[Incident]:
    """All incidents of the pipeline, by its journal, by what finished, and by whether the journal is whole.

    Raises ServerUnavailable when the control database does not answer.
    """
    broken = session.journal.verify()
    entries: list[JournalEntry] = []
    with suppress(ArtefactMismatch):  # `broken` tells so
        entries = session.journal.entries()
    finished = Pulses(session.control_url).finished(session.pipeline)
    found = incidents.broken_journal(session.pipeline, broken, session.clock())
    return [*found, *incidents.incidents_of(session.pipeline, entries, finished)]


def tell_incidents(session: Session, policy: Policy, notifiers: Sequence[Notifier]) -> Mapping[str, str]:
    """Send each notifier what it was not sent yet; returns why one could not be sent to, by its kind. Never raises.

    What was sent is written down right after: killed in between, it is sent again. One run at a time tells; another
    one leaves it to that run, or to the next.
    """
    if not notifiers:
        return {}
    try:
        name = f"alerts/{session.pipeline}"
        lease = session.leases.acquire(name, f"{session.run_id}:alerts", _SECONDS)
        if lease is None:
            return {}
        try:
            dead = _tell_all(session, policy, notifiers, lease)
        finally:
            session.leases.release(lease)
    except Exception as error:  # noqa: BLE001 - what ended has ended: no fault in telling changes that
        _log.error("nobody could be told of incidents (%s): %s", type(error).__name__, _why(error))
        return {"alerts": _why(error)}
    if dead:
        _show(session, dead)
    return dead


def _tell_all(session: Session, policy: Policy, notifiers: Sequence[Notifier], lease: Lease) -> dict[str, str]:
    found, now = known_incidents(session), session.clock()
    links = {one.run_id: page for one in found if one.run_id for page in run_link(one.run_id).values()}
    dead: dict[str, str] = {}
    for place, notifier in enumerate(notifiers):
        try:
            _tell_one(session, policy, notifier, f"{place}:{notifier.kind}", (found, links, now), lease)
        except KeepfitError as error:
            _log.error("the notifier %s could not be used: %s", notifier.kind, error)
            dead[f"{notifier.kind} ({place + 1} of {len(notifiers)})"] = str(error)
    return dead


def _tell_one(
    session: Session, policy: Policy, notifier: Notifier, name: str,
    known: tuple[Sequence[Incident], Mapping[str, str], datetime], lease: Lease,
) -> None:  # fmt: skip
    found, links, now = known
    pulses = Pulses(session.control_url)
    for notice in alerting.notices(policy, found, pulses.told(session.pipeline, name), now, links):
        session.leases.check(lease)
        notifier.send(notice)
        pulses.tell(session.pipeline, name, notice.tokens, now)


def _show(session: Session, dead: Mapping[str, str]) -> None:
    lead = f"{len(dead)} of the notifiers could not be used. What they should have told is sent at the next run."
    rows = [(name, why) for name, why in dead.items()]
    page = markdown.page(f"Alerts of {session.pipeline}", lead, [markdown.table(("notifier", "why not"), rows)])
    show_page("alerts", session.pipeline, page)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, KeepfitError) else "the log of this run says where"
