"""What is only shown decides nothing: Prefect may fail to show it, and the run goes on, saying so."""

import logging
from uuid import UUID

import httpx
import pytest

from tasks import reporting
from tasks.adapters import orchestrator
from tasks.core.errors import ServerUnavailable


def down(*_, **__):
    raise httpx.ConnectError("injected")


def test_a_page_or_a_bar_that_cannot_be_shown_is_an_alert_and_no_error(monkeypatch, caplog):
    for name in ("create_markdown_artifact", "create_progress_artifact", "update_progress_artifact"):
        monkeypatch.setattr(reporting, name, down)
    reporting.show_page("promotion", "p", "# Promotion\n\nVersion 2 was promoted.\n\nmore")
    assert reporting.begin_progress("training", "p", "trials") is None
    reporting.move_progress(UUID(int=1), 1, 2)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3
    reporting.move_progress(None, 1, 2)  # there is no bar to move
    assert len(caplog.records) == 3


def test_what_is_no_failure_of_a_vendor_is_not_hidden():
    with pytest.raises(ZeroDivisionError), reporting.only_shown():
        1 / 0  # noqa: B018


@pytest.mark.parametrize(
    "ask",
    [
        lambda: orchestrator.running_flow_runs("p"),
        lambda: orchestrator.crash_flow_run(str(UUID(int=1)), "dead"),
        lambda: orchestrator.sign_flow_run(str(UUID(int=1))),
    ],
)
def test_prefect_that_does_not_answer_is_our_error_by_name(monkeypatch, ask):
    monkeypatch.setattr("prefect.client.orchestration.get_client", down)
    with pytest.raises(ServerUnavailable, match=r"Prefect did not .* \(ConnectError\)"):
        ask()
