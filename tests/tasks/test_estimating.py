"""From tables to an estimate and back to its truth: what was known at the time is used, and nothing later."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks import estimating
from tasks.adapters.fits import Fitted
from tasks.adapters.registry import ModelVersion
from tasks.adapters.store import Store
from tasks.core.estimation import Estimation
from tasks.core.estimators import Linear
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.metrics import score
from tasks.core.observations import Context, Observation, decide
from tasks.core.performance import Performance
from tasks.core.results import Check, Snapshot, Verdict, Window
from tasks.core.splits import Split
from tasks.core.triggers import Remedy
from tasks.session import Session
from tasks.versions import tags_of

START, DAY, DELAY = datetime(2024, 3, 1, tzinfo=UTC), timedelta(days=1), timedelta(days=20)
TRAINED, JUDGED = START, START + 20 * DAY
PERFORMANCE, CONFIG = Performance(window=timedelta(days=20), max_loss=0.2), Estimation(min_past=1)
SOUND = Check("x", Verdict.PASS, "sound")


def world(problem, days=60, per_day=40):
    """Rows from START on; from day 20 on the one strong feature is narrow, so that the score falls."""
    rng, rows = np.random.default_rng(5), days * per_day
    day = np.arange(rows) // per_day
    x = rng.normal(0, np.where(day < 20, 1.5, 0.4))
    times = [START + (int(number) + 0.5) * DAY for number in day]
    if problem == "binary":
        prediction = 1 / (1 + np.exp(-2 * x))
        label = (rng.random(rows) < prediction).astype(float)
    else:
        prediction = 2 * x
        label = prediction + rng.normal(0, 0.3 + np.abs(x))
    ids = [f"r{number}" for number in range(rows)]
    return pd.DataFrame({"_row_id": ids, "_event_time": times, "x": x, "prediction": prediction, "label": label})


def champion(problem):
    metric = "roc_auc" if problem == "binary" else "mae"
    split = Split(history=(90 * DAY,), tuning=0.2, evaluation=0.2)
    recipe = Recipe(problem, metric, Features(("x",), ()), split, Linear(), {}, split.history[0], seed=0)
    snapshot = Snapshot("p", 0, 0, Window(START - 90 * DAY, JUDGED), JUDGED, 100, "digest")
    scores = {f"evaluation_{metric}": 0.93 if problem == "binary" else 1.2}
    fitted = Fitted("key", "sha", scores, (TRAINED - DAY).isoformat(), JUDGED.isoformat())
    return metric, ModelVersion(3, "run", tags_of("sha", fitted, snapshot, recipe))


@pytest.fixture(params=["binary", "regression"])
def case(request, tmp_path):
    rows, store = world(request.param), Store(str(tmp_path), "p")
    store.append("events", rows[["_row_id", "_event_time", "x"]], "e")
    known = rows[["_row_id", "label"]].assign(known_at=rows["_event_time"] + DELAY)
    store.append("labels", known, "l")
    store.append("predictions", rows[["_row_id", "_event_time", "prediction"]].assign(model_version=3), "p")
    metric, version = champion(request.param)
    return rows, store, metric, version


def session(store, moment):
    return Session(store, "sqlite://", moment, "run")


def estimate(case, moment, performance=PERFORMANCE):
    _, store, metric, version = case
    return estimating.estimate_performance.fn(session(store, moment), version, performance, CONFIG, metric, 1)


def truth(case, start, end):
    rows, _, metric, _ = case
    inside = rows[(rows["_event_time"] >= start) & (rows["_event_time"] < end)]
    return score(metric, inside["label"].to_numpy(), inside["prediction"].to_numpy())


def test_while_labels_are_missing_the_newest_rows_are_estimated_and_the_truth_lies_inside(case):
    moment = START + 40 * DAY
    found = estimate(case, moment)
    real = truth(case, JUDGED, moment)
    assert found.numbers["low"] <= real <= found.numbers["high"]
    assert abs(found.numbers["score"] - real) < 0.4 * abs(truth(case, START, JUDGED) - real)
    assert found.numbers["rows"] == 800
    assert found.numbers["window_end"] == moment.isoformat()
    # Labels that became known later change nothing.
    rows, store, _, _ = case
    wrong = rows[["_row_id"]].assign(label=0.0, known_at=moment + DAY)
    store.append("labels", wrong, "later")
    assert estimate(case, moment) == found


def test_where_labels_are_known_nothing_is_estimated(case):
    rows, store, _, _ = case
    store.append("labels", rows[["_row_id", "label"]].assign(known_at=rows["_event_time"]), "soon")
    assert estimate(case, START + 40 * DAY) is None


def test_with_too_few_new_rows_the_estimate_is_unknown_and_waits(case):
    found = estimate(case, START + 40 * DAY, Performance(window=timedelta(days=1)))
    assert (found.verdict, found.numbers["waiting"]) == (Verdict.UNKNOWN, True)


def test_an_estimate_in_the_journal_is_held_against_the_labels_that_came_and_not_before(case):
    _, store, metric, _ = case
    moment = START + 40 * DAY
    found = estimate(case, moment)
    seen = estimating.beside(Observation(SOUND, SOUND, SOUND, SOUND, (), 9), found, SOUND)
    context = Context("p", 3, Window(JUDGED, moment), moment, "run")
    session(store, moment).record(decide(context, seen, Remedy("none", None, "quiet", ()), None))

    def review(day):
        now = session(store, START + day * DAY)
        return estimating.review_estimates.fn(now, PERFORMANCE, CONFIG, metric, DELAY)

    assert review(59).verdict is Verdict.UNKNOWN
    later = review(61)
    assert (later.verdict, later.numbers["estimates"], later.numbers["inside"]) == (Verdict.PASS, 1, 1)
    assert later.numbers["bias"] == pytest.approx(truth(case, JUDGED, moment) - found.numbers["score"])
    extra = {"_row_id": ["late"], "_event_time": [JUDGED + DAY], "prediction": [0.5], "model_version": [3]}
    store.append("predictions", pd.DataFrame(extra), "extra")
    assert review(61).numbers["estimates"] == 1
    whole, now = PERFORMANCE.model_copy(update={"min_label_share": 1.0}), session(store, START + 61 * DAY)
    unripe = estimating.review_estimates.fn(now, whole, CONFIG, metric, DELAY)
    assert unripe.numbers["estimates"] == 0, "a truth that is not whole yet is none"
    strict = CONFIG.model_copy(update={"min_past": 2})
    assert estimating.review_estimates.fn(now, PERFORMANCE, strict, metric, DELAY).verdict is Verdict.UNKNOWN


def test_beside_a_realised_performance_stands_nothing_when_nothing_was_estimated():
    seen = Observation(SOUND, SOUND, SOUND, SOUND, (), 9)
    assert estimating.beside(seen, None, SOUND) == seen
    assert list(estimating.beside(seen, SOUND, SOUND).checks())[-2:] == ["estimated", "track_record"]
