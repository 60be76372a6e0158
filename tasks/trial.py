"""Task wrappers of the trial: who is tried on live requests, what a look at both versions' scores says, its record."""

import logging

from prefect import task

from tasks import evidence
from tasks.adapters import labelled, registry
from tasks.core import challenger, fitting, trial
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
    """Compare both on the labelled rows that both have scored and neither was trained on; None: no look is due yet."""
    window = Window(tried.since, session.as_of)
    versions = [registry.version_of(session.pipeline, number) for number in (tried.replaces, tried.version)]
    ours, theirs = (labelled.predictions_in(session.store, one.number, window, session.as_of) for one in versions)
    rows = ours.merge(theirs[[ROW_ID, "prediction"]], on=ROW_ID, suffixes=("", "_challenger"))
    known = rows[rows["label"].notna()].sort_values(ROW_ID)
    taken = trial.looks_taken(session.journal.entries(challenger.TRIAL), tried)
    for version in versions if trial.is_due(taken, len(known), gates) else ():
        known = known[~known[ROW_ID].isin(evidence.seen_ids(session, facts_of(version)))]
    if not trial.is_due(taken, len(known), gates):
        return None
    return trial.judge_trial(
        gates=gates, metric=metric, actual=known["label"].to_numpy("float64"),
        champion=known["prediction"].to_numpy("float64"), challenger=known["prediction_challenger"].to_numpy("float64"),
        blocks=fitting.days_of(known), look=len(taken) + 1, seed=seed,
    )  # fmt: skip


@task(name="record trial", **STEP)
def record_trial(session: Session, tried: OnTrial, check: Check) -> Decision:
    """Write what the look said; a challenger that does worse on live rows is tried, and waits, no longer."""
    if check.verdict is Verdict.FAIL:
        _log.warning("%s: version %s is on trial no longer: %s", session.pipeline, tried.version, check.reason)
    return session.record(trial.decided(session.pipeline, tried, check, session.as_of, session.run_id)).decision
