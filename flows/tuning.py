"""The tuning flow: thresholds tried on a pipeline's own history, chosen by its first half, judged by its second."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prefect import flow

from config.proposal import snippet_of
from config.schema import PipelineConfig
from flows.naming import run_name
from flows.running import begin_run, task_runner
from flows.simulation import setting_of
from tasks import reporting, simulation
from tasks.adapters.provenance import code_digest
from tasks.core import tuning
from tasks.core.comparison import Run, compare
from tasks.core.rehearsal import Setting
from tasks.core.simulation import moments_between
from tasks.core.tuning import Thresholds, Tuned
from tasks.links import version_links
from tasks.session import Session
from tasks.simulation import Pinned


@flow(name="tuning", flow_run_name=run_name, persist_result=False)
def tuning_flow(
    pipeline: str,
    every: timedelta = timedelta(days=30),
    start: datetime | None = None,
    end: datetime | None = None,
    check_every: timedelta | None = None,
) -> tuple[Tuned, str, dict[str, str]]:
    """Play a grid of thresholds through the first half of a history, and the choice through the second. It changes
    nothing: the proposal is for a person to take over.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        every: Length of a period; each policy decides at the beginning of every period.
        start: First moment of decision, with a time zone; empty means a third into the history.
        end: End of the last period; empty means the end of the history.
        check_every: How often `keepfit` decides within a period, as its cycle does; empty means at its beginning only.

    Returns:
        What came out, the YAML to take it over ("" where nothing is to change), and links to the MLflow run.
    """  # noqa: D205
    config, session = begin_run(pipeline)
    with session.hold("simulation"):
        setting, pinned = setting_of(config), simulation.pin_history(session)
        moments = moments_between(pinned.span, every, start, end)
        tuned, runs = _tune(config, session, pinned, setting, moments, check_every)
        snippet = snippet_of(config, tuned.chosen.put_into(setting)) if tuned.chosen != tuned.present else ""
        page = tuning.tuning_page(pipeline, config.metric, tuned, snippet)
        mlflow_run = simulation.record_simulation(session, runs, tuned.late, config.metric, page, "tuning")
        reporting.show_page("tuning", pipeline, page)
    return tuned, snippet, version_links(pipeline, None, mlflow_run)


def _tune(
    config: PipelineConfig,
    session: Session,
    pinned: Pinned,
    setting: Setting,
    moments: Sequence[datetime],
    check_every: timedelta | None = None,
) -> tuple[Tuned, list[Run]]:
    code, first = code_digest(), tuning.early(setting, moments, check_every)
    # Where each model is fitted like its champion, nothing can be fitted before it is known who that is.
    ahead = moments[:-1] if setting.strategy.kind == "new_search" else []
    what, total = "trainings fitted and thresholds tried", len(ahead) + len(first) + tuning.LATE_PLAYS
    step = reporting.count_progress("tuning", session.pipeline, what, total)
    with task_runner(config.runner) as pool:
        simulation.fit_ahead(pool, pinned, setting, ahead, code, step)
        early = simulation.play_all(pool, pinned, first, code, step)
        chosen = tuning.grid(setting)[tuning.choose(early, config.metric)]
        second = tuning.late(setting, chosen, moments, check_every)
        late = simulation.play_all(pool, pinned, second, code, step)
        if len(second) < tuning.LATE_PLAYS:
            step()  # the play that was not needed
    tables = (tuple(compare(runs, config.metric)) for runs in (early, late))
    return Tuned(Thresholds.of(setting), chosen, moments[tuning.cut_of(moments)], *tables), late
