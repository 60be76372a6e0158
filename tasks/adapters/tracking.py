"""MLflow runs: one parent per training, nested runs per trial, the dataset as an input. By explicit run ids only.

A run's status is never evidence of anything: a killed run stays RUNNING. Rows and cell values are not logged.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.addresses import without_credentials
from tasks.core.errors import ServerUnavailable, TerminalError
from tasks.core.results import Snapshot

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT_TAG = "mlflow.parentRunId"
LEASE_TAG = "keepfit.run"
_MOST_METRICS = 1000  # MLflow takes no more of them in one request


@dataclass(frozen=True)
class Trial:
    """One fitted set of parameters and its score on the tuning part."""

    family: str
    number: int
    parameters: Mapping[str, Any]
    score: float
    seconds: float


def client() -> "MlflowClient":
    """A client of the server that the environment names. Raises ServerUnavailable where it names none."""
    from mlflow import MlflowClient

    if not os.environ.get("MLFLOW_TRACKING_URI"):  # MLflow would make a new, empty database, and answer from that
        raise ServerUnavailable(
            "No MLflow is known here: start the servers with `keepfit up`, or set MLFLOW_TRACKING_URI."
        )

    return MlflowClient()


@contextmanager
def answering() -> Iterator[None]:
    """Turn MLflow's and the connection's errors into ours; what was asked for wrongly stays terminal.

    Raises:
        ServerUnavailable: no answer, or the server failed. Never to be read as "there is nothing".
        TerminalError: the server refused the request.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code in {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"}:
            raise ServerUnavailable(_unavailable(type(error).__name__)) from error
        raise TerminalError(f"MLflow refused the request ({error.error_code}).") from error
    except (ConnectionError, TimeoutError, OSError) as error:
        raise ServerUnavailable(_unavailable(type(error).__name__)) from error


def answers() -> bool:
    """Whether MLflow's server answers at all, found out in two seconds; a database without a server does."""
    import httpx

    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not address.startswith("http"):
        return bool(address)  # without any address MLflow would make a new, empty database
    try:
        return httpx.get(f"{address}/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _unavailable(what: str) -> str:
    address = without_credentials(os.environ.get("MLFLOW_TRACKING_URI", "(MLFLOW_TRACKING_URI is not set)"))
    return f"MLflow at {address} did not answer ({what}). Check `keepfit status`; nothing was changed."


def open_run(pipeline: str, name: str, tags: Mapping[str, str], parent: str | None = None) -> str:
    """Create a run in the pipeline's experiment and return its id."""
    with answering():
        mlflow = client()
        experiment = mlflow.get_experiment_by_name(pipeline)
        experiment_id = experiment.experiment_id if experiment else _create_experiment(mlflow, pipeline)
        every = {"mlflow.runName": name, **tags, **({PARENT_TAG: parent} if parent else {})}
        return str(mlflow.create_run(experiment_id, tags=every).info.run_id)


def _create_experiment(mlflow: "MlflowClient", pipeline: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return str(mlflow.create_experiment(pipeline))
    except MlflowException:  # another process was first
        return str(mlflow.get_experiment_by_name(pipeline).experiment_id)


def close_run(run_id: str, status: str = "FINISHED") -> None:
    """End a run; status is one of FINISHED, FAILED, KILLED."""
    with answering():
        client().set_terminated(run_id, status)


def log(run_id: str, parameters: Mapping[str, Any], metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
    """Log everything in one request."""
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.utils.time import get_current_time_millis

    moment = get_current_time_millis()
    with answering():
        client().log_batch(
            run_id,
            metrics=[Metric(key, float(value), moment, 0) for key, value in metrics.items()],
            params=[Param(key, str(value)[:500]) for key, value in parameters.items()],
            tags=[RunTag(key, str(value)) for key, value in tags.items()],
        )


def parameters_of(run_id: str) -> dict[str, str]:
    """The parameters of a run, as text."""
    with answering():
        return dict(client().get_run(run_id).data.params)


def log_series(run_id: str, name: str, values: Sequence[float | None]) -> None:
    """Log one metric over steps 0, 1, ...; a step without a value is left out."""
    from mlflow.entities import Metric
    from mlflow.utils.time import get_current_time_millis

    moment = get_current_time_millis()
    known = [Metric(name, float(v), moment, step) for step, v in enumerate(values) if v is not None]
    with answering():
        for start in range(0, len(known), _MOST_METRICS):
            client().log_batch(run_id, metrics=known[start : start + _MOST_METRICS])


def log_trials(pipeline: str, parent: str, metric: str, trials: Sequence[Trial], tags: Mapping[str, str]) -> None:
    """One nested run per trial."""
    for trial in trials:
        run_id = open_run(pipeline, f"{trial.family} {trial.number}", tags, parent)
        measured = {f"tuning_{metric}": trial.score, "fit_seconds": trial.seconds}
        log(run_id, {"family": trial.family, **trial.parameters}, measured, {})
        close_run(run_id)


def log_snapshot(run_id: str, snapshot: Snapshot, context: str) -> None:
    """Log a snapshot as the run's dataset: table versions, filter and digest; no rows and no paths."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = {key: value for key, value in asdict(snapshot).items() if key != "window"}
    source |= {"tables": ["events", "labels"], "window": str(snapshot.window)}
    dataset = Dataset(
        name=f"{snapshot.pipeline} {snapshot.window}",
        digest=snapshot.digest[:36],
        source_type="delta",
        source=json.dumps(source, default=str),
        profile=json.dumps({"num_rows": snapshot.rows}),
    )
    with answering():
        client().log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])


def log_files(run_id: str, folder: Path, into: str) -> None:
    """Upload every file of a folder under the artefact path `into`."""
    with answering():
        client().log_artifacts(run_id, str(folder), into)


def running_runs(pipeline: str) -> dict[str, tuple[str, int]]:
    """Runs of the pipeline that MLflow calls RUNNING: id -> (the Prefect run that opened it, start in ms)."""
    with answering():
        mlflow = client()
        experiment = mlflow.get_experiment_by_name(pipeline)
        if experiment is None:
            return {}
        found = mlflow.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'", max_results=1000)
        return {run.info.run_id: (run.data.tags.get(LEASE_TAG, ""), run.info.start_time) for run in found}
