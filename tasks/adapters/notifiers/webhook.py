"""Alerts to a webhook that takes Slack's JSON: Slack, Mattermost, Rocket.Chat, Discord (its address + /slack)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters.notifiers.secret import Variable, silent, value_of
from tasks.core.alerting import Notice
from tasks.core.errors import ConfigInvalid, ServerUnavailable

_SECONDS = 10


class Webhook(BaseModel):
    """One POST of `{"text": ...}` for each notice; only an answer of 2xx counts as sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["webhook"] = "webhook"
    url: Variable = Field(default="$KEEPFIT_ALERT_WEBHOOK", description="The variable that holds the address.")

    def send(self, notice: Notice) -> None:
        """Send it. Raises ConfigInvalid and ServerUnavailable."""
        import httpx

        address = value_of(self.url)
        if not address.startswith(("http://", "https://")):
            raise ConfigInvalid(f"{self.url} holds no address that begins with https:// (or http://).")
        try:
            # Redirects are not followed: the secret stands in the address.
            with silent():
                answer = httpx.post(address, json={"text": _slack(notice)}, timeout=_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerUnavailable(
                f"The webhook of {self.url} did not answer ({type(error).__name__}). It is tried again at the next run."
            ) from None
        if not answer.is_success:
            raise ServerUnavailable(
                f"The webhook of {self.url} answered {answer.status_code}. Correct its address if it is gone; "
                "it is tried again at the next run."
            )


def _slack(notice: Notice) -> str:
    """Slack's text: these three signs would be its mark-up, and the rest of a file's name stays what it is."""
    text = f"*{notice.title}*\n{notice.text}"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
