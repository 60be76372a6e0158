"""Evidence is gathered from the store and the registry, judged, and the ledger counts what was judged: no servers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.inspection
from mlflow import MlflowClient
from sklearn.inspection import permutation_importance

from tasks import evidence, promotion, training
from tasks.adapters import registry
from tasks.adapters.store import Store
from tasks.core.errors import NoReceipt
from tasks.core.estimators import Linear
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.gates import (
    BeatsChampion,
    BeatsDummy,
    Calibration,
    CleanProcess,
    Groups,
    Resources,
    Sanity,
    Slices,
    SuspiciousFeatures,
)
from tasks.core.results import Window
from tasks.core.splits import Split
from tasks.session import Session
from tasks.versions import facts_of

START, ROWS, DAYS = datetime(2024, 1, 1, tzinfo=UTC), 3000, 60
AS_OF = START + timedelta(days=DAYS)
SPLIT = Split(history=(timedelta(days=60),), tuning=0.2, evaluation=0.3)
GATES = (
    Sanity(), BeatsDummy(), BeatsChampion(margin=0.0), CleanProcess(), Slices(columns=("plan",), search=True),
    Groups(columns=("sex",), max_gap=0.2), Calibration(max_error=0.2), SuspiciousFeatures(), Resources(margin=9.0),
)  # fmt: skip


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    store = Store(str(tmp_path / "store"), "p")
    events = pd.DataFrame({
        "_row_id": [f"r{n}" for n in range(ROWS)],
        "_event_time": [START + timedelta(days=DAYS * n / ROWS) for n in range(ROWS)],
        "x": rng.normal(size=ROWS), "z": rng.normal(size=ROWS),
        "plan": rng.choice(["a", "b"], ROWS), "sex": rng.choice(["f", "m"], ROWS),
    })  # fmt: skip
    chance = 1 / (1 + np.exp(-2 * (events["x"] + events["z"])))
    labels = pd.DataFrame({"_row_id": events["_row_id"], "label": (rng.random(ROWS) < chance) * 1.0})
    store.append("events", events, "e")
    store.append("labels", labels.assign(known_at=events["_event_time"], _batch_id="b"), "l")
    return Session(store, f"sqlite:///{tmp_path}/control.db", AS_OF, "run")


def recipe_of(numerical):
    features = Features(numerical, ("plan",))
    return Recipe("binary", "roc_auc", features, SPLIT, Linear(), {"strength": 1.0}, SPLIT.history[0], 0)


def register(session, numerical):
    """A version that was fitted on the given numbers and the plan."""
    recipe = recipe_of(numerical)
    snapshot = session.store.snapshot(Window(START, AS_OF), AS_OF)
    run = training.open_run.fn(session, {})
    fitted = training.fit_candidate.fn(session, snapshot, recipe, recipe.key(snapshot.digest, "code"))
    return training.register_candidate.fn(session, run, snapshot, recipe, fitted, {})


def test_a_version_keeps_what_its_columns_are_worth_and_that_is_asked_once(session, monkeypatch):
    asked = []

    def counted(*given, **named):
        asked.append(given)
        return permutation_importance(*given, **named)

    monkeypatch.setattr(sklearn.inspection, "permutation_importance", counted)
    recipe = recipe_of(("x", "z"))
    snapshot = session.store.snapshot(Window(START, AS_OF), AS_OF)
    run = training.open_run.fn(session, {})
    fitted = training.fit_candidate.fn(session, snapshot, recipe, recipe.key(snapshot.digest, "code"))
    training.log_candidate.fn(session, run, snapshot, recipe, fitted, {})
    training.register_candidate.fn(session, run, snapshot, recipe, fitted, {})
    kept = facts_of(registry.find_version("p", "keepfit.key", fitted.key)).importance
    assert kept == fitted.importance
    assert min(kept["x"], kept["z"]) > 0.3
    assert kept["plan"] < 0.1
    assert len(asked) == 1
    assert "importance.png" in {Path(file.path).name for file in MlflowClient().list_artifacts(run, "plots")}


def judge(session, candidate):
    champion = promotion.read_champion.fn(session)
    found = evidence.gather_evidence.fn(session, candidate, champion, "roc_auc", GATES, 0)
    judged = promotion.judge_candidate.fn(GATES, found, "when_gates_pass")
    lease = session.leases.acquire("promotion/p", "run", 600)
    decision = promotion.record_promotion.fn(session, candidate, champion, judged, lease)
    promotion.move_aliases.fn(session)
    return found, judged, decision


def look(judged, name="beats_champion"):
    return next(check for check in judged.gates if check.name == name).numbers.get("look")


@pytest.mark.slow
def test_versions_are_judged_on_whole_evidence_and_the_ledger_remembers(session):
    first, second = (register(session, names) for names in (("x", "z"), ("x",)))
    found, judged, decision = judge(session, first)
    assert decision.outcome == "promoted", judged
    assert decision.window == found.row_set.window
    assert decision.evidence["rows"] == {"count": 900, "digest": found.row_set.digest}
    assert list(found.features) == ["x", "z", "plan"]
    assert list(found.columns) == ["plan", "sex"]
    assert found.footprint.size > 1000
    assert found.footprint.seconds_per_row > 0
    assert found.footprint.memory > 10_000_000
    assert look(judged, "beats_dummy") == 1

    found, judged, decision = judge(session, second)
    assert (decision.outcome, look(judged)) == ("refused", 2)
    assert found.looks.tolist() == [1] * 900
    assert None not in (found.footprint, found.champion_footprint)
    assert registry.champion_of("p").number == first.number

    later = replace(session, as_of=AS_OF + timedelta(days=1))
    _, repeated, _ = judge(later, second)
    assert len(session.journal.entries("promotion")) == 3
    assert look(repeated) == 2  # asked again, the same comparison is no further look

    # A champion by an alias that somebody moved has no receipt: nothing is held against it.
    registry.move_alias("p", "champion", second.number)
    with pytest.raises(NoReceipt, match=f"version {second.number} by the registry's alias and {first.number} by"):
        judge(later, second)
    assert len(session.journal.entries("promotion")) == 3
