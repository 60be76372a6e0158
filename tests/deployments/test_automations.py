"""The automations that are shipped are what `prefect automation create` takes, and the alerts' events set them off."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
import yaml
from prefect.events.schemas.automations import AutomationCore
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent

from config.settings import PROJECT
from tasks.adapters.notifiers import PrefectEvent
from tasks.core.alerting import Notice

SHIPPED = yaml.safe_load((PROJECT / "deployments" / "automations.yaml").read_text())["automations"]


@pytest.mark.parametrize("automation", SHIPPED, ids=lambda one: one["name"])
def test_prefect_takes_it(automation):
    assert AutomationCore.model_validate(automation).enabled


@pytest.mark.parametrize(("about", "names"), [
    ("opened", ["keepfit: an incident opened"]), ("over", ["keepfit: an incident is over"]), ("digest", []),
])  # fmt: skip
def test_an_alert_sets_off_the_one_that_is_meant(monkeypatch, about, names):
    emitted = []
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setattr("prefect.events.emit_event", lambda event, **given: emitted.append((event, given)) or event)
    PrefectEvent().send(Notice("rentals", about, (), "title", "text"))
    ((event, given),) = emitted
    now = datetime.now(UTC)
    came = ReceivedEvent(event=event, id=uuid4(), occurred=now, received=now, **given)
    triggers = {one["name"]: EventTrigger.model_validate(one["trigger"] | {"id": uuid4()}) for one in SHIPPED}
    assert [name for name, trigger in triggers.items() if trigger.covers(came)] == names
