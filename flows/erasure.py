"""The erasure flow: a person's rows leave tables and kept deliveries; the models that had seen them are retrained."""

from contextlib import ExitStack

from prefect import flow

from config.settings import load_settings
from flows.naming import run_name
from flows.running import begin_run
from tasks import erasure, monitoring, online, reporting
from tasks.adapters import erasure_requests
from tasks.adapters.sources import FolderLabels
from tasks.core import markdown
from tasks.reconciliation import reconcile
from tasks.retrying import tried_again

# Nothing else may read or write the tables meanwhile.
_STAGES = ("cycle", "ingestion", "training", "scoring", "monitoring", "promotion", "reconciliation")


@flow(name="erasure", flow_run_name=run_name, persist_result=False)
def erasure_flow(pipeline: str, request: str) -> str:
    """Erase the person whom a request in the store names. `keepfit erase` writes the request and runs this.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        request: What the erasure is called: a keyed digest, so that Prefect is not told whom it is about.

    Returns:
        What was done.
    """
    config, session = begin_run(pipeline)
    home = load_settings().home
    # No task: its answer is a person's name, which Prefect is not given.
    subject = tried_again(lambda: erasure_requests.requested(session.store, request))
    named, joins = config.privacy.subject, config.suite.joins
    traces = erasure.traces_of(session, subject, config.columns, named, config.labels, joins)
    readers = {"events": config.source.read}
    readers |= {joining.table: join.source.read for join, joining in zip(config.joins, joins, strict=True)}
    if isinstance(config.labels, FolderLabels):
        readers["labels"] = config.labels.read
    with ExitStack() as held:
        for stage in _STAGES:
            held.enter_context(session.hold(stage))
        reconcile(session)
        online.take_up_answers(session, config.columns, config.suite.protection, home)
        plan = erasure.plan_erasure(session, request, traces, readers)
        decision = erasure.carry_out(session, plan, readers, home)
    if decision.outcome == erasure.TRIGGERED:
        monitoring.start_retraining(session, decision)
    page = markdown.page(f"Erasure in {pipeline}", decision.reason, [f"**Subject:** {request}"])
    reporting.show_page("erasure", pipeline, page)
    return decision.reason
