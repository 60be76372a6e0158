"""A stage that fails says so: an alert, one `unknown` in the journal, the first error, and no cell value."""

import logging
import time
from datetime import UTC, datetime
from unittest import mock

import pytest

from tasks.adapters import orchestrator, tracking
from tasks.adapters.journal import Journal
from tasks.adapters.store import Store
from tasks.core.errors import LeaseLost, NoChampion, ServerUnavailable, StoreConflict
from tasks.core.results import Verdict
from tasks.session import Session


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setattr(orchestrator, "sign_flow_run", lambda _run: None)
    return Session(
        Store(str(tmp_path / "store"), "p"),
        f"sqlite:///{tmp_path}/control.db",
        datetime(2024, 1, 1, tzinfo=UTC),
        "run-1",
    )


def fail(session, error, *stages):
    """Raise the error inside the stages, each within the one before."""
    if not stages:
        raise error
    with session.hold(stages[0]):
        fail(session, error, *stages[1:])


def told(session):
    return [
        (entry.decision.kind, entry.decision.outcome, entry.decision.verdict) for entry in session.journal.entries()
    ]


def test_a_failure_is_an_alert_and_one_unknown_of_the_stage_that_met_it(session, caplog):
    with pytest.raises(ServerUnavailable, match="no answer"):
        fail(session, ServerUnavailable("no answer"), "cycle", "monitoring")
    assert told(session) == [("monitoring", "failed", Verdict.UNKNOWN)]
    assert session.journal.entries()[0].decision.reason == "ServerUnavailable: no answer"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert session.leases.live() == []


@pytest.mark.parametrize("error", [NoChampion("there is none"), StoreConflict("another run is at work")])
def test_an_answer_and_another_run_at_work_are_no_failures(session, error, caplog):
    with pytest.raises(type(error)):
        fail(session, error, "scoring")
    assert (told(session), caplog.records) == ([], [])


def test_who_lost_the_lease_alerts_and_writes_nothing_any_more(session, caplog):
    with pytest.raises(LeaseLost):
        fail(session, LeaseLost("run-1 no longer holds the lease"), "cycle", "training")
    assert told(session) == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_what_others_say_is_not_quoted_since_it_may_hold_a_cell_value(session, caplog):
    with pytest.raises(ValueError, match="ann@example"):
        fail(session, ValueError("could not convert 'ann@example.org' to float"), "training")
    assert told(session) == [("training", "failed", Verdict.UNKNOWN)]
    assert "ann" not in session.journal.entries()[0].decision.reason + caplog.text


def test_a_journal_that_is_down_hides_not_what_failed_first(session, monkeypatch, caplog):
    def down(*_):
        raise ServerUnavailable("the journal is down")

    monkeypatch.setattr(Journal, "record", down)
    with pytest.raises(ServerUnavailable, match="the registry is down"):
        fail(session, ServerUnavailable("the registry is down"), "promotion")
    assert "the registry is down" in caplog.text


@pytest.mark.parametrize("lost", [1, 2])
def test_what_is_asked_before_the_first_task_is_asked_twice(session, monkeypatch, lost):
    answers = [ServerUnavailable("no answer")] * lost + [None]
    monkeypatch.setattr(time, "sleep", lambda _: None)
    signing = mock.Mock(side_effect=answers)
    monkeypatch.setattr(orchestrator, "sign_flow_run", signing)
    if lost == 1:
        with session.hold("monitoring") as lease:
            assert session.leases.holder("monitoring/p").token == lease.token
        assert told(session) == []
    else:
        with pytest.raises(ServerUnavailable):
            fail(session, AssertionError("never reached"), "monitoring")
        assert told(session) == [("monitoring", "failed", Verdict.UNKNOWN)]
    assert session.leases.live() == []


def test_a_password_in_an_address_is_not_told(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:secret@mlflow.example:5000/x")
    with (
        pytest.raises(ServerUnavailable, match=r"at http://mlflow\.example:5000/x did not") as told_so,
        tracking.answering(),
    ):
        raise ConnectionError
    assert "secret" not in str(told_so.value)
