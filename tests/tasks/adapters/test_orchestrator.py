"""What Prefect answers when a retraining is sent: not registered is final, no answer is asked for again."""

from types import SimpleNamespace

import httpx
import prefect.deployments
import pytest
from prefect.exceptions import ObjectNotFound, PrefectException

from tasks.adapters import orchestrator
from tasks.core.errors import NotFound, ServerUnavailable


@pytest.fixture
def answer(monkeypatch):
    """What Prefect answers; an exception is raised."""

    def set_to(given):
        def run_deployment(name, **named):
            if isinstance(given, Exception):
                raise given
            return SimpleNamespace(id=f"{name} {named['idempotency_key']}")

        monkeypatch.setattr(prefect.deployments, "run_deployment", run_deployment)

    return set_to


def test_a_retraining_is_asked_for_by_its_token(answer):
    answer(None)
    assert orchestrator.start_training("p", "token", "a breach", None) == "training/p token"


@pytest.mark.parametrize("error", [ObjectNotFound(KeyError()), ValueError("no such deployment")])
def test_a_deployment_that_is_not_registered_is_final_and_names_the_next_command(answer, error):
    answer(error)
    with pytest.raises(NotFound, match=r"decided and not started.*keepfit deploy p"):
        orchestrator.start_training("p", "token", "a breach", None)


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), PrefectException("no"), TimeoutError()])
def test_no_answer_is_no_refusal_and_says_that_it_will_be_sent_again(answer, error):
    answer(error)
    with pytest.raises(ServerUnavailable, match="will be sent again"):
        orchestrator.start_training("p", "token", "a breach", None)
