"""Task wrappers of the trial: who is tried on live requests, what a look at both versions' scores says, its record."""

import logging

from prefect import task

from tasks import evidence
from tasks.adapters import labelled, registry
from tasks.core import fitting, trial
from tasks.core.challenger import TRIAL
from tasks.core.features import ROW_ID
from tasks.core.gates import Gate
from tasks.core.metrics import MetricName
from tasks.core.results import Check, Decision, Verdict, Window
from tasks.core.trial import OnTrial
from tasks.retrying import STEP
from tasks.session import Session
from tasks.versions import facts_of

_log = logging.getLogger(__name__)


@task(name="find trial", **STEP)
def find_trial(session: Session) -> OnTrial | None:
    """Who is on trial, by the journal; None: nobody."""
    return trial.on_trial(session.journal.entries())


@task(name="look at trial", **STEP)
def look_at_trial(
    session: Session, tried: OnTrial, gates: tuple[Gate, ...], metric: MetricName, seed: int
) -> Check | None:
    """Compare what both said of the same requests, with labels and learnt by neither; None: no look is due yet."""
    window, taken = Window(tried.since, session.as_of), trial.looks_taken(session.journal.entries(TRIAL), tried)
    rows = labelled.answered_by_both(session.store, (tried.replaces, tried.version), window, session.as_of)
    rows = rows[rows["first"].notna()]
    if lacking := trial.judge_answers(gates, len(rows), int(rows["second"].isna().sum()), len(taken) + 1):
        return lacking
    known = rows[rows["second"].notna() & rows["label"].notna()].sort_values(ROW_ID)
    if trial.is_due(taken, len(known), gates):
        for number in (tried.replaces, tried.version):
            seen = evidence.seen_ids(session, facts_of(registry.version_of(session.pipeline, number)))
            known = known[~known[ROW_ID].isin(seen)]
    if not trial.is_due(taken, len(known), gates):
        return None
    check = trial.judge_trial(
        gates=gates, metric=metric, actual=known["label"].to_numpy("float64"),
        champion=known["first"].to_numpy("float64"), challenger=known["second"].to_numpy("float64"),
        blocks=fitting.days_of(known), look=len(taken) + 1, seed=seed,
    )  # fmt: skip
    return check if check.numbers["difference"] is not None else None  # nothing was compared, so nobody has looked


@task(name="record trial", **STEP)
def record_trial(session: Session, tried: OnTrial, check: Check) -> Decision:
    """Write what the look said; a challenger that does worse on live rows is tried, and waits, no longer."""
    if check.verdict is Verdict.FAIL:
        _log.error("%s: version %s is on trial no longer: %s", session.pipeline, tried.version, check.reason)
    return session.record(trial.decided(session.pipeline, tried, check, session.as_of, session.run_id)).decision
