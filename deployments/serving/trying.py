"""Who is tried beside the champion: follows the challenger of one pipeline by the journal, verified like a champion.

Nothing that goes wrong here changes what the champion answers.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from config.schema import PipelineConfig
from deployments.serving import verified
from deployments.serving.verified import Loaded
from tasks.core.bans import banned
from tasks.core.championship import Reign
from tasks.core.results import JournalEntry
from tasks.core.terms import frozen_by
from tasks.core.trial import OnTrial, on_trial
from tasks.session import Session, reason_of

_AGAIN_SECONDS = 15.0  # after a version was refused
_log = logging.getLogger("keepfit.serving")


@dataclass(frozen=True)
class Trial:
    """A challenger that is loaded, and the shares of the rows that it answers, and scores in silence."""

    loaded: Loaded
    canary: float
    shadow: float


class Trying:
    """The challenger of one pipeline. One thread calls `look`; any thread reads `current`, which never tears."""

    def __init__(self, config: PipelineConfig, session: Session, folder: Path) -> None:
        self.current: Trial | None = None
        self.why = ""
        self._config, self._session, self._folder = config, session, folder
        self._wanted: OnTrial | None = None
        self._refused: tuple[str, float, str] | None = None

    def read(self, entries: Sequence[JournalEntry]) -> None:
        """Take from the journal who is on trial now; nobody where the pipeline's file asks for no trial."""
        self._wanted = on_trial(entries) if self._config.serving.tries else None
        if self._wanted and self._wanted.version in banned(entries):
            self._wanted = None

    def look(self, champion: Loaded | None, *, registry_answers: bool) -> None:
        """Load who is wanted, drop who is not. Never raises: what goes wrong stands in `why`."""
        try:
            found, why = self._found(champion, registry_answers=registry_answers)
        except Exception as error:  # noqa: BLE001 - a trial costs no answer, whatever fails
            found, why = None, reason_of(error)
        if (found is None) != (self.current is None) or why != self.why:
            told = f"version {found.loaded.number} is on trial" if found else "nobody is on trial"
            _log.info("%s: %s%s", self._config.pipeline, told, f"; {why}" if why else "")
        self.current, self.why = found, why

    def _found(self, champion: Loaded | None, *, registry_answers: bool) -> tuple[Trial | None, str]:
        wanted, serving = self._wanted, self._config.serving
        if wanted is None:
            return None, ""
        if champion is None or champion.number != wanted.replaces:
            return None, f"version {wanted.version} waits to be tried beside version {wanted.replaces}"
        loaded, told = self.current.loaded if self.current else None, ""
        if loaded is None or (loaded.number, loaded.sha256) != (wanted.version, wanted.sha256):
            loaded, told = self._load(wanted, registry_answers=registry_answers)
        if loaded is None:
            return None, told
        canary, why = serving.canary, ""
        if canary and not wanted.may_answer:
            canary, why = 0.0, f"it answers nobody: {', '.join(wanted.lacks)} did not pass"
        elif canary and (freeze := frozen_by(self._config.governor.approval.freeze, datetime.now(UTC))):
            canary, why = 0.0, f"it answers nobody during the freeze from {freeze}"
        return Trial(loaded, canary, max(serving.shadow, canary)), why

    def _load(self, wanted: OnTrial, *, registry_answers: bool) -> tuple[Loaded | None, str]:
        if self._refused and self._refused[0] == wanted.sha256 and time.monotonic() < self._refused[1]:
            return None, self._refused[2]
        reign = Reign(wanted.version, wanted.replaces, wanted.sha256, wanted.receipt)
        store, problem = self._session.store, self._config.problem
        try:
            return verified.load(store, self._folder, reign, problem, registry_answers=registry_answers), ""
        except Exception as error:  # noqa: BLE001 - as in look; not tried again every second
            told = f"version {wanted.version} is refused: {reason_of(error)}"
            self._refused = (wanted.sha256, time.monotonic() + _AGAIN_SECONDS, told)
            return None, told
