"""Who is tried beside the champion: follows the challenger of one pipeline by the journal, verified like a champion.

Nothing that goes wrong here changes what the champion answers.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from config.schema import PipelineConfig
from deployments.serving import verified
from deployments.serving.verified import Loaded
from tasks.core.bans import banned
from tasks.core.championship import Reign
from tasks.core.features import Features
from tasks.core.results import JournalEntry
from tasks.core.terms import frozen_by
from tasks.core.trial import OnTrial, on_trial
from tasks.session import Session, reason_of

_log = logging.getLogger("keepfit.serving")


@dataclass(frozen=True)
class Trial:
    """A challenger that is loaded, beside whom it is tried, and the shares that it answers, and scores in silence."""

    loaded: Loaded
    replaces: int
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
        self._silenced: dict[str, str] = {}

    def read(self, entries: Sequence[JournalEntry]) -> None:
        """Take from the journal who is on trial now; nobody where the pipeline's file asks for no trial."""
        self._wanted = on_trial(entries) if self._config.serving.tries else None
        if self._wanted and self._wanted.version in banned(entries):
            self._wanted = None

    def silence(self, loaded: Loaded, why: str) -> None:
        """Let a challenger answer nobody any more, as long as this server runs; called by whom it cost time."""
        self._silenced[loaded.sha256] = why
        if (now := self.current) is not None and now.loaded is loaded:
            self.current = replace(now, canary=0.0)

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
        wanted = self._wanted
        if wanted is None:
            return None, ""
        if wanted.spent:
            return None, f"version {wanted.version} is tried no longer: its looks are used up, and none told enough"
        if champion is None or champion.number != wanted.replaces:
            return None, f"version {wanted.version} waits to be tried beside version {wanted.replaces}"
        loaded, told = self.current.loaded if self.current else None, ""
        if loaded is None or (loaded.number, loaded.sha256) != (wanted.version, wanted.sha256):
            self.current = None  # while the next one is fetched, the last one is tried no longer
            loaded, told = self._load(wanted, registry_answers=registry_answers)
        if loaded is None:
            return None, told
        serving, why = self._config.serving, self._keeps_silent(wanted)
        canary = 0.0 if why else serving.canary
        return Trial(loaded, wanted.replaces, canary, max(serving.shadow, serving.canary)), why

    def _keeps_silent(self, wanted: OnTrial) -> str:
        """Why it answers nobody, though the pipeline's file gives it a share; empty: it answers."""
        if not self._config.serving.canary:
            return ""
        if not wanted.may_answer:
            return f"it answers nobody: {', '.join(wanted.lacks)} did not pass"
        if freeze := frozen_by(self._config.governor.approval.freeze, datetime.now(UTC)):
            return f"it answers nobody during the freeze from {freeze}"
        return self._silenced.get(wanted.sha256, "")

    def _load(self, wanted: OnTrial, *, registry_answers: bool) -> tuple[Loaded | None, str]:
        if self._refused and self._refused[0] == wanted.sha256 and time.monotonic() < self._refused[1]:
            return None, self._refused[2]
        reign = Reign(wanted.version, wanted.replaces, wanted.sha256, wanted.receipt)
        store, problem = self._session.store, self._config.problem
        try:
            found = verified.load(store, self._folder, reign, problem, registry_answers=registry_answers)
            lacking = sorted(_asked(found.features) - _asked(self._config.features))
            why = f"it needs {', '.join(lacking)}, which requests do not hold; start the server anew" if lacking else ""
        except Exception as error:  # noqa: BLE001 - as in look; not tried again every second
            found, why = None, reason_of(error)
        if not why:
            return found, ""
        self._refused = (
            wanted.sha256, time.monotonic() + verified.AGAIN_SECONDS, f"version {wanted.version} is refused: {why}"
        )  # fmt: skip
        return None, self._refused[2]


def _asked(features: Features) -> set[str]:
    """The features that a request has to hold; others follow from its time."""
    return {*features.numerical, *features.categorical}
