"""Alerts by mail, through an SMTP server; Apprise speaks to it."""

from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from tasks.adapters.notifiers.apprise import deliver
from tasks.adapters.notifiers.secret import Variable, value_of
from tasks.core.alerting import Notice
from tasks.core.errors import ConfigInvalid

# smtps: encrypted from the first byte; smtp: STARTTLS; smtp+plain: for a server on this machine only.
_MODES = {"smtps": ("mailtos", "ssl"), "smtp": ("mailtos", "starttls"), "smtp+plain": ("mailto", "insecure")}


class Mail(BaseModel):
    """One mail to each recipient for each notice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mail"] = "mail"
    server: Variable = Field(
        default="$KEEPFIT_ALERT_SMTP", description="The variable that holds smtps://USER:PASSWORD@HOST:PORT."
    )
    sender: Variable = Field(default="$KEEPFIT_ALERT_FROM", description="The variable that holds the sender's address.")
    to: Variable = Field(default="$KEEPFIT_ALERT_TO", description="The variable with the recipients, with commas.")

    def send(self, notice: Notice) -> None:
        """Send it. Raises ConfigInvalid and ServerUnavailable."""
        deliver(self._address(), notice, self.server)

    def _address(self) -> str:
        try:
            parts = urlsplit(value_of(self.server))
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in _MODES or not parts.hostname:
            raise ConfigInvalid(
                f"{self.server} is no address of a mail server. Write smtps://USER:PASSWORD@HOST:465, smtp:// for "
                "STARTTLS, or smtp+plain:// for a server on this machine."
            )
        scheme, mode = _MODES[parts.scheme]
        user = f"{parts.username}:{parts.password or ''}@" if parts.username else ""
        asked = {"from": value_of(self.sender), "to": value_of(self.to), "mode": mode, "smtp": parts.hostname}
        where = f"{parts.hostname}:{port}" if port else parts.hostname
        return f"{scheme}://{user}{where}?{urlencode(asked, quote_via=quote)}"
