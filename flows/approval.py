"""The approval flow: a person's answer to a proposal. Nothing waits in it: the proposal waits in the journal.

A flow run that pauses would need Prefect's memory of it, a worker to come back to, and could be resumed by anything.
"""

from typing import Literal

from prefect import flow

from config.schema import PipelineConfig
from config.setup import setup_of
from flows.naming import is_step
from flows.running import begin_run
from tasks import approval, carding, monitoring, promotion, reporting
from tasks.core import dossiers, markdown
from tasks.core.approval import DENIED, VOID
from tasks.core.championship import PROMOTED
from tasks.core.errors import ApprovalRefused
from tasks.core.results import Check, Decision
from tasks.reconciliation import reconcile
from tasks.session import Session


@flow(name="approval", flow_run_name="{pipeline} {answer} {decision}", persist_result=False)
def approval_flow(
    pipeline: str,
    decision: str,
    who: str,
    why: str,
    answer: Literal["approve", "refuse"] = "approve",
    digest: str = "",
) -> tuple[str, str]:
    """Approve or refuse a proposal; an approval that counts promotes the version, or starts the retraining.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        decision: Which proposal: its number in the journal, its key, or the beginning of one.
        who: Who answers. Two different people where the pipeline asks for four eyes.
        why: Why, for the journal.
        answer: Whether it is approved or refused.
        digest: The beginning of the digest of the evidence that was read; empty means the one in the journal.

    Returns:
        The outcome (promoted, triggered, approved once, declined) and the reason.

    Raises:
        ApprovalRefused: the answer does not count. The message names the rule.
    """
    config, session = begin_run(pipeline)
    given = {"answer": answer, "who": who, "why": why, "digest": digest}
    with session.hold("promotion") as lease:
        proposal = approval.read_proposal(session, decision)
        standing = approval.read_standing(session, proposal, config.governor)  # before a repair moves an alias back
        if not is_step():
            reconcile(session)
        judged = approval.judge_approval(session, proposal, given, config.governor, standing)
        done = approval.record_approval(session, proposal, given, judged, lease)
        if done.outcome == PROMOTED:
            promotion.move_aliases(session)
        elif done.outcome == "triggered":
            monitoring.start_retraining(session, done)
    _show(config, session, decision, done, judged)
    if done.outcome in {DENIED, VOID}:
        raise ApprovalRefused(f"The answer to decision {decision} of {pipeline} does not count. {done.reason}")
    return done.outcome, done.reason


def _show(config: PipelineConfig, session: Session, decision: str, done: Decision, judged: Check) -> None:
    lead = f"{done.evidence['who']} said {done.evidence['answer']} to decision {decision}: **{done.outcome}**."
    parts = [*dossiers.answer(done), dossiers.checks_table([judged])]
    page = markdown.page(f"Approval in {session.pipeline}", lead, parts)
    reporting.show_page("approval", session.pipeline, page)
    if done.outcome == PROMOTED:
        with reporting.only_shown():
            version = promotion.read_version(session, int(done.evidence["version"]))
            promotion.annotate_version(session, version, done)
            carding.write_card(session, version, setup_of(config))
