"""The cycle flow: ingestion, scoring and monitoring as one chain, the one that is usually scheduled."""

from datetime import datetime

from prefect import flow

from config.schema import PipelineConfig
from flows.ingestion import ingestion_flow
from flows.monitoring import monitoring_flow
from flows.naming import run_name
from flows.promotion import reconsider
from flows.running import begin_run
from flows.scoring import scoring_flow
from tasks import monitoring, promotion, reporting
from tasks.core import markdown
from tasks.core.observations import Context
from tasks.core.results import Window
from tasks.reconciliation import reconcile
from tasks.session import Session


@flow(name="cycle", flow_run_name=run_name, persist_result=False)
def cycle_flow(pipeline: str, as_of: datetime | None = None) -> dict[str, str]:
    """Take in new data, score it with the champion, and check the champion; without a champion, ask for the first one.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        as_of: The moment as which the run decides, with a time zone; empty means now.

    Returns:
        One line per step.
    """
    config, session = begin_run(pipeline, as_of)
    with session.hold("cycle"):
        reconcile(session)
        ingested = ingestion_flow(pipeline, session.as_of)
        told = {"ingestion": ", ".join(ingested) or "nothing new"}
        if again := reconsider(config, session):
            told["promotion"] = f"the challenger was {again[0]}: {again[1]}"
        if promotion.read_champion(session) is None:
            told["training"] = _first_training(config, session)
        else:
            scored = scoring_flow(pipeline, session.as_of)
            told["scoring"] = f"{sum(scored.values())} rows of {len(scored)} batches"
            outcome, reason = monitoring_flow(pipeline, session.as_of)
            told["monitoring"] = f"{outcome}: {reason}"
    page = markdown.page(f"Cycle of {pipeline}", f"As of {session.as_of:%Y-%m-%d %H:%M} UTC.",
                         [markdown.table(("step", "what happened"), list(told.items()))])  # fmt: skip
    reporting.show_page("cycle", pipeline, page)
    return told


def _first_training(config: PipelineConfig, session: Session) -> str:
    window = Window(session.as_of - config.drift.window, session.as_of)
    context = Context(session.pipeline, 0, window, session.as_of, session.run_id)
    decision = monitoring.decide_first_training(session, context, config.governor)
    if decision.outcome == "triggered":
        monitoring.start_retraining(session, decision)
    return f"{decision.outcome}: {decision.reason}"
