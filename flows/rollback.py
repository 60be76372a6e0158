"""The rollback flow: the previous champion, or a version by number, becomes champion again; a person asked for it."""

from prefect import flow

from flows.running import begin_run
from tasks import promotion, reporting, rollback
from tasks.core import markdown


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
    with session.hold("promotion") as lease:
        decision = rollback.roll_back(session, to, who, why, lease, ban)
        answers = decision.evidence["verified"]
        if answers:
            promotion.move_aliases(session)
    back, down = decision.evidence["version"], decision.evidence["replaces"]
    told = f"Version {back} is champion again; version {down} stepped down" + (" and is banned." if ban else ".")
    if not answers:
        told += " MLflow does not answer: its aliases follow with the first reconciliation after it is back."
    elif ban:
        with reporting.only_shown():
            rollback.ban_version(session, int(down), decision.reason)
    reporting.show_page(
        "rollback", pipeline, markdown.page(f"Rollback of {pipeline}", told, [f"**Who, why:** {who}: {why}"])
    )
    return told
