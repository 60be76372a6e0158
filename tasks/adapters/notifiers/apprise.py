"""Alerts to anything that Apprise knows an address for: more than a hundred services, by one URL."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters.notifiers.secret import Variable, silent, value_of
from tasks.core.alerting import Notice
from tasks.core.errors import ConfigInvalid, ServerUnavailable


class AppriseUrl(BaseModel):
    """One Apprise URL, for example of ntfy, PagerDuty, Teams or Matrix (https://github.com/caronc/apprise)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["apprise"] = "apprise"
    url: Variable = Field(default="$KEEPFIT_ALERT_APPRISE", description="The variable that holds the Apprise URL.")

    def send(self, notice: Notice) -> None:
        """Send it. Raises ConfigInvalid and ServerUnavailable."""
        deliver(value_of(self.url), notice, self.url)


def deliver(address: str, notice: Notice, variable: str) -> None:
    """Hand a notice to Apprise; neither its address nor what the other side said is repeated.

    Raises ConfigInvalid (an address that Apprise does not know) and ServerUnavailable (not taken).
    """
    import apprise

    # In memory, in this thread, and nothing in the text is taken for mark-up.
    asset = apprise.AppriseAsset(async_mode=False, app_id="Keepfit", app_url="", interpret_escapes=False)
    sender = apprise.Apprise(asset=asset)
    kind = apprise.NotifyType.FAILURE if notice.urgent else apprise.NotifyType.INFO
    with silent():
        known = sender.add(address)
        taken = known and sender.notify(
            title=notice.title, body=notice.text, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        )
    if not known:
        raise ConfigInvalid(f"{variable} holds no address that Apprise knows. See https://github.com/caronc/apprise.")
    if not taken:
        raise ServerUnavailable(f"What {variable} names did not take the alert. It is tried again at the next run.")
