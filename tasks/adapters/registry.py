"""MLflow's model registry: versions with their tags, aliases, and artefacts by SHA-256.

"There is no champion" (None) and "the registry did not answer" (ServerUnavailable) are different answers.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.adapters.tracking import answering, client
from tasks.core.errors import ArtefactMismatch, NotFound
from tasks.core.estimators import TRUSTED_TYPES

MODEL_FILE = "model.skops"
CHAMPION, PREVIOUS, CANDIDATE, CHALLENGER = "champion", "previous", "candidate", "challenger"
BANNED, _DESCRIPTION = "keepfit.banned", 5_000  # characters of a description, in databases that count them


@dataclass(frozen=True)
class ModelVersion:
    """A registered version: its number (an int: "9" < "10"), the run it came from, and its tags."""

    number: int
    run_id: str
    tags: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Of the model file, as written down when it was registered."""
        return self.tags.get("keepfit.sha256", "")

    @property
    def banned(self) -> str:
        """Why it must not be served any more, by its tag; "" for one that may. What the journal says is in `bans`."""
        return self.tags.get(BANNED, "")


def save_model(run_id: str, model: Any, signature_rows: Any, requirements: list[str]) -> str:
    """Log a fitted pipeline to the run with skops and return the model's id; `signature_rows` gives types only."""
    with answering():
        client()  # sets the environment that MLflow reads at its first call
        import mlflow
        import numpy as np
        from mlflow.models import infer_signature

        mlflow.sklearn.autolog(disable=True)
        with mlflow.start_run(run_id=run_id):
            information = mlflow.sklearn.log_model(
                model,
                name="model",
                serialization_format="skops",
                skops_trusted_types=list(TRUSTED_TYPES),
                pip_requirements=requirements,
                signature=infer_signature(signature_rows, np.zeros(1)),
            )
        return str(information.model_id)


def register(pipeline: str, run_id: str, model_id: str, tags: Mapping[str, str]) -> ModelVersion:
    """Create a version whose tags stand from its first moment on."""
    with answering():
        from mlflow.exceptions import MlflowException

        mlflow = client()
        try:
            mlflow.create_registered_model(pipeline)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = mlflow.create_model_version(
            pipeline, source=f"models:/{model_id}", run_id=run_id, model_id=model_id, tags=dict(tags)
        )
        return ModelVersion(int(version.version), run_id, dict(tags))


def sha256_of_model(model_id: str, folder: Path) -> str:
    """Download a logged model that is not registered yet and return the SHA-256 of its file."""
    return file_sha256(_download(f"models:/{model_id}", folder) / MODEL_FILE)


def fetch(pipeline: str, version: ModelVersion, folder: Path) -> Path:
    """Download a version's model file and return its path.

    Raises:
        ArtefactMismatch: the file is not there, or it is not the file that was registered.
    """
    path = _download(f"models:/{pipeline}/{version.number}", folder) / MODEL_FILE
    found = file_sha256(path) if path.is_file() else "no file"
    if found != version.sha256:
        raise ArtefactMismatch(
            f"Version {version.number} of {pipeline}: the model file has SHA-256 {found[:12]}…, "
            f"its record says {version.sha256[:12] or 'nothing'}…. It is not loaded. "
            f"Run `keepfit verify {pipeline}`; `keepfit rollback {pipeline}` goes back to the previous version."
        )
    return path


def requirements_of(pipeline: str, version: ModelVersion, folder: Path) -> list[str]:
    """The lines of the version's requirements, `name==version`; empty where its artefact has none."""
    path = _download(f"models:/{pipeline}/{version.number}", folder) / "requirements.txt"
    return path.read_text("utf-8").split() if path.is_file() else []


def _download(uri: str, folder: Path) -> Path:
    with answering():
        client()
        import mlflow

        folder.mkdir(parents=True, exist_ok=True)
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def aliases(pipeline: str) -> dict[str, int]:
    """The aliases that stand; empty when the pipeline has no registered model yet."""
    from mlflow.exceptions import MlflowException

    with answering():
        try:
            return {name: int(number) for name, number in client().get_registered_model(pipeline).aliases.items()}
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise


def version_of(pipeline: str, number: int) -> ModelVersion:
    """A version by number; raises NotFound when the registry answers that there is none."""
    from mlflow.exceptions import MlflowException

    with answering():
        try:
            found = client().get_model_version(pipeline, str(number))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise NotFound(
                f"{pipeline} has no version {number} in the registry. `keepfit timeline {pipeline}` tells which served."
            ) from None
        return ModelVersion(int(found.version), str(found.run_id), dict(found.tags))


def champion_of(pipeline: str) -> ModelVersion | None:
    """The champion, or None when the registry answers that there is none."""
    number = aliases(pipeline).get(CHAMPION)
    return None if number is None else version_of(pipeline, number)


def find_version(pipeline: str, tag: str, value: str) -> ModelVersion | None:
    """The oldest version that carries this tag value."""
    with answering():
        # Names hold only a-z, 0-9, - and _, and tag values are digests: nothing to escape.
        found = client().search_model_versions(f"name = '{pipeline}' and tags.`{tag}` = '{value}'", max_results=100)
        versions = sorted((ModelVersion(int(v.version), str(v.run_id), dict(v.tags)) for v in found), key=_number)
        return versions[0] if versions else None


def every_version(pipeline: str) -> list[ModelVersion]:
    """All registered versions of a pipeline, by number; none where nothing was registered."""
    with answering():
        found = client().search_model_versions(f"name = '{pipeline}'", max_results=10_000)
    versions = [ModelVersion(int(one.version), str(one.run_id), dict(one.tags)) for one in found]
    return sorted(versions, key=lambda one: one.number)


def _number(version: ModelVersion) -> int:
    return version.number


def move_alias(pipeline: str, alias: str, number: int | None) -> None:
    """Set an alias, or remove it (None)."""
    with answering():
        if number is None:
            client().delete_registered_model_alias(pipeline, alias)
        else:
            client().set_registered_model_alias(pipeline, alias, str(number))


def tag_version(pipeline: str, number: int, tags: Mapping[str, Any]) -> None:
    """Write tags onto a version; values that are not text are written as JSON."""
    with answering():
        for key, value in tags.items():
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            client().set_model_version_tag(pipeline, str(number), key, text)


def describe_version(pipeline: str, number: int, text: str) -> None:
    """Write the description that the version's page in MLflow shows; more than it can hold is cut off at a line."""
    if len(text) > _DESCRIPTION:
        text = text[: _DESCRIPTION - 4].rpartition("\n")[0] + "\n\n…"
    with answering():
        client().update_model_version(pipeline, str(number), description=text)
