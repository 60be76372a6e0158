"""Who is told: one kind of notifier each, one file each. What is told, and when: `tasks.core.alerting`.

`send` sends one notice or raises ServerUnavailable or ConfigInvalid; neither names an address or a secret.
"""

from typing import Annotated

from pydantic import Field

from tasks.adapters.notifiers.apprise import AppriseUrl
from tasks.adapters.notifiers.event import PrefectEvent
from tasks.adapters.notifiers.log import Log
from tasks.adapters.notifiers.mail import Mail
from tasks.adapters.notifiers.webhook import Webhook

__all__ = ["AppriseUrl", "Log", "Mail", "Notifier", "PrefectEvent", "Webhook"]

Notifier = Annotated[Log | Webhook | Mail | AppriseUrl | PrefectEvent, Field(discriminator="kind")]
