"""The scoring flow: the champion scores every batch that it has not scored, each once."""

from datetime import datetime

from prefect import flow

from config.schema import PipelineConfig
from config.settings import load_settings
from flows.naming import is_step, run_name
from flows.probation import score_in_silence
from flows.running import begin_run
from tasks import delivering, online, promotion, reporting, scoring
from tasks.adapters.leases import Lease
from tasks.adapters.outputs import Output
from tasks.adapters.registry import ModelVersion
from tasks.core import dossiers
from tasks.core.errors import NoChampion
from tasks.reconciliation import reconcile
from tasks.session import Session


@flow(name="scoring", flow_run_name=run_name, persist_result=False)
def scoring_flow(pipeline: str, as_of: datetime | None = None) -> dict[str, int]:
    """Score the batches that the champion has not scored yet, with the version that is champion when the run begins.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        as_of: The moment as which the run decides, with a time zone; empty means now.

    Returns:
        The rows scored, by batch.

    Raises:
        NoChampion: the registry answers that the pipeline has no champion yet.
    """
    config, session = begin_run(pipeline, as_of)
    with session.hold("scoring") as lease:
        if not is_step():
            reconcile(session)
        online.take_up_answers(session, config.columns, config.suite.protection, load_settings().home)
        champion = promotion.read_champion(session)
        if champion is None:
            raise NoChampion(f"{pipeline} has no champion yet. Train one first: keepfit run training {pipeline}")
        due = scoring.find_unscored(session, champion, config.scoring.lookback)
        model = scoring.load_champion(session, champion) if due else None
        scored = {batch: scoring.score_batch(session, champion, model, batch, config.problem, lease) for batch in due}
        decision = scoring.record_scoring(session, champion, scored)
        told = [_deliver(config, session, champion, output, lease) for output in config.scoring.outputs]
        score_in_silence(config, session, lease)
    reporting.show_page("scoring", pipeline, dossiers.scoring_page(decision, told))
    return {batch: counts[0] for batch, counts in scored.items()}


def _deliver(
    config: PipelineConfig, session: Session, champion: ModelVersion, output: Output, lease: Lease
) -> tuple[str, int, int]:
    batches = scoring.batches_of_interest(session, champion, config.scoring.lookback)
    due = delivering.find_undelivered(session, champion, output, batches)
    rows = [delivering.deliver_predictions(session, champion, output, batch, lease) for batch in due]
    return output.kind, len(due), sum(rows)
