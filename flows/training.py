"""The training flow: from a snapshot to a registered candidate, handed to promotion. Interrupted, it resumes."""

from collections.abc import Sequence
from datetime import datetime

from prefect import flow

from config.load import config_digest
from config.runners import Dask
from config.schema import PipelineConfig
from flows.naming import run_name
from flows.promotion import promotion_flow
from flows.running import begin_run, task_runner
from tasks import probing, promotion, reporting, training
from tasks.adapters.processes import Meter
from tasks.adapters.provenance import code_digest
from tasks.adapters.registry import ModelVersion
from tasks.core import choosing, dossiers, markdown, probe
from tasks.core.fitting import Recipe
from tasks.core.gates import duel_of
from tasks.core.results import Check, Number, Snapshot
from tasks.links import version_links
from tasks.reconciliation import reconcile
from tasks.searching import Budget, Tried, run_search
from tasks.session import Session
from tasks.versions import known_recipe


@flow(name="training", flow_run_name=run_name, persist_result=False)
def training_flow(
    pipeline: str, as_of: datetime | None = None, reason: str = "on demand", token: str | None = None
) -> tuple[int, str]:
    """Train candidates on a snapshot of labelled rows, register the best, and ask promotion to judge it.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        as_of: The moment as which the run decides, with a time zone; empty means now.
        reason: Why this training runs; it stands in the journal and on the MLflow run.
        token: Set by monitoring: the breach that this training answers, once. Leave it empty for a run on demand.

    Returns:
        The number of the registered version and what promotion decided; 0 and postponed or spared, where a probe said
        before the search that a retraining comes too early or would not help.
    """
    config, session = begin_run(pipeline, as_of)
    meter = Meter.start()
    with session.hold("training") as lease:
        reconcile(session)
        try:
            return _train(config, session, reason, token, meter)
        except Exception as error:
            spent = _cost(config, meter, None)
            training.record_failure(session, error, spent, token, lease)
            raise


def _train(config: PipelineConfig, session: Session, reason: str, token: str | None, meter: Meter) -> tuple[int, str]:
    session.require_records()  # or what is fitted could not be judged
    snapshot = training.take_snapshot(session, config.split)
    counts = training.cut_snapshot(session, snapshot, config.split)
    probed = _probe(config, session, snapshot, token) if token else None
    if token and probed and (held := probe.held_back(probed)):
        spent = _cost(config, meter, [])
        training.record_training(session, held, probed.reason, spent, token)
        page = dossiers.held_page(session.pipeline, reason, probed, spent, held)
        reporting.show_page("training", session.pipeline, page)
        return 0, held
    tags = training.provenance_tags(session, config_digest(config), reason, config.search.seed, config.strategy.kind)
    run = training.open_run(session, tags)
    try:
        best, tried = _choose(config, session, snapshot)
        version, scores = _candidate(session, snapshot, best, run, tags)
        training.record_trials(session, run, config.metric, [one.trial for one in tried])
    except BaseException:
        training.close_run(run, "FAILED")
        raise
    training.close_run(run)
    outcome, why = promotion_flow(session.pipeline, version.number, session.as_of)
    spent = _cost(config, meter, tried)
    training.record_training(session, outcome, why, {"version": version.number, "mlflow_run": run, **spent}, token)
    facts: dict[str, Number] = {
        "parameters from": "a search" if tried else "the champion's recipe, refitted",
        "snapshot": str(snapshot.window),
        "labelled rows": snapshot.rows,
        **counts,
        **({"probe": f"{probed.verdict}: {probed.reason}"} if probed else {}),
        **spent,
        "version": version.number,
        **scores,
    }
    ranked = [_row(one) for one in sorted(tried, key=lambda one: one.trial.score, reverse=config.upward)][:10]
    links = version_links(session.pipeline, version.number, run)
    page = dossiers.training_page(session.pipeline, reason, facts, ranked, f"{outcome}: {why}", links)
    reporting.show_page("training", session.pipeline, page)
    return version.number, outcome


def _probe(config: PipelineConfig, session: Session, snapshot: Snapshot, token: str) -> Check | None:
    """Would the retraining that this breach asks for help? None: nobody wants to know, or no refit can be like it."""
    wanted = probe.is_wanted(config.search.probe, config.strategy)
    champion = promotion.read_champion(session) if wanted else None
    own = known_recipe(champion)
    if champion is None or own is None:
        return None
    recipes = probe.recipes_like(_open_recipe(config, 0), own.family, own.parameters, own.history)
    margin = duel_of(config.gates).margin
    stretch = probing.ask_champion(session, snapshot, recipes[0], champion, token)
    key = probing.key_of(stretch, snapshot, recipes, code_digest(), margin)
    told = probing.probe_retraining(session.store, snapshot, recipes, stretch, margin, key)
    return probing.record_probe(session, stretch, told, token)


def _cost(config: PipelineConfig, meter: Meter, tried: Sequence[Tried] | None) -> dict[str, float | None]:
    """Wall and CPU seconds; of a cluster elsewhere only the trials that gave a score are known."""
    spent = meter.read()
    if isinstance(config.runner, Dask) and config.runner.address:
        # Its processes are not ours to measure: a trial there counts by its seconds, on one core.
        elsewhere = None if tried is None else sum(one.trial.seconds for one in tried)
        here = spent["cpu_seconds"]
        spent["cpu_seconds"] = None if elsewhere is None or here is None else here + elsewhere
    return spent


def _choose(config: PipelineConfig, session: Session, snapshot: Snapshot) -> tuple[Recipe, list[Tried]]:
    """The recipe that the strategy settles, with no trials; or the best of a search."""
    opened = [_open_recipe(config, number) for number in range(len(config.candidates))]
    champion = promotion.read_champion(session) if config.strategy.kind == "same_recipe" else None
    if (settled := config.strategy.settled(known_recipe(champion), opened)) is not None:
        return settled, []
    tried = _search(config, session, snapshot, opened)
    return tried[choosing.best_of([one.trial.score for one in tried], config.metric)].recipe, tried


def _search(config: PipelineConfig, session: Session, snapshot: Snapshot, recipes: Sequence[Recipe]) -> list[Tried]:
    bar = reporting.begin_progress("training", session.pipeline, "trials fitted")
    budget = Budget(config.search.trials, config.search.budget.total_seconds())
    runner = task_runner(config.runner)
    move = lambda done, total: reporting.move_progress(bar, done, total)  # noqa: E731 - the bar is known here only
    return run_search(session, snapshot, recipes, code_digest(), budget, runner, move)


def _open_recipe(config: PipelineConfig, number: int) -> Recipe:
    return Recipe(
        problem=config.problem, metric=config.metric, features=config.features, split=config.split,
        family=config.candidates[number], parameters={}, history=config.split.history[0], seed=config.search.seed,
    )  # fmt: skip


def _candidate(
    session: Session, snapshot: Snapshot, recipe: Recipe, run: str, tags: dict[str, str]
) -> tuple[ModelVersion, dict[str, float]]:
    key = recipe.key(snapshot.digest, code_digest())
    fitted = training.fit_candidate(session, snapshot, recipe, key)
    training.log_candidate(session, run, snapshot, recipe, fitted, tags)
    return training.register_candidate(session, run, snapshot, recipe, fitted, tags), fitted.scores


def _row(one: Tried) -> Sequence[object]:
    told = ", ".join(f"{name}={markdown.number(value)}" for name, value in one.trial.parameters.items())
    return one.trial.family, one.trial.score, one.trial.seconds, told
