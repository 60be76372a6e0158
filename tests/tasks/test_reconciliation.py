"""A repair that met one lost answer is made; one whose server is down is told and left, and the others are made."""

import logging

import pytest

from tasks import reconciliation, retrying
from tasks.core.errors import ServerUnavailable

REPAIRS = (
    "_batches", "_superseded", "_aliases", "_bans", "_proposals", "_triggers", "_dead_mlflow_runs", "_dead_flow_runs",
    "_leftovers",
)  # fmt: skip


@pytest.fixture(autouse=True)
def log(monkeypatch):
    monkeypatch.setattr(retrying, "RETRY_SECONDS", [0, 0, 0])
    monkeypatch.setattr(reconciliation, "get_run_logger", lambda: logging.getLogger("tasks.reconciliation"))


def repairs(monkeypatch, failures):
    """All repairs are stand-ins: each makes one repair after as many failures as it is told."""
    left = dict(failures)

    def repair(name):
        def made(_session):
            if left.get(name, 0):
                left[name] -= 1
                raise ServerUnavailable(f"{name} did not answer")
            yield name

        made.__name__ = name
        return made

    for name in REPAIRS:
        monkeypatch.setattr(reconciliation, name, repair(name))
    return reconciliation.reconcile.fn(None)


def test_a_lost_answer_is_asked_for_again_by_the_one_rule_and_a_server_that_is_down_is_told(monkeypatch, caplog):
    found = repairs(monkeypatch, {"_aliases": retrying.RETRIES, "_triggers": retrying.RETRIES + 1})
    assert found.done == tuple(name for name in REPAIRS if name != "_triggers")
    assert found.unknown == ("triggers: _triggers did not answer",)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "could not reconcile triggers: _triggers did not answer"
    ]
