"""Who answers now: follows journal and alias of one pipeline, and swaps the model when a verified one is ready.

The journal says who is champion, the alias has to agree; in doubt the version that stands goes on answering.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from config.schema import PipelineConfig
from deployments.serving import verified
from deployments.serving.trying import Trying
from deployments.serving.verified import Loaded
from tasks.adapters import registry
from tasks.core.bans import banned
from tasks.core.championship import Reign, reign
from tasks.core.errors import KeepfitError, ServerUnavailable
from tasks.session import Session, reason_of

_log = logging.getLogger("keepfit.serving")


@dataclass(frozen=True)
class Standing:
    """What `look` last found: whether MLflow answered, and why the journal's champion does not answer (empty: it does).

    `champion`: by the journal; None before there is one.
    """

    champion: int | None = None
    registry_answers: bool = True
    why: str = "starting"


class Follower:
    """The model that answers for one pipeline. One thread calls `look`; any thread reads `current`, which never tears.

    Requests keep the model that they began with, so that an old one lives until the last of them has ended.
    """

    def __init__(self, config: PipelineConfig, session: Session, folder: Path) -> None:
        self.config = config
        self.current: Loaded | None = None
        self.trying = Trying(config, session, folder.with_name("challengers"))
        self.standing = Standing()
        self._session, self._folder = session, folder
        self._journal_at = -1
        self._reign: Reign | None = None
        self._banned: dict[int, str] = {}
        self._refused: tuple[Reign, float, str] | None = None

    def look(self) -> None:
        """Compare, load where something changed, swap. Never raises: what goes wrong is told in `standing`."""
        answers = True
        try:
            self._read_journal()
            try:
                alias: int | None = registry.aliases(self._session.pipeline).get(registry.CHAMPION)
            except ServerUnavailable:
                answers, alias = False, None
            why = self._follow(alias, answers=answers)
        except Exception as error:  # noqa: BLE001 - whatever fails, the verified version goes on answering
            why = reason_of(error)
        # In doubt about the champion nobody is tried beside it: the journal may say more than could be read of it.
        self.trying.look(None if why else self.current, registry_answers=answers)
        fresh = Standing(self._reign.champion if self._reign else None, answers, why)
        if fresh != self.standing:
            level = logging.INFO if answers and not why else logging.WARNING
            told = "MLflow answers" if answers else "MLflow does not answer; the last verified version goes on"
            _log.log(level, "%s: version %s answers; %s; %s", self.config.pipeline,
                     self.current.number if self.current else "none", told, why or "it is the champion")  # fmt: skip
        self.standing = fresh

    def _read_journal(self) -> None:
        version = self._session.store.version("decisions")
        if version != self._journal_at:
            entries = self._session.journal.entries()
            self._reign, self._banned, self._journal_at = reign(entries), banned(entries), version
            self.trying.read(entries)

    def _follow(self, alias: int | None, *, answers: bool) -> str:
        wanted, now = self._reign, self.current
        if wanted is None:
            return "there is no champion yet; train one with `keepfit run training`"
        if wanted.champion in self._banned:
            return f"version {wanted.champion} is banned: {self._banned[wanted.champion]}"
        if answers and alias != wanted.champion:
            return (
                f"the alias names version {alias or 'none'} and the journal, which alone holds receipts, "
                f"{wanted.champion}; a promotion is at work, or `keepfit run reconciliation` mends it"
            )
        if now is not None and (now.number, now.sha256) == (wanted.champion, wanted.sha256):
            return ""
        return self._swap(wanted, answers=answers)

    def _swap(self, wanted: Reign, *, answers: bool) -> str:
        if self._refused and self._refused[0] == wanted and time.monotonic() < self._refused[1]:
            return self._refused[2]
        try:
            self.current = verified.load(
                self._session.store, self._folder, wanted, self.config.problem, registry_answers=answers
            )
        except KeepfitError as error:
            again = time.monotonic() + verified.AGAIN_SECONDS
            self._refused = (wanted, again, f"version {wanted.champion} is refused: {error}")
            return self._refused[2]
        return ""
