"""A stage that fails says so: an alert, one `unknown` in the journal, the first error, and no cell value."""

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from unittest import mock

import pytest

from tasks import retrying
from tasks.adapters import orchestrator, registry, tracking
from tasks.adapters.journal import Journal
from tasks.adapters.leases import Leases
from tasks.adapters.store import Store
from tasks.core.errors import LeaseLost, NoChampion, NoSuchChoice, NotFound, ServerUnavailable, StoreConflict
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


def within(session, act, *stages):
    """Act inside the stages, each within the one before."""
    if not stages:
        act()
        return
    with session.hold(stages[0]):
        within(session, act, *stages[1:])


def fail(session, error, *stages):
    """Raise the error inside the stages."""
    within(session, mock.Mock(side_effect=error), *stages)


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


def test_no_champion_is_an_answer_and_no_failure(session, caplog):
    with pytest.raises(NoChampion):
        fail(session, NoChampion("there is none"), "scoring")
    assert (told(session), caplog.records) == ([], [])


@pytest.mark.parametrize("by_hand", [True, False])
@pytest.mark.parametrize(
    ("error", "written"),
    [(NoSuchChoice, []), (NotFound, [("promotion", "failed", Verdict.UNKNOWN)])],
    ids=["asked", "gone"],
)
def test_what_a_person_asked_for_in_vain_is_no_failure_and_what_is_gone_is_one(
    session, caplog, by_hand, error, written
):
    with pytest.raises(NotFound):
        fail(replace(session, by_hand=by_hand), error("it is not there"), "promotion")
    assert told(session) == written
    assert bool(caplog.records) is bool(written)


def test_without_an_address_mlflow_is_no_answer_and_no_new_database(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ServerUnavailable, match="start the servers with `keepfit up`, or set MLFLOW_TRACKING_URI"):
        registry.aliases("p")
    assert not tracking.answers()
    assert list(tmp_path.glob("ml*")) == []


def test_another_run_at_work_is_told_and_is_no_failure_of_the_stage_or_of_the_cycle_around_it(session, caplog):
    with session.leases.hold("scoring/p", "another run"):
        with pytest.raises(StoreConflict, match="held by another run until"):
            fail(session, AssertionError("never reached"), "cycle", "scoring")
        assert session.leases.holder("scoring/p").holder == "another run"
    assert told(session) == []
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "scoring of p does not run now: The lease 'scoring/p' is held by another run" in record.getMessage()


def test_a_lost_race_inside_the_block_is_a_failure(session, caplog):
    with pytest.raises(StoreConflict):
        fail(session, StoreConflict("other writers won every race"), "cycle", "scoring")
    assert told(session) == [("scoring", "failed", Verdict.UNKNOWN)]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_lease_that_cannot_be_given_back_is_an_alert_and_no_failure(session, monkeypatch, caplog):
    def down(*_):
        raise ServerUnavailable("the leases are down")

    with session.hold("scoring"):
        monkeypatch.setattr(Leases, "release", down)
    assert told(session) == []
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "'scoring/p' could not be given back and stands until it expires: the leases are" in record.getMessage()


@pytest.mark.parametrize("error", [LeaseLost("no longer held"), ServerUnavailable("no answer")])
def test_whoever_was_succeeded_alerts_and_writes_nothing_whatever_error_it_meets(session, error, caplog):
    def paused():
        session.leases.release(session.leases.holder("training/p"))  # as if it had expired meanwhile
        session.leases.acquire("training/p", "the next", 60)
        raise error

    with pytest.raises(type(error)):
        within(session, paused, "cycle", "training")
    assert told(session) == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert session.leases.holder("training/p").holder == "the next"


def test_who_cannot_know_whether_it_was_succeeded_writes_nothing(session, monkeypatch, caplog):
    def silent(*_):
        raise ServerUnavailable("the leases are down")

    monkeypatch.setattr(Leases, "check", silent)
    with pytest.raises(ServerUnavailable, match="the registry is down"):
        fail(session, ServerUnavailable("the registry is down"), "training")
    assert told(session) == []
    assert "the registry is down" in caplog.text


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


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between two tries, which nobody waits for."""
    made = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def test_what_is_asked_before_the_first_task_is_asked_again_by_the_one_rule(session, monkeypatch, pauses):
    answers = [*[ServerUnavailable("no answer")] * retrying.RETRIES, None]
    monkeypatch.setattr(orchestrator, "sign_flow_run", mock.Mock(side_effect=answers))
    with session.hold("monitoring") as lease:
        assert session.leases.holder("monitoring/p").token == lease.token
    assert told(session) == []
    assert pauses == retrying.RETRY_SECONDS


def test_who_does_not_answer_by_the_last_try_is_a_failure(session, monkeypatch, pauses):
    signing = mock.Mock(side_effect=ServerUnavailable("no answer"))
    monkeypatch.setattr(orchestrator, "sign_flow_run", signing)
    with pytest.raises(ServerUnavailable):
        fail(session, AssertionError("never reached"), "monitoring")
    assert signing.call_count == retrying.RETRIES + 1
    assert told(session) == [("monitoring", "failed", Verdict.UNKNOWN)]
    assert session.leases.live() == []


def test_another_run_at_work_is_not_asked_again(session, pauses):
    with session.leases.hold("scoring/p", "another run"), pytest.raises(StoreConflict):
        fail(session, AssertionError("never reached"), "scoring")
    assert pauses == []


def test_a_password_in_an_address_is_not_told(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:top/se@cret@mlflow.example:5000/x")
    with (
        pytest.raises(ServerUnavailable, match=r"at http://mlflow\.example:5000/x did not") as told_so,
        tracking.answering(),
    ):
        raise ConnectionError
    assert "top" not in str(told_so.value)


def test_people_are_told_once_when_the_outermost_stage_has_ended_and_its_lease_is_free(session):
    seen = []
    session = replace(session, at_end=lambda own: seen.append([lease.name for lease in own.leases.live()]))
    within(session, lambda: seen.append("inside"), "monitoring", "promotion")
    assert seen == ["inside", []]
    with pytest.raises(ServerUnavailable):
        fail(session, ServerUnavailable("no answer"), "cycle", "scoring")
    assert seen == ["inside", [], []]
