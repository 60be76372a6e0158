"""Alerts as Prefect events, which people's own automations listen to (deployments/automations.yaml)."""

import os
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.core.alerting import Notice
from tasks.core.errors import ServerUnavailable


class PrefectEvent(BaseModel):
    """One event `keepfit.alert.opened`, `.over`, `.digest` or `.test` of the resource `keepfit.pipeline.NAME`.

    Prefect keeps events in memory and may drop one: for automations, not as the only way in which somebody is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["event"] = "event"

    def send(self, notice: Notice) -> None:
        """Emit it. Raises ServerUnavailable where no Prefect server is known: Prefect would start one of its own."""
        if not os.environ.get("PREFECT_API_URL"):
            raise ServerUnavailable(
                "No Prefect server is known that could take the event. Start it (`keepfit up`), or set PREFECT_API_URL."
            )
        from prefect.events import emit_event

        resource = {
            "prefect.resource.id": f"keepfit.pipeline.{notice.pipeline}",
            "prefect.resource.name": notice.pipeline,
        }
        payload = {"title": notice.title, "text": notice.text, "tokens": list(notice.tokens)}
        if emit_event(f"keepfit.alert.{notice.about}", resource=resource, payload=payload) is None:
            raise ServerUnavailable("Prefect's client did not take the event. It is tried again at the next run.")
