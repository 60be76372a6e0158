"""The scoring flow: the champion scores every batch that it has not scored, each once."""

from datetime import datetime

from prefect import flow

from config.schema import PipelineConfig
from config.settings import load_settings
from flows.naming import is_step, run_name
from flows.probation import score_in_silence
from flows.running import begin_run
from tasks import delivering, online, promotion, reporting, scoring
from tasks.adapters.outputs import Output
from tasks.adapters.registry import ModelVersion
from tasks.core import dossiers
from tasks.core.errors import KeepfitError, NoChampion
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
        score_in_silence(config, session, lease)
        outputs = enumerate(config.scoring.outputs, start=1)
        told = [_deliver(config, session, champion, f"{output.kind} {number}", output) for number, output in outputs]
    reporting.show_page("scoring", pipeline, dossiers.scoring_page(decision, told))
    return {batch: counts[0] for batch, counts in scored.items()}


def _deliver(
    config: PipelineConfig, session: Session, champion: ModelVersion, name: str, output: Output
) -> tuple[str, int, str]:
    """Deliver what an output has not got yet; where it does not answer, people are told, and the loop goes on."""
    batches = scoring.batches_of_interest(session, champion, config.scoring.lookback)
    receipt, rows = delivering.find_reign(session), list[int]()
    try:
        with session.hold(f"delivering to {name}") as lease:
            due = delivering.find_undelivered(session, champion, output, batches, receipt)
            deliver = delivering.deliver_predictions
            rows.extend(deliver(session, champion, output, batch, receipt, lease) for batch in due)
    except KeepfitError as error:  # told already, where the stage ended
        return name, len(rows), f"{sum(rows)}, then: {error}"
    return name, len(rows), str(sum(rows))
