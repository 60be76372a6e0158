"""The simulation flow: a pipeline's own history under several policies, side by side. It changes nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prefect import flow

from config.schema import PipelineConfig
from flows.naming import run_name
from flows.running import begin_run, task_runner
from tasks import reporting, simulation
from tasks.adapters.provenance import code_digest
from tasks.core import dossiers
from tasks.core.comparison import Run, Standing, compare
from tasks.core.plays import Play
from tasks.core.policies import POLICIES, Policy
from tasks.core.rehearsal import Setting
from tasks.core.results import Window
from tasks.core.simulation import moments_between
from tasks.links import version_links
from tasks.session import Session
from tasks.simulation import Pinned


@flow(name="simulation", flow_run_name=run_name, persist_result=False)
def simulation_flow(
    pipeline: str,
    policies: tuple[Policy, ...] = POLICIES,
    every: timedelta = timedelta(days=30),
    start: datetime | None = None,
    end: datetime | None = None,
    check_every: timedelta | None = None,
) -> tuple[list[Run], list[Standing], dict[str, str]]:
    """Replay the accepted history of a pipeline under policies, and compare what each would have scored and cost.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        policies: What to compare, by kind.
        every: Length of a period; each policy decides at the beginning of every period.
        start: First moment of decision, with a time zone; empty means a third into the history.
        end: End of the last period; empty means the end of the history.
        check_every: How often `keepfit` decides within a period, as its cycle does; empty means at its beginning only.

    Returns:
        The periods of each policy, the table, and links to the MLflow run.
    """
    config, session = begin_run(pipeline)
    with session.hold("simulation"):
        setting, pinned = setting_of(config), simulation.pin_history(session)
        moments = moments_between(pinned.span, every, start, end)
        plays = [Play(policy.kind, setting, policy, tuple(moments), check_every=check_every) for policy in policies]
        runs = _simulate(config, session, pinned, plays)
        table = compare(runs, config.metric, _declared(config))
        page = dossiers.simulation_page(pipeline, config.metric, runs, table)
        mlflow_run = simulation.record_simulation(session, runs, table, config.metric, page)
        reporting.show_page("simulation", pipeline, page)
    return runs, table, version_links(pipeline, None, mlflow_run)


def setting_of(config: PipelineConfig) -> Setting:
    """What of a pipeline's file decides in a simulation."""
    return Setting(
        problem=config.problem, metric=config.metric, features=config.features, split=config.split,
        strategy=config.strategy, families=config.candidates, gates=config.gates, first_champion=config.first_champion,
        drift=config.drift, performance=config.performance, triggers=config.triggers, governor=config.governor,
        label_delay=config.labels.delay, seed=config.search.seed,
        probe=config.search.probe,
    )  # fmt: skip


def _declared(config: PipelineConfig) -> tuple[Window, ...] | None:
    """The changes that a retraining has to answer, where the source declares the truth: the generated sample only."""
    from tasks.core import sample  # it imports pandas

    return sample.changes() if config.source.kind == "sample" else None


def _simulate(config: PipelineConfig, session: Session, pinned: Pinned, plays: Sequence[Play]) -> list[Run]:
    setting, moments = plays[0].setting, plays[0].moments
    # Where each model is fitted like its champion, nothing can be fitted before the policies have chosen one.
    known = setting.strategy.kind == "new_search" and any(play.policy.kind == "every_window" for play in plays)
    ahead, code = moments[:-1] if known else (), code_digest()
    what = "trainings fitted and policies simulated"
    step = reporting.count_progress("simulation", session.pipeline, what, len(ahead) + len(plays))
    with task_runner(config.runner) as pool:
        # What the schedule fits, the other policies find: first all trainings side by side, then all policies.
        simulation.fit_ahead(pool, pinned, setting, ahead, code, step)
        return simulation.play_all(pool, pinned, plays, code, step)
