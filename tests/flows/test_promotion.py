"""What was decided is put onto the version's page and shown; if that fails it is an alert, and the decision stands."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from config.load import load_pipeline
from config.settings import load_settings
from flows import promotion as flow
from tasks.adapters import orchestrator
from tasks.adapters.store import Store
from tasks.core.errors import ServerUnavailable
from tasks.core.results import Decision, Verdict
from tasks.session import Session

NOW = datetime(2024, 1, 1, tzinfo=UTC)
CONFIG = load_pipeline("subscriptions", load_settings())
FACTS = {"version": 2, "replaces": 1, "gates": []}
DECIDED = Decision("k", "p", "promotion", Verdict.PASS, "promoted", "every gate passes", NOW, evidence=FACTS)


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Where the decision was shown: version 2 has its receipt already."""
    found = []
    session = Session(Store(str(tmp_path / "store"), "p"), f"sqlite:///{tmp_path}/control.db", NOW, "run-1")
    monkeypatch.setattr(orchestrator, "sign_flow_run", lambda _run: None)
    monkeypatch.setattr(flow, "begin_run", lambda *_: (CONFIG, session))
    monkeypatch.setattr(flow, "reconcile", lambda _session: None)
    stand_ins = {
        "read_version": lambda _session, number: SimpleNamespace(number=number, run_id="r"),
        "find_receipt": lambda *_: DECIDED,
        "move_aliases": lambda _session: found.append("aliases"),
        "annotate_version": lambda _session, version, decision: found.append((version.number, decision)),
    }
    for name, instead in stand_ins.items():
        monkeypatch.setattr(flow.promotion, name, instead)
    monkeypatch.setattr(
        flow.carding, "write_card", lambda _session, version, _setup: found.append(f"card {version.number}")
    )
    monkeypatch.setattr(flow.reporting, "show_page", lambda stage, *_: found.append(stage))
    return found


def test_what_was_decided_is_put_onto_the_version_and_shown(shown):
    assert flow.promotion_flow.fn("p", 2, NOW) == ("promoted", "every gate passes")
    assert shown == ["aliases", (2, DECIDED), "card 2", "promotion"]


def test_a_version_that_cannot_be_annotated_is_an_alert_and_the_decision_stands(shown, monkeypatch, caplog):
    def down(*_):
        raise ServerUnavailable("no answer")

    monkeypatch.setattr(flow.promotion, "annotate_version", down)
    assert flow.promotion_flow.fn("p", 2, NOW) == ("promoted", "every gate passes")
    assert shown == ["aliases", "promotion"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "what was decided stands, and could not be shown: no answer"
