"""Every kind of notifier sends one message, says so when it cannot, and never repeats an address or a secret."""

import logging
import socket
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.adapters.notifiers import AppriseUrl, Log, Mail, Notifier, PrefectEvent, Webhook
from tasks.core.alerting import Notice
from tasks.core.errors import ConfigInvalid, KeepfitError, ServerUnavailable
from tests.tasks.adapters.receivers import mailbox, webhook

NOTICE = Notice("p", "opened", ("broken data/#1",), "[keepfit] p: broken data", "What <happened> & why: x\nNext: look")
TAKES = TypeAdapter(Notifier)
MEMBERS = get_args(get_args(Notifier)[0])
SECRET = "hunter2"  # noqa: S105 - nobody's


@pytest.fixture
def web(monkeypatch):
    with webhook() as kept:
        monkeypatch.setenv("KEEPFIT_ALERT_WEBHOOK", f"http://127.0.0.1:{kept.port}/{SECRET}")
        monkeypatch.setenv("KEEPFIT_ALERT_APPRISE", f"json://127.0.0.1:{kept.port}/{SECRET}")
        yield kept


@pytest.fixture
def post(monkeypatch):
    with mailbox(monkeypatch, "a@example.org, b@example.org") as kept:
        yield kept


@pytest.mark.parametrize("member", MEMBERS, ids=lambda one: one.__name__)
def test_every_kind_is_one_frozen_class_that_its_kind_picks_and_has_defaults(member):
    one = TAKES.validate_python({"kind": member().kind})
    assert one == member()
    with pytest.raises(ValidationError):
        one.kind = "other"
    with pytest.raises(ValidationError):
        TAKES.validate_python({"kind": one.kind, "unknown": 1})


def test_a_webhook_gets_slacks_json_once_with_signs_that_are_no_mark_up(web, caplog):
    caplog.set_level(logging.DEBUG)
    Webhook().send(NOTICE)
    assert SECRET not in caplog.text
    assert web.got == ["*[keepfit] p: broken data*\nWhat &lt;happened&gt; &amp; why: x\nNext: look"]


def test_a_mail_goes_to_each_recipient_once(post):
    Mail().send(NOTICE)
    assert [to for to, _ in post.got] == ["a@example.org", "b@example.org"]
    for _, message in post.got:
        assert message["Subject"] == NOTICE.title
        assert message["From"] == "keepfit@example.org"
        text = message.get_body(("plain",)).get_content().replace("\r", "").strip()
        assert text == NOTICE.text


def test_apprise_sends_to_whatever_it_knows(monkeypatch, post):
    monkeypatch.setenv("MY_URL", f"mailto://127.0.0.1:{post.port}?from=k@example.org&to=c@example.org&mode=insecure")
    AppriseUrl(url="$MY_URL").send(NOTICE)
    assert [(to, message["Subject"]) for to, message in post.got] == [("c@example.org", NOTICE.title)]


def test_the_log_tells_what_is_urgent_as_an_error(caplog):
    with caplog.at_level(logging.INFO):
        Log().send(NOTICE)
        Log().send(Notice("p", "over", (), "over", "over"))
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    assert "Next: look" in caplog.text


def test_an_event_names_the_pipeline_and_what_became_of_the_incident(monkeypatch):
    emitted = []
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setattr("prefect.events.emit_event", lambda event, **given: emitted.append((event, given)) or event)
    PrefectEvent().send(NOTICE)
    ((event, given),) = emitted
    assert event == "keepfit.alert.opened"
    assert given["resource"] == {"prefect.resource.id": "keepfit.pipeline.p", "prefect.resource.name": "p"}


def test_an_event_without_a_server_is_an_error_and_starts_none(monkeypatch):
    monkeypatch.setattr("prefect.events.emit_event", lambda *_, **__: None)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert "did not take the event" in refused(PrefectEvent())
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setattr("prefect.events.emit_event", lambda *_, **__: pytest.fail("it would start a server"))
    assert "No Prefect server is known" in refused(PrefectEvent())


@pytest.mark.parametrize("one", [Webhook(), AppriseUrl()], ids=lambda one: one.kind)
def test_a_receiver_that_refuses_or_is_gone_is_an_error_without_its_address(web, one, monkeypatch, caplog):
    web.broken = True
    caplog.set_level(logging.DEBUG)
    told = refused(one)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
    for name, scheme in (("KEEPFIT_ALERT_WEBHOOK", "http"), ("KEEPFIT_ALERT_APPRISE", "json")):
        monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{nobody}/{SECRET}")
    told += refused(one)
    assert one.url in told
    assert [word for word in (SECRET, "127.0.0.1", "secret of") if word in told + caplog.text] == []


def refused(one):
    with pytest.raises(ServerUnavailable) as error:
        one.send(NOTICE)
    return str(error.value)


def test_a_mail_that_is_not_taken_is_an_error(post, monkeypatch):
    post.broken = True
    monkeypatch.setenv("KEEPFIT_ALERT_SMTP", f"smtp+plain://me:{SECRET}@127.0.0.1:{post.port}")
    assert SECRET not in refused(Mail())
    assert post.got == []


@pytest.mark.parametrize(("one", "variable"), [
    (Webhook(), "KEEPFIT_ALERT_WEBHOOK"), (Mail(), "KEEPFIT_ALERT_SMTP"), (AppriseUrl(), "KEEPFIT_ALERT_APPRISE"),
], ids=lambda one: getattr(one, "kind", one))  # fmt: skip
@pytest.mark.parametrize("value", ["", f"nonsense {SECRET}", f"http://[{SECRET}", f"smtps://{SECRET}:x@h:port"])
def test_an_address_that_is_missing_or_wrong_names_the_variable_and_nothing_of_it(monkeypatch, one, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(KeepfitError) as error:
        one.send(NOTICE)
    assert f"${variable}" in str(error.value)
    assert SECRET not in str(error.value)
    assert isinstance(error.value, ConfigInvalid | ServerUnavailable)


@pytest.mark.parametrize("address", ["https://hooks.example.org/T0/secret", "$lower", "KEEPFIT_X", "$A/$B", "${A}"])
def test_an_address_in_the_file_itself_is_refused(address):
    with pytest.raises(ValidationError):
        TAKES.validate_python({"kind": "webhook", "url": address})
