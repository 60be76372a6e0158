"""A step of the monitoring flow: live rows speak about the challenger that answered or scored them beside the champion.

It can only take a challenger out of the trial; what promotes one are the gates.
"""

from config.schema import PipelineConfig
from tasks import promotion, trial
from tasks.core.challenger import STOPPED
from tasks.core.results import Check
from tasks.session import Session


def review_trial(config: PipelineConfig, session: Session) -> list[Check]:
    """Take the look that is due; gives what it said, or nothing."""
    tried = trial.find_trial(session) if config.serving.tries else None
    if tried is None:
        return []
    check = trial.look_at_trial(session, tried, config.gates, config.metric, config.search.seed)
    if check is None:
        return []
    if trial.record_trial(session, tried, check).outcome == STOPPED:
        with session.hold("promotion"):
            promotion.move_aliases(session)
    return [check]
