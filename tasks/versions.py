"""What a registered version says of itself in its tags, read back into our types. Nothing is fetched here."""

import json
import logging
import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from tasks.adapters.fits import Fitted
from tasks.adapters.registry import ModelVersion
from tasks.core.errors import ArtefactMismatch
from tasks.core.estimators import Candidate
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.metrics import MetricName, Problem
from tasks.core.records import read_object
from tasks.core.results import Snapshot, Window
from tasks.core.splits import Split
from tasks.core.strategies import TrainingRows, training_rows_of

_log = logging.getLogger(__name__)
_FAMILY: TypeAdapter[Candidate] = TypeAdapter(Candidate)
_SNAPSHOT, _FEATURES = TypeAdapter(Snapshot), TypeAdapter(Features)
_PROBLEM: TypeAdapter[Problem] = TypeAdapter(Problem)
_METRIC: TypeAdapter[MetricName] = TypeAdapter(MetricName)


@dataclass(frozen=True)
class Facts:
    """The records of a version that later decisions rest on."""

    key: str
    snapshot: Snapshot
    split: Split
    history: TrainingRows
    features: Features
    trained_until: datetime
    evaluated_until: datetime
    promised: float
    importance: dict[str, float] = field(default_factory=dict)  # of each feature, summing to 1; empty: not known


def tags_of(sha256: str, fitted: Fitted, snapshot: Snapshot, recipe: Recipe) -> dict[str, str]:
    """The tags that `facts_of` reads back."""
    facts = {
        "key": fitted.key,
        "sha256": sha256,
        "snapshot": asdict(snapshot),
        "recipe": recipe.as_text(),
        "features": recipe.features.record(),
        "trained_until": fitted.trained_until,
        "evaluated_until": fitted.evaluated_until,
        "promised": fitted.scores[f"evaluation_{recipe.metric}"],
        "importance": fitted.importance,
    }
    texts = {name: value if isinstance(value, str) else json.dumps(value, default=str) for name, value in facts.items()}
    return {f"keepfit.{name}": text for name, text in texts.items()}


def facts_of(version: ModelVersion) -> Facts:
    """Read a version's tags; raises ArtefactMismatch when they are not those that Keepfit writes."""
    try:
        snapshot = read_object(version.tags["keepfit.snapshot"])
        window = Window(**{name: _moment(text) for name, text in snapshot.pop("window").items()})
        recipe = read_object(version.tags["keepfit.recipe"])
        return Facts(
            key=version.tags["keepfit.key"],
            snapshot=_SNAPSHOT.validate_python({**snapshot, "as_of": _moment(snapshot["as_of"]), "window": window}),
            split=Split.model_validate(recipe["split"]),
            history=training_rows_of(recipe["history"]),
            features=_FEATURES.validate_python(read_object(version.tags["keepfit.features"])),
            trained_until=_moment(version.tags["keepfit.trained_until"]),
            evaluated_until=_moment(version.tags["keepfit.evaluated_until"]),
            promised=_finite(version.tags["keepfit.promised"]),
            importance={
                name: float(share) for name, share in read_object(version.tags.get("keepfit.importance", "{}")).items()
            },
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtefactMismatch(
            f"Version {version.number} was not registered by Keepfit, or its tags were changed "
            f"({type(error).__name__}). Train a new one with `keepfit run training`."
        ) from error


def recipe_of(version: ModelVersion) -> Recipe:
    """The recipe that a version was made by; raises ArtefactMismatch as `facts_of` does."""
    facts = facts_of(version)
    kept = read_object(version.tags["keepfit.recipe"])
    try:
        return Recipe(
            problem=_PROBLEM.validate_python(kept["problem"]), metric=_METRIC.validate_python(kept["metric"]),
            features=facts.features, split=facts.split,
            family=_FAMILY.validate_python(kept["family"]), parameters=dict(kept["parameters"]), history=facts.history,
            seed=int(kept["seed"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtefactMismatch(
            f"The recipe of version {version.number} cannot be read ({type(error).__name__}). "
            "Train a new one with `keepfit run training` and strategy: {kind: new_search}."
        ) from error


def known_recipe(version: ModelVersion | None) -> Recipe | None:
    """The recipe of a version; None without one, and with a line in the log where it cannot be read any more."""
    try:
        return None if version is None else recipe_of(version)
    except ArtefactMismatch as error:
        _log.warning("nothing can be made like it: %s", error)
        return None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


def _finite(told: Any) -> float:
    if not math.isfinite(number := float(told)):
        raise ValueError("no number that anything can be held against")
    return number
