"""A step of the monitoring flow: live rows speak about the challenger that answered or scored them beside the champion.

It can only take a challenger out of the trial; what promotes one are the gates.
"""

from config.schema import PipelineConfig
from tasks import promotion, trial
from tasks.core.challenger import STOPPED, TRIAL
from tasks.core.errors import ArtefactMismatch, NotFound, StoreConflict
from tasks.core.results import Check, Verdict
from tasks.session import Session


def review_trial(config: PipelineConfig, session: Session) -> list[Check]:
    """Take the look that is due; gives what it said, or nothing."""
    tried = trial.find_trial(session) if config.serving.tries else None
    if tried is None:
        return []
    try:
        check = trial.look_at_trial(session, tried, config.gates, config.metric, config.search.seed)
        if check is not None and trial.record_trial(session, tried, check).outcome == STOPPED:
            with session.hold("promotion"):
                promotion.move_aliases(session)
    except (ArtefactMismatch, NotFound, StoreConflict) as error:  # the check of the champion stands; told, tried again
        return [Check(TRIAL, Verdict.UNKNOWN, f"the trial of version {tried.version} cannot be looked at: {error}")]
    return [] if check is None else [check]
