"""Task wrappers that ask whether the invariants hold, alert what does not, and journal when that changes."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prefect import task

from tasks.adapters import cleanroom, orchestrator, registry, tracking
from tasks.adapters.leases import Lease
from tasks.core import championship, invariants
from tasks.core.championship import Reign
from tasks.core.errors import ArtefactMismatch, KeepfitError
from tasks.core.joins import is_joined
from tasks.core.online import ONLINE
from tasks.core.privacy.erasure import settle
from tasks.core.results import Check, Decision, JournalEntry, Verdict, overall
from tasks.retrying import STEP
from tasks.session import Session
from tasks.versions import facts_of

if TYPE_CHECKING:
    import pandas as pd

_CHAIN = "I10 the journal is whole"
_log = logging.getLogger(__name__)


@task(name="verify invariants", **STEP)
def verify_invariants(session: Session) -> tuple[Check, ...]:
    """Every invariant's answer: pass, fail with what is broken, or unknown when it could not be read."""
    checks: list[tuple[str, Callable[[Session], list[str]]]] = [
        ("I1 one champion, the journal's", _check_champion),
        ("I2 its artefact is the judged one", _check_artefact),
        ("I3 its receipt passes", lambda s: invariants.receipt_passes(*_entries_and_reign(s))),
        ("I4, I6 batches stand once and add up", _check_batches),
        ("I5 scored once", _check_scores),
        ("I7 nothing dead is called running", _check_running),
        ("I8 breaches are answered", lambda s: invariants.breaches_answered(s.journal.entries())),
        ("I9 no staging left", _check_staging),
        (_CHAIN, lambda s: s.journal.verify()),
    ]
    return tuple(_answer(name, check, session) for name, check in checks)


def alert(checks: Iterable[Check]) -> None:
    """Say what is broken, and what could not be checked: that is not known to hold."""
    for check in checks:
        if not check.passed:
            what = "broken" if check.verdict is Verdict.FAIL else "could not check"
            _log.error("%s %s: %s", what, check.name, check.reason)


@task(name="record verification", **STEP)
def record_verification(session: Session, checks: Sequence[Check], lease: Lease) -> None:
    """Write what stands broken into the journal whenever that changes. To a broken chain nothing is appended."""
    if not all(check.passed for check in checks if check.name == _CHAIN):
        return
    last = session.journal.last("verification")
    before = {name: told["reason"] for name, told in last.decision.evidence.items()} if last else {}
    broken = invariants.standing(before, checks)
    if broken != before:
        session.leases.check(lease)
        session.record(Decision(
            key=f"verification:{session.run_id}", pipeline=session.pipeline, kind="verification",
            verdict=Verdict.FAIL if broken else overall(checks), outcome="broken" if broken else "mended",
            reason="; ".join(f"{name}: {why}" for name, why in broken.items()) or "what was broken holds again",
            as_of=session.as_of, run_id=session.run_id,
            evidence={name: {"verdict": Verdict.FAIL, "reason": why} for name, why in broken.items()},
        ))  # fmt: skip


def _answer(name: str, check: Callable[[Session], list[str]], session: Session) -> Check:
    try:
        broken = check(session)
    except ArtefactMismatch as error:
        return Check(name, Verdict.FAIL, str(error))
    except KeepfitError as error:
        return Check(name, Verdict.UNKNOWN, str(error))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        if not session.journal.verify():
            raise
        told = f"cannot be told, because the journal was changed ({type(error).__name__}); see {_CHAIN}"
        return Check(name, Verdict.UNKNOWN, told)
    # In order, so that the same breach reads the same whenever it is seen.
    return Check(name, Verdict.FAIL if broken else Verdict.PASS, "; ".join(sorted(broken)) or "holds")


def _entries_and_reign(session: Session) -> tuple[list[JournalEntry], Reign | None]:
    entries = session.journal.entries()
    return entries, championship.reign(entries)


def _check_champion(session: Session) -> list[str]:
    _, reign = _entries_and_reign(session)
    return invariants.champion_is_the_journals(reign, registry.aliases(session.pipeline))


def _check_artefact(session: Session) -> list[str]:
    _, reign = _entries_and_reign(session)
    if reign is None:
        return []
    version = registry.version_of(session.pipeline, reign.champion)
    if version.sha256 != reign.sha256:
        return [f"I2 version {reign.champion} is recorded with another SHA-256 than its receipt"]
    with TemporaryDirectory(prefix="keepfit-") as folder:
        path = registry.fetch(session.pipeline, version, Path(folder))
        cleanroom.load_in_clean_process(path, facts_of(version).features)
    return []


def _check_batches(session: Session) -> list[str]:
    import pandas as pd

    batches = session.store.read("batches")
    joined = [kind for kind in batches.get("kind", pd.Series(dtype=object)).unique() if is_joined(kind)]
    counts = {table: _counts(session, table) for table in ("events", "quarantine", *joined)}
    labels = _counts(session, "labels")
    rejected = session.store.read("quarantine", ["_batch_id", "_row_number"])
    counts["quarantine"] = rejected[rejected["_row_number"] >= 0].groupby("_batch_id").size()
    published = settle({**counts, "labels": labels}, session.store.erased("rows"))
    counted = session.store.read("superseded", ["of_batch"])["of_batch"].value_counts()
    gone = {str(batch): int(rows) for batch, rows in counted.items()}
    again = session.store.read("released", ["of_batch", "_row_number"])
    return [
        *invariants.batches_once(batches, published, gone),
        *invariants.released_once(again, rejected),
    ]


def _counts(session: Session, table: str) -> "pd.Series":
    return session.store.read(table, ["_batch_id"]).groupby("_batch_id").size()


def _check_scores(session: Session) -> list[str]:
    import pandas as pd

    names = ["_batch_id", "model_version", "_row_id"]
    predictions = session.store.read("predictions")
    if predictions.empty:
        return []
    online = predictions["_batch_id"].astype(str).str.startswith(ONLINE)
    twice = invariants.answered_once(predictions[online]) if online.any() else []
    predictions = predictions.loc[~online, names]
    # What could not be scored stands first, so it counts where predictions of the batch stand, too.
    left = session.store.read("unscored", names)
    if len(left) and len(predictions):
        predictions = pd.concat([predictions, left.merge(predictions[names[:2]].drop_duplicates())])
    return twice + invariants.scored_once({str(k): int(v) for k, v in _counts(session, "events").items()}, predictions)


def _check_running(session: Session) -> list[str]:
    running = {f"MLflow run {run}": datetime.fromtimestamp(start / 1000, UTC) for run, (holder, start)
               in tracking.running_runs(session.pipeline).items() if holder not in session.alive()}  # fmt: skip
    flows = {f"flow run {run.id}": run.started_at for run in orchestrator.running_flow_runs(session.pipeline)}
    return invariants.runs_are_alive({**running, **flows}, sorted(session.alive()), datetime.now(UTC))


def _check_staging(session: Session) -> list[str]:
    left = session.store.staging_leftovers(datetime.now(UTC) - invariants.LEFTOVER)
    if not session.is_free("ingestion"):
        return left
    return left + [f"I9 batch {batch[:12]} is staged and nobody publishes it" for batch in session.store.staged()]
