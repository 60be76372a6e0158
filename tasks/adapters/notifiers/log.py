"""Alerts as lines of the log, and so of the run's page in Prefect."""

import logging
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.core.alerting import Notice

_log = logging.getLogger(__name__)


class Log(BaseModel):
    """Errors for what is urgent, warnings for the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["log"] = "log"

    def send(self, notice: Notice) -> None:
        """Write it down."""
        _log.log(logging.ERROR if notice.urgent else logging.WARNING, "%s\n%s", notice.title, notice.text)
