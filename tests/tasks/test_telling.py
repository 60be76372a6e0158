"""Runs end, and real receivers get one message per incident and one when it is over, whatever fails in between."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from tasks import reporting, telling
from tasks.adapters import orchestrator
from tasks.adapters.notifiers import Mail, Webhook
from tasks.adapters.pulses import Pulses
from tasks.adapters.store import Store
from tasks.core.alerting import Policy
from tasks.core.incidents import incidents_of
from tasks.session import Session
from tests.tasks.adapters.receivers import mailbox, webhook
from tests.tasks.core.troubles import HOUR, START, TROUBLE, decision

POLICY = Policy(at_once=(*Policy().at_once, *Policy().digest), digest=(), cooldown="2h")
BOTH = (Webhook(), Mail())


@pytest.fixture
def web(monkeypatch):
    with webhook() as kept:
        monkeypatch.setenv("KEEPFIT_ALERT_WEBHOOK", f"http://127.0.0.1:{kept.port}/")
        yield kept


@pytest.fixture
def post(monkeypatch):
    with mailbox(monkeypatch, "a@example.org") as kept:
        yield kept


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.setattr(orchestrator, "sign_flow_run", lambda _run: None)
    shown = []
    monkeypatch.setattr(telling, "show_page", lambda *given: shown.append(given[2]))
    return shown


@pytest.fixture
def session(tmp_path, pages):
    return session_in(tmp_path)


def session_in(folder, number=0):
    return Session(Store(str(folder / "store"), "p"), f"sqlite:///{folder}/control.db", START, f"run-{number}",
                   clock=lambda: START + number * HOUR)  # fmt: skip


def record(session, number, what):
    later = replace(session, clock=lambda: START + number * HOUR, run_id=f"run-{number}")
    later.record(decision(what, number))
    return later


@pytest.mark.parametrize("seed", range(3))
def test_each_incident_arrives_once_by_each_way_however_often_the_receivers_fail(session, web, post, seed):
    rng = np.random.default_rng(seed)
    known = [step for pair in TROUBLE.values() for step in pair]
    steps = [known[rng.integers(len(known))] for _ in range(6)]
    for number, what in enumerate(steps):
        now = record(session, number, what)
        web.broken, post.broken = rng.random() < 0.3, rng.random() < 0.3
        for _ in range(2):  # as the cycle and the reconciliation of the same hour
            telling.tell_incidents(now, POLICY, BOTH)
    web.broken = post.broken = False
    end = replace(session, clock=lambda: START + 100 * HOUR, run_id="the end")
    assert telling.tell_incidents(end, POLICY, BOTH) == {}
    assert telling.tell_incidents(end, POLICY, BOTH) == {}
    known = {one.token: one for one in incidents_of("p", end.journal.entries())}
    for got, name in ((web.got, "0:webhook"), ([mail["Subject"] + mail.as_string() for _, mail in post.got], "1:mail")):
        told = Pulses(session.control_url).told("p", name)
        assert len(got) == len(told) > 0
        assert {token for token, one in known.items() if one.resolved is None} <= set(told)
        # What was told and ended was told as over; nothing is over that was not told.
        ends = {token.removesuffix(":over") for token in told if token.endswith(":over")}
        assert ends == {token for token in told if token in known and known[token].resolved is not None}
        assert sum("p: over: " in text.splitlines()[0] for text in got) == len(ends)
    assert max(Counter(web.got).values()) == 1


def test_the_end_of_a_stage_tells_and_a_later_success_tells_that_it_is_over(session, web):
    ending = lambda number: replace(session_like(session, number), at_end=partial(  # noqa: E731
        telling.tell_incidents, policy=POLICY, notifiers=(Webhook(),)))  # fmt: skip
    with pytest.raises(ZeroDivisionError), ending(1).hold("cycle"):
        _ = 1 / 0
    assert [text.splitlines()[0] for text in web.got] == ["*[keepfit] p: cycle failed*"]
    with ending(2).hold("cycle"):
        assert len(web.got) == 1
    assert [text.splitlines()[0] for text in web.got[1:]] == ["*[keepfit] p: over: cycle failed*"]


def session_like(session, number):
    return replace(session, run_id=f"run-{number}", clock=lambda: START + number * HOUR)


def test_a_dead_notifier_stands_on_the_runs_page_stops_nothing_and_is_made_up_for(session, web, post, pages, caplog):
    now = record(session, 0, TROUBLE["broken data"][0])
    web.broken = True
    dead = telling.tell_incidents(now, POLICY, BOTH)
    assert list(dead) == ["webhook (1 of 2)"]
    assert len(post.got) == 1
    assert "answered 500" in pages[0]
    assert "answered 500" in caplog.text
    web.broken = False
    telling.tell_incidents(session_like(session, 1), POLICY, BOTH)
    assert (len(web.got), len(post.got), len(pages)) == (1, 1, 1)


def test_killed_after_sending_it_is_sent_again_and_killed_before_it_is_not_lost(session, web, monkeypatch):
    now = record(session, 0, TROUBLE["broken data"][0])

    class Killed(BaseException):
        """As a signal would."""

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Webhook, "send", die)
        with pytest.raises(Killed):
            telling.tell_incidents(now, POLICY, (Webhook(),))
    assert web.got == []
    with monkeypatch.context() as patch:
        patch.setattr(Pulses, "tell", die)
        with pytest.raises(Killed):
            telling.tell_incidents(now, POLICY, (Webhook(),))
    assert len(web.got) == 1
    for _ in range(3):
        telling.tell_incidents(now, POLICY, (Webhook(),))
    assert len(web.got) == 2


def test_runs_that_end_together_tell_once(session, web):
    now = record(session, 0, TROUBLE["broken data"][0])
    runs = [replace(now, run_id=f"together-{number}") for number in range(6)]
    threads = [threading.Thread(target=telling.tell_incidents, args=(run, POLICY, (Webhook(),))) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    telling.tell_incidents(now, POLICY, (Webhook(),))
    assert len(web.got) == 1


def test_a_journal_that_was_changed_is_told_and_is_still_no_error(session, web, tmp_path):
    for number in range(2):
        record(session, number, ("monitoring", "quiet", {}))
    for file in sorted((tmp_path / "store" / "p" / "decisions").glob("*.parquet"))[:1]:
        file.unlink()
    dead = telling.tell_incidents(session_like(session, 3), POLICY, (Webhook(),))
    assert len(web.got) + len(dead) >= 1


def test_a_fault_in_telling_is_told_and_ends_no_run_in_an_error(session, monkeypatch, caplog):
    monkeypatch.setattr(telling, "known_incidents", lambda _: 1 / 0)
    now = replace(session, at_end=partial(telling.tell_incidents, policy=POLICY, notifiers=(Webhook(),)))
    with now.hold("cycle"):
        pass
    assert "nobody could be told of incidents (ZeroDivisionError)" in caplog.text


def test_nobody_to_tell_costs_nothing(session, monkeypatch):
    monkeypatch.setattr(telling, "known_incidents", lambda _: pytest.fail("it was read in vain"))
    assert telling.tell_incidents(session, POLICY, ()) == {}


def test_what_finished_is_known_by_stage(session):
    with session_like(session, 1).hold("cycle"):
        pass
    with session_like(session, 2).hold("cycle"):
        pass
    with pytest.raises(ZeroDivisionError), session_like(session, 3).hold("scoring"):
        _ = 1 / 0
    assert Pulses(session.control_url).finished("p") == {"cycle": START + timedelta(hours=2)}


def test_show_page_is_the_runs_own(monkeypatch):
    assert telling.show_page is reporting.show_page
