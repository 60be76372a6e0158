"""The rollback flow: the previous champion, or a version by number, becomes champion again; a person asked for it.

`go_back` is all of it and needs no run of Prefect's: in an emergency neither Prefect nor MLflow has to answer.
"""

from prefect import flow

from flows.running import begin_run
from tasks import reporting, rollback
from tasks.adapters import orchestrator
from tasks.core import markdown
from tasks.session import Session


@flow(name="rollback", flow_run_name="{pipeline}", persist_result=False)
def rollback_flow(
    pipeline: str, to: int | None = None, who: str = "unknown", why: str = "no reason given", ban: bool = False
) -> str:
    """Take the champion back: the journal is written first, then the registry's aliases follow it.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        to: Number of the version to go back to; empty means the previous champion.
        who: Who asked for it.
        why: Why, for the journal.
        ban: Whether the version that steps down is never promoted or served again.

    Returns:
        One sentence.
    """
    _, session = begin_run(pipeline)
    return go_back(session, to, who, why, ban=ban)


def go_back(session: Session, to: int | None, who: str, why: str, *, ban: bool) -> str:
    """What the flow does, in whichever process; returns one sentence.

    Raises NoChampion and NoSuchChoice where there is nothing to go back to, ArtefactMismatch where its file is not the
    registered one, ServerUnavailable where it was never champion and MLflow does not answer, StoreConflict while a
    promotion is at work.
    """
    with session.hold("promotion") as lease:
        decision = rollback.roll_back.fn(session, to, who, why, lease, ban)
        followed = rollback.follow(session, decision)
    back, down = decision.evidence["version"], decision.evidence["replaces"]
    told = f"Version {back} is champion again; version {down} stepped down" + (" and is banned." if ban else ".")
    if not followed:
        told += " MLflow does not answer: its aliases follow with the first reconciliation after it is back."
    page = markdown.page(f"Rollback of {session.pipeline}", told, [f"**Who, why:** {who}: {why}"])
    if not session.by_hand or orchestrator.answers():
        reporting.show_page("rollback", session.pipeline, page)
    return told
