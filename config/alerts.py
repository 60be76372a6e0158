"""The section `alerts` of a pipeline's file: who is told of incidents, of which, and how often."""

from pydantic import Field

from tasks.adapters.notifiers import Notifier
from tasks.core.alerting import Policy
from tasks.core.heartbeat import MaxAge


class Alerts(Policy):
    """Without a notifier nobody is told; `keepfit alerts` and the board list what is open all the same."""

    notify: tuple[Notifier, ...] = Field(
        default=(), description="Who is told. Addresses and secrets stand in the environment: name the variable."
    )
    max_age: MaxAge = Field(default=MaxAge(), description="What `keepfit heartbeat` asks for.")
