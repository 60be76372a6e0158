"""A broken invariant ends the run, is an alert each time, and one `fail` in the journal for as long as it stands."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from config.privacy import Privacy
from flows import reconciliation as flow
from tasks import retention, verification
from tasks.adapters import orchestrator
from tasks.adapters.store import Store
from tasks.core.errors import InvariantBroken, LeaseLost
from tasks.core.results import Check, Decision, Verdict
from tasks.reconciliation import Repairs
from tasks.session import Session

CONFIG = SimpleNamespace(privacy=Privacy())
NOW = datetime(2024, 1, 1, tzinfo=UTC)
FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN


@pytest.fixture
def session(tmp_path):
    return Session(Store(str(tmp_path / "store"), "p"), f"sqlite:///{tmp_path}/control.db", NOW, "run")


@pytest.fixture
def tick(session, monkeypatch):
    """One run of the flow, of which the checks are given; I10 is asked in earnest. Returns how it ended."""
    runs = iter(range(100))

    def run(meanwhile=lambda: None, **verdicts):
        mine = replace(session, run_id=f"run-{next(runs)}")
        found = [Check(name, verdict, f"{name} {verdict}") for name, verdict in verdicts.items()]

        def verify(_session):
            meanwhile()
            return (*found, verification._answer(verification._CHAIN, lambda one: one.journal.verify(), mine))

        monkeypatch.setattr(flow, "begin_run", lambda *_: (CONFIG, mine))
        monkeypatch.setattr(flow.verification, "verify_invariants", verify)
        try:
            flow.reconciliation_flow.fn("p")
        except InvariantBroken as error:
            return str(error)
        return None

    monkeypatch.setattr(orchestrator, "sign_flow_run", lambda _run: None)
    monkeypatch.setattr(flow, "reconcile", lambda _session: Repairs((), ()))
    monkeypatch.setattr(flow.verification, "record_verification", verification.record_verification.fn)
    monkeypatch.setattr(flow.retention, "apply_retention", retention.apply_retention.fn)
    monkeypatch.setattr(flow.reporting, "show_page", lambda *_: None)
    return run


def told(session):
    return [(e.decision.kind, e.decision.outcome, e.decision.verdict) for e in session.journal.entries()]


def alerts(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


BROKEN, MENDED = ("verification", "broken", FAIL), ("verification", "mended", PASS)


def test_a_breach_is_journalled_once_while_it_stands_and_told_by_every_run(session, tick, caplog):
    for _ in range(3):
        assert tick(I1=FAIL, I2=PASS) == "Broken invariants of p: I1: I1 fail"
    assert told(session) == [BROKEN]
    (entry,) = session.journal.entries()
    assert (entry.decision.reason, entry.decision.run_id) == ("I1: I1 fail", "run-0")
    assert entry.decision.evidence == {"I1": {"verdict": "fail", "reason": "I1 fail"}}
    assert alerts(caplog) == ["broken I1: I1 fail"] * 3


def test_what_could_not_be_checked_is_an_alert_and_changes_nothing(session, tick, caplog):
    assert tick(I1=UNKNOWN) is None
    assert (told(session), alerts(caplog)) == ([], ["could not check I1: I1 unknown"])
    tick(I1=FAIL)
    tick(I1=UNKNOWN)
    tick(I1=FAIL)
    assert told(session) == [BROKEN]


def test_another_breach_its_mending_and_its_return_are_entries_of_their_own(session, tick):
    tick(I1=FAIL, I2=PASS)
    tick(I1=FAIL, I2=FAIL)
    assert session.journal.entries()[-1].decision.reason == "I1: I1 fail; I2: I2 fail"
    assert tick(I1=PASS, I2=PASS) is None
    assert tick(I1=PASS, I2=PASS) is None
    tick(I1=FAIL, I2=PASS)
    assert told(session) == [BROKEN, BROKEN, MENDED, BROKEN]


def test_what_is_mended_while_something_else_is_not_known_is_no_pass(session, tick):
    tick(I1=FAIL, I2=PASS)
    tick(I1=PASS, I2=UNKNOWN)
    assert told(session) == [BROKEN, ("verification", "mended", UNKNOWN)]


@pytest.mark.parametrize("number", [1, 2])
def test_nothing_is_appended_to_a_broken_chain(session, tick, tmp_path, caplog, number):
    for name in ("a", "b"):
        session.record(Decision(name, "p", "monitoring", PASS, "quiet", "", NOW))
    for file in (tmp_path / "store" / "p" / "decisions").glob("*.parquet"):
        rows = pq.read_table(file)
        if rows["sequence"].to_pylist() == [number]:
            place = rows.column_names.index("outcome")
            pq.write_table(rows.set_column(place, rows.schema.field(place), [["triggered"]]), file)
    assert "I10 the journal is whole: Entry" in tick(I1=FAIL)
    assert len(session.journal.entries()) == 2
    assert [line.split(":")[0] for line in alerts(caplog)] == ["broken I1", "broken I10 the journal is whole"]


def test_whoever_was_succeeded_writes_nothing(session, tick):
    def succeed():
        name = "reconciliation/p"
        session.leases.release(session.leases.holder(name))  # as if it had expired while this process was paused
        session.leases.acquire(name, "the next", 60)

    with pytest.raises(LeaseLost):
        tick(succeed, I1=FAIL)
    assert told(session) == []
