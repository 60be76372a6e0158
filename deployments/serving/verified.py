"""From a reign by the journal to a model in memory that may answer: the receipt's file, loaded, self-tested.

A verified file is kept on the disk by its SHA-256, so that it can be loaded again while MLflow is down.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from pydantic import TypeAdapter

from tasks.adapters import cleanroom, registry
from tasks.adapters.registry import ModelVersion
from tasks.adapters.store import Store
from tasks.adapters.store.folders import private
from tasks.core import fitting
from tasks.core.championship import Reign
from tasks.core.errors import ArtefactMismatch, NotFound
from tasks.core.estimators import predict
from tasks.core.features import EVENT_TIME, MISSING, Features, design_matrix
from tasks.core.metrics import Problem
from tasks.core.ranges import Ranges, ranges_of
from tasks.versions import Facts, facts_of

_VERSION = TypeAdapter(ModelVersion)
_KEPT = 6  # files of past champions on the disk
AGAIN_SECONDS = 15.0  # after a version was refused it is asked for again
_log = logging.getLogger("keepfit.serving")


@dataclass(frozen=True)
class Loaded:
    """A model that may answer: which version, by which receipt (entry of the journal), and what it has seen."""

    number: int
    sha256: str
    receipt: int
    model: Any
    features: Features
    ranges: Ranges | None
    since: datetime


def load(store: Store, folder: Path, wanted: Reign, problem: Problem, *, registry_answers: bool) -> Loaded:
    """Load the file that the receipt names and try it out.

    Raises:
        ArtefactMismatch: the file is not the receipt's, holds types that are not on the list, or does not predict.
        NotFound: MLflow is down and there is no verified copy on the disk.
        ServerUnavailable: MLflow stopped answering.
    """
    path, version = _kept(folder, wanted) or (None, None)
    if path is None or version is None:
        if not registry_answers:
            raise NotFound(f"Version {wanted.champion} has no verified copy on this disk, and MLflow does not answer.")
        path, version = _fetch(store.pipeline, folder, wanted)
    facts = facts_of(version)
    model = cleanroom.load_model(path)
    ranges = _ranges(store, facts, version.number)
    _try_out(model, facts.features, problem, ranges)
    _forget_oldest(folder, path)
    return Loaded(version.number, wanted.sha256, wanted.receipt, model, facts.features, ranges, datetime.now(UTC))


def _kept(folder: Path, wanted: Reign) -> tuple[Path, ModelVersion] | None:
    path, told = folder / f"{wanted.sha256}.skops", folder / f"{wanted.sha256}.json"
    try:
        version = _VERSION.validate_json(told.read_bytes())
        facts_of(version)
        if registry.file_sha256(path) == wanted.sha256 and version.number == wanted.champion:
            return path, version
    except (OSError, ValueError, ArtefactMismatch):
        pass  # as if it were not there: it is fetched anew
    return None


def _fetch(pipeline: str, folder: Path, wanted: Reign) -> tuple[Path, ModelVersion]:
    version = registry.version_of(pipeline, wanted.champion)
    if version.sha256 != wanted.sha256:
        raise ArtefactMismatch(
            f"Version {wanted.champion} of {pipeline} is recorded with SHA-256 {version.sha256[:12]}… and its receipt "
            f"says {wanted.sha256[:12]}…. It is not served. Run `keepfit verify {pipeline}`."
        )
    private(folder)
    with TemporaryDirectory(prefix=".fetched-", dir=folder) as temporary:
        found = registry.fetch(pipeline, version, Path(temporary))
        told: Mapping[str, Any] = {"number": version.number, "run_id": version.run_id, "tags": dict(version.tags)}
        (Path(temporary) / "told").write_bytes(orjson.dumps(told))
        (Path(temporary) / "told").replace(folder / f"{wanted.sha256}.json")
        path = folder / f"{wanted.sha256}.skops"
        found.replace(path)
    if registry.file_sha256(path) != wanted.sha256:
        raise ArtefactMismatch(f"The copy of version {wanted.champion} on this disk is damaged. It is not served.")
    return path, version


def _ranges(store: Store, facts: Facts, number: int) -> Ranges | None:
    try:
        rows = store.read_snapshot(facts.snapshot)
        seen = rows.iloc[fitting.seen_positions(rows, facts.split, facts.history)]
        return ranges_of(design_matrix(seen, facts.features), facts.features)
    except Exception as error:  # noqa: BLE001 - the model answers as well without marks, and says that it has none
        told = "version %s of %s: its training rows cannot be read (%s), so no value is marked as outside of them"
        _log.warning(told, number, store.pipeline, type(error).__name__)
        return None


def _try_out(model: Any, features: Features, problem: Problem, ranges: Ranges | None) -> None:
    """Ask about a row without values and rows at both ends of what was seen: finite answers, the same each time."""
    import numpy as np
    import pandas as pd

    numbers, words = (ranges.numerical, ranges.categorical) if ranges else ({}, {})
    rows: dict[str, Any] = {name: [np.nan, *numbers.get(name, (0.0, 1.0)), np.nan] for name in features.numerical} | {
        name: [MISSING, *sorted(words.get(name, {MISSING}))[:1] * 2, "(never seen)"] for name in features.categorical
    }
    rows[EVENT_TIME] = pd.to_datetime(["2024-02-29T00:00Z", "2025-06-30T23:00Z"] * 2, utc=True)
    matrix = design_matrix(pd.DataFrame(rows), features)
    try:
        first, again = predict(model, matrix, problem), predict(model, matrix.iloc[::-1], problem)[::-1]
    except Exception as error:
        raise ArtefactMismatch(f"The model does not predict on this machine ({type(error).__name__}).") from error
    if not np.isfinite(first).all() or not np.allclose(first, again, rtol=1e-9, atol=1e-9):
        raise ArtefactMismatch("The model's answers are no finite numbers, or change from one time to the next.")


def _forget_oldest(folder: Path, used: Path) -> None:
    with suppress(OSError):
        used.touch()
        files = sorted(folder.glob("*.skops"), key=lambda path: path.stat().st_mtime)
        for path in files[:-_KEPT]:
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
