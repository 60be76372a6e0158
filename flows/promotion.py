"""The promotion flow: a version becomes champion when every gate passes, and stays a candidate otherwise."""

from datetime import datetime

from prefect import flow

from config.schema import PipelineConfig
from config.setup import setup_of
from flows.naming import is_step, run_name
from flows.running import begin_run
from tasks import carding, evidence, promotion, reporting
from tasks.adapters.leases import Lease
from tasks.adapters.registry import ModelVersion
from tasks.core import dossiers
from tasks.core.results import Decision
from tasks.links import version_links
from tasks.reconciliation import reconcile
from tasks.session import Session


@flow(name="promotion", flow_run_name=run_name, persist_result=False)
def promotion_flow(pipeline: str, version: int, as_of: datetime | None = None) -> tuple[str, str]:
    """Judge a registered version against the champion on the same fresh rows, and promote it or say why not.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        version: Number of the registered version that is to be judged.
        as_of: The moment as which the run decides, with a time zone; empty means now.

    Returns:
        The outcome (promoted, refused, or proposed, where people have to approve it) and the reason.
    """
    config, session = begin_run(pipeline, as_of)
    with session.hold("promotion") as lease:
        if not is_step():
            reconcile(session)
        session.require_records()
        candidate = promotion.read_version(session, version)
        # Killed after its receipt, a promotion ends as it was decided: a champion is not held against itself.
        decision = promotion.find_receipt(session, version) or _judge(config, session, candidate, lease)
        promotion.move_aliases(session)
    gates = promotion.gates_of(decision)
    text = dossiers.promotion_page(decision, gates, version_links(pipeline, version, candidate.run_id))
    with reporting.only_shown():
        promotion.annotate_version(session, candidate, decision)
        carding.write_card(session, candidate, setup_of(config))
    reporting.show_page("promotion", pipeline, text)
    return decision.outcome, decision.reason


def _judge(config: PipelineConfig, session: Session, candidate: ModelVersion, lease: Lease) -> Decision:
    champion = promotion.read_champion(session)
    seed = config.search.seed
    found = evidence.gather_evidence(session, candidate, champion, config.metric, config.gates, seed)
    ban = promotion.read_ban(session, candidate)
    judged = promotion.judge_candidate(config.gates, found, config.first_champion, ban)
    return promotion.record_promotion(session, candidate, champion, judged, lease, config.governor)


def reconsider(config: PipelineConfig, session: Session) -> tuple[str, str] | None:
    """Judge a candidate again that was refused for lack of evidence, where new rows may give it; None: there is none.

    A pipeline that only observes or suggests promotes nothing by itself: there a person asks for the promotion.
    """
    if config.governor.mode not in {"auto", "approve"}:
        return None
    waiting = promotion.find_challenger(session)
    return None if waiting is None else promotion_flow(session.pipeline, waiting, session.as_of)
