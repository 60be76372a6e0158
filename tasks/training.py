"""Task wrappers of the training stage: snapshot, trials, the final fit, its record in MLflow, its registration."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prefect import task

from tasks import versions
from tasks.adapters import fits, labelled, plots, provenance, registry, tracking
from tasks.adapters.faults import fault_point
from tasks.adapters.fits import Fitted
from tasks.adapters.leases import Lease
from tasks.adapters.registry import ModelVersion
from tasks.adapters.store import Store
from tasks.adapters.tracking import LEASE_TAG, Trial
from tasks.core import fitting
from tasks.core.errors import DataRejected
from tasks.core.features import design_matrix
from tasks.core.fitting import Recipe
from tasks.core.results import Decision, Snapshot, Verdict, Window
from tasks.core.splits import Split
from tasks.retrying import CACHED, STEP
from tasks.session import Session

if TYPE_CHECKING:
    import pandas as pd


@task(name="take snapshot", **STEP)
def take_snapshot(session: Session, split: Split) -> Snapshot:
    """Pin the labelled rows that this training may use: known by `as_of`, as far back as any strategy of the file."""
    fault_point("training.started")
    known = labelled.newest(session.store, session.as_of)
    if known is None:
        raise DataRejected(f"{session.pipeline} has no labelled rows by {session.as_of:%Y-%m-%d}. Ingest data first.")
    window = Window(split.since(known), session.as_of)
    return session.store.snapshot(window, session.as_of)


@lru_cache(maxsize=2)
def labelled_rows(store: Store, snapshot: Snapshot) -> "pd.DataFrame":
    """The rows of a snapshot, read once per process however many trials ask."""
    return store.read_snapshot(snapshot)


@task(name="cut snapshot", **STEP)
def cut_snapshot(session: Session, snapshot: Snapshot, split: Split) -> dict[str, int]:
    """How many rows each part holds; refuses a snapshot that is too small before anything is fitted."""
    parts = fitting.parts_of(labelled_rows(session.store, snapshot), split)
    return {name: len(getattr(parts, name)) for name in ("train", "tuning", "evaluation")}


@task(
    name="fit trial",
    task_run_name="fit {label}",
    **CACHED,
)
def fit_trial(store: Store, snapshot: Snapshot, recipe: Recipe, key: str, label: str) -> dict[str, Any]:  # noqa: ARG001
    """Backtest a recipe. Prefect keeps the result under `key`: the same is never fitted twice."""
    from threadpoolctl import threadpool_limits

    began = perf_counter()
    try:
        with threadpool_limits(limits=1, user_api="openmp"):  # trials run side by side: one core each
            score: float | None = fitting.backtest(labelled_rows(store, snapshot), recipe)
        reason = ""
    except DataRejected as error:
        score, reason = None, str(error)
    fault_point("training.trial_done")
    return {"score": score, "reason": reason, "seconds": perf_counter() - began}


@task(name="fit candidate", **STEP)
def fit_candidate(session: Session, snapshot: Snapshot, recipe: Recipe, key: str) -> Fitted:
    """Fit the winner on train and tuning rows and keep it by its key; an equal fit that is there is used again."""
    rows = labelled_rows(session.store, snapshot)
    fitted = fits.find(session.store, key, recipe) or fits.make(session.store, key, rows, recipe)
    fault_point("training.fitted")
    return fitted


@task(name="open MLflow run", **STEP)
def open_run(session: Session, tags: Mapping[str, str]) -> str:
    """The parent run of this training."""
    name = f"{session.pipeline} as of {session.as_of:%Y-%m-%d}"
    return tracking.open_run(session.pipeline, name, {LEASE_TAG: session.run_id, **tags})


@task(name="record trials", **STEP)
def record_trials(session: Session, run_id: str, metric: str, trials: Sequence[Trial]) -> None:
    """One nested run per trial."""
    tracking.log_trials(session.pipeline, run_id, metric, trials, {LEASE_TAG: session.run_id})


@task(name="log candidate", **STEP)
def log_candidate(
    session: Session, run_id: str, snapshot: Snapshot, recipe: Recipe, fitted: Fitted, tags: Mapping[str, str]
) -> None:
    """Parameters, metrics, dataset, plots and tags of the winner, on the parent run."""
    parameters = {"family": recipe.family.kind, "history": recipe.history.label, **recipe.parameters}
    tracking.log(run_id, parameters, fitted.scores, tags)
    tracking.log_snapshot(run_id, snapshot, "training")
    with TemporaryDirectory(prefix="keepfit-") as folder:
        rows = labelled_rows(session.store, snapshot)
        plots.draw(fits.load(session.store, fitted.key), rows, recipe, fitted.importance, Path(folder))
        tracking.log_files(run_id, Path(folder), "plots")
    fault_point("training.logged")


@task(name="register candidate", **STEP)
def register_candidate(
    session: Session, run_id: str, snapshot: Snapshot, recipe: Recipe, fitted: Fitted, tags: Mapping[str, str]
) -> ModelVersion:
    """Save the candidate with skops, register it with its digests, and move the alias `candidate`.

    This very fit stands as one version for ever, though its registration be cut off or its answer get lost.
    """
    if known := registry.find_version(session.pipeline, "keepfit.key", fitted.key):
        return known
    model = fits.load(session.store, fitted.key)
    rows = labelled_rows(session.store, snapshot)
    sample = design_matrix(rows.head(5), recipe.features)
    model_id = registry.save_model(run_id, model, sample, provenance.model_requirements())
    with TemporaryDirectory(prefix="keepfit-") as folder:
        sha256 = registry.sha256_of_model(model_id, Path(folder))
    facts = versions.tags_of(sha256, fitted, snapshot, recipe)
    version = registry.register(session.pipeline, run_id, model_id, {**tags, **facts})
    registry.move_alias(session.pipeline, registry.CANDIDATE, version.number)
    fault_point("training.registered")
    return version


@task(name="close MLflow run", **STEP)
def close_run(run_id: str, status: str = "FINISHED") -> None:
    """End the parent run with what really happened."""
    tracking.close_run(run_id, status)


@task(name="record training", **STEP)
def record_training(
    session: Session, outcome: str, reason: str, evidence: Mapping[str, Any], token: str | None
) -> Decision:
    """Write how this training ended into the journal; the token ties it to the breach that asked for it."""
    open_ends = {"postponed": Verdict.UNKNOWN, "proposed": Verdict.UNKNOWN}
    verdict = {"promoted": Verdict.PASS, **open_ends}.get(outcome, Verdict.FAIL)
    decision = Decision(
        key=_key(session, outcome, token), pipeline=session.pipeline, kind="training",
        verdict=verdict, outcome=outcome, reason=reason, as_of=session.as_of, evidence={**evidence, "token": token},
        run_id=session.run_id,
    )  # fmt: skip
    session.record(decision)
    fault_point("training.journaled")
    return decision


def record_failure(
    session: Session, error: Exception, evidence: Mapping[str, Any], token: str | None, lease: Lease
) -> None:
    """Tell that this training came to no answer, with its cost and its token: it counts for the governor."""
    session.tell_failure("training", error, {**evidence, "token": token}, lease, _key(session, "failed", token))


def _key(session: Session, outcome: str, token: str | None) -> str:
    return f"training:{token or session.run_id}:{outcome}"


def provenance_tags(session: Session, config_digest: str, reason: str, seed: int, strategy: str) -> dict[str, str]:
    """What a run and a version were made with and why; no paths, no values."""
    return {
        "keepfit.code": provenance.code_revision(),
        "keepfit.code_digest": provenance.code_digest(),
        "keepfit.lock": provenance.lock_digest(),
        "keepfit.config": config_digest,
        "keepfit.seed": str(seed),
        "keepfit.strategy": strategy,
        "keepfit.reason": reason,
        "keepfit.prefect_run": session.run_id,
        "keepfit.as_of": session.as_of.astimezone(UTC).isoformat(),
    }


def moment(text: str) -> datetime:
    """A time from a tag."""
    return datetime.fromisoformat(text)
