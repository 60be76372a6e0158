"""The wrappers of monitoring: what is kept with the champion reaches the verdicts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks import monitoring
from tasks.adapters.fits import Fitted
from tasks.adapters.registry import ModelVersion
from tasks.core.drift import Drift
from tasks.core.estimators import Linear
from tasks.core.features import EVENT_TIME, ROW_ID, Features
from tasks.core.fitting import Recipe
from tasks.core.observations import PREDICTION
from tasks.core.results import Check, Snapshot, Verdict, Window
from tasks.core.splits import Split
from tasks.versions import tags_of

MOMENT = datetime(2024, 3, 1, tzinfo=UTC)
FEATURES = Features(("x", "z"), ())
SPLIT = Split(history=("9d",), tuning=0.2, evaluation=0.2)
RECIPE = Recipe("regression", "mae", FEATURES, SPLIT, Linear(), {}, SPLIT.history[0], 0)
SNAPSHOT = Snapshot("p", 3, 4, Window(MOMENT - timedelta(days=9), MOMENT), MOMENT, 100, "digest")
FITTED = Fitted("key", "sha", {"evaluation_mae": 1.0}, MOMENT.isoformat(), MOMENT.isoformat())


def side(rows, seed, moved=0.0):
    rng = np.random.default_rng(seed)
    values = {"x": rng.normal(size=rows), "z": rng.normal(moved, 1, rows), PREDICTION: rng.normal(size=rows)}
    times = pd.date_range("2024-01-01", periods=rows, freq="min", tz="UTC")
    return pd.DataFrame({ROW_ID: [f"{seed}-{n}" for n in range(rows)], EVENT_TIME: times, **values})


@pytest.mark.parametrize(
    ("worth", "kind", "verdict"),
    [
        ({"x": 0.9, "z": 0.1}, "importance", Verdict.PASS), ({"x": 0.1, "z": 0.9}, "importance", Verdict.FAIL),
        ({"x": 0.9, "z": 0.1}, "equal", Verdict.FAIL), ({}, "importance", Verdict.FAIL),
    ],
)  # fmt: skip
def test_columns_count_by_what_they_are_worth_to_the_champion(worth, kind, verdict):
    reference, current = side(800, 1), side(400, 2, moved=2.0).drop(columns=EVENT_TIME)
    version = ModelVersion(1, "run", tags_of("sha", replace(FITTED, importance=worth), SNAPSHOT, RECIPE))
    drift = Drift(weights=kind, resamples=100)
    measured = monitoring.measure_drift.fn(reference, current, version, FEATURES, drift, 0)
    promised = Check("performance", Verdict.PASS, "")
    seen = monitoring.judge_window.fn(reference, current, FEATURES, drift, measured, promised)
    assert {check.name for check in seen.columns if check.verdict is Verdict.FAIL} == {"z"}
    assert seen.data_drift.verdict is verdict
