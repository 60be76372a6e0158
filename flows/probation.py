"""What follows a promotion: the champion before it scores in silence, and comes back where the new one does worse.

Steps of the scoring and the monitoring flow; neither is a flow of its own.
"""

from config.schema import PipelineConfig
from tasks import estimating, probation, promotion, reporting, rollback, scoring
from tasks.adapters.leases import Lease
from tasks.core import dossiers, markdown
from tasks.core.errors import ArtefactMismatch, NotFound
from tasks.core.probation import Look
from tasks.core.probation_estimates import judge_estimate
from tasks.core.results import Check, Verdict
from tasks.session import Session


def score_in_silence(config: PipelineConfig, session: Session, lease: Lease) -> int:
    """The champion before scores what the champion does; returns how many rows. What it cannot score harms nobody."""
    if not config.probation.windows:
        return 0
    try:
        shadow = probation.find_shadow(session, config.probation)
        due = [] if shadow is None else scoring.find_unscored(session, shadow, config.scoring.lookback)
        if shadow is None or not due:
            return 0
        model = scoring.load_champion(session, shadow)
    except (ArtefactMismatch, NotFound) as error:
        probation.alert(session, f"the champion before cannot score in silence: {error}")
        return 0
    scored = {batch: scoring.score_batch(session, shadow, model, batch, config.problem, lease) for batch in due}
    scoring.record_scoring(session, shadow, scored)
    return sum(rows for rows, _ in scored.values())


def watch(config: PipelineConfig, session: Session) -> tuple[str, str] | None:
    """Take the looks that are due; a champion that is surely worse than the one before it is rolled back and banned.

    Returns the outcome and the reason of a rollback, else None. A pipeline that only observes writes down what it saw.
    """
    for look in probation.find_looks(session, config.probation, config.labels.delay):
        check = probation.take_look(session, look, config.probation, config.metric, config.search.seed)
        if check.numbers["waiting"] and not look.last:
            continue
        if check.verdict is Verdict.FAIL and config.governor.mode != "observe":
            return _take_back(config, session, look, check)
        probation.record_look(session, look, check)
    return _watch_estimates(config, session)


def _watch_estimates(config: PipelineConfig, session: Session) -> tuple[str, str] | None:
    """While labels of a window are missing: estimated scores, with the weight that the estimator has earned."""
    rules, metric = config.probation, config.metric
    for look in probation.find_unlabelled_looks(session, rules):
        record = estimating.weigh_estimates(session, config.performance, config.estimation, metric, config.labels.delay)
        ours, theirs = estimating.gather_rivals(session, look, metric)
        check = judge_estimate(
            rules, config.estimation, record, metric=metric, champion=ours, previous=theirs, seed=config.search.seed
        )
        if check.numbers["waiting"]:
            continue
        if check.verdict is Verdict.FAIL and config.governor.mode != "observe":
            return _take_back(config, session, look, check)
        probation.record_look(session, look, check)
    return None


def _take_back(config: PipelineConfig, session: Session, look: Look, check: Check) -> tuple[str, str]:
    why = f"probation, window {look.number} of {config.probation.windows}: {check.reason}"
    with session.hold("promotion") as lease:
        facts = probation.evidence_of(look, check)
        decision = rollback.roll_back(session, look.previous, "keepfit", why, lease, ban=True, evidence=facts)
        promotion.move_aliases(session)
    told = f"version {look.champion} is rolled back and banned, version {look.previous} serves again: {why}"
    probation.alert(session, told)
    lead = f"Version {look.champion} stepped down and is **banned**; version {look.previous} is champion again."
    page = markdown.page(
        f"Rollback of {session.pipeline}", lead, [*dossiers.answer(decision), dossiers.checks_table([check])]
    )
    with reporting.only_shown():
        rollback.ban_version(session, look.champion, decision.reason)
    reporting.show_page("rollback", session.pipeline, page)
    return decision.outcome, decision.reason
