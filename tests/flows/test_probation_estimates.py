"""While labels are missing, an estimator with a good record takes back a champion that does worse; others only note.

Real registry, store, journal and leases (benchmarks.ground). What models say, and what an estimator said before, stands
in the tables as scoring and monitoring write it.
"""

import hashlib
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks.ground import DAY, PIPELINE, SECOND, _deliver
from flows import monitoring, promotion
from flows.probation import watch
from flows.running import begin_run
from tasks import estimating
from tasks.adapters import labelled, registry
from tasks.core import explanation
from tasks.core.championship import reign
from tasks.core.invariants import receipt_passes
from tasks.core.metrics import score
from tasks.core.probation import Look
from tasks.core.results import Decision, Verdict, Window

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LATER = SECOND + 11 * DAY
WINDOW = Window(SECOND, SECOND + 10 * DAY)
PROBATION = "probation: {windows: 2, window: 10d, min_rows: 50, estimated: true}\nestimation: {max_error: 1.0}\n"


def logistic(z):
    return 1 / (1 + np.exp(-z))


def said(ground, name, start, days, *, hard, labels):
    """Rows of some days with what version 2 (knows a, but for a share of rows) and version 1 (knows b) say of them."""
    rng, count = np.random.default_rng(7), 60 * days
    known = 2 * rng.normal(size=(count, 2))
    blind = rng.random((count, 2)) < np.array([hard, 0.1])
    label = (rng.random(count) < logistic(known.sum(axis=1))).astype(float)
    ids = [f"{name}{number:04}" for number in range(count)]
    times = pd.to_datetime([start + (number + 0.5) / 60 * DAY for number in range(count)])
    told = pd.DataFrame({"_row_id": ids, "_event_time": times, "x": known[:, 0], "z": known[:, 1], "label": label})
    _deliver(ground, None, told if labels else told.assign(label=np.nan), name)
    predicted = logistic(np.where(blind, 0.0, known) + 0.05 * rng.normal(size=known.shape))
    for place, version in enumerate((2, 1)):
        frame = told[["_row_id", "_event_time"]].assign(
            _batch_id=hashlib.sha256(name.encode()).hexdigest(), prediction=predicted[:, place], model_version=version,
            scored_at=pd.Timestamp(start + days * DAY),
        )  # fmt: skip
        ground.session(SECOND).store.append("predictions", frame, f"{name}@{version}")


def remember(ground, error):
    """Three earlier estimates of months whose labels are known by now, that far from the truth."""
    session = ground.session(SECOND)
    for number in range(3):
        window = Window(SECOND - (45 - 10 * number) * DAY, SECOND - (35 - 10 * number) * DAY)
        rows = labelled.predictions_in(session.store, 1, window, SECOND)
        known = rows[rows["label"].notna()]
        truth = score("roc_auc", known["label"].to_numpy(), known["prediction"].to_numpy())
        told = {"metric": "roc_auc", "score": truth + error, "low": truth + error - 0.05, "high": truth + error + 0.05,
                "promised": 0.8, "limit": 0.74, "window_start": window.start.isoformat(),
                "window_end": window.end.isoformat()}  # fmt: skip
        session.record(Decision(
            f"monitoring:made {number}", PIPELINE, "monitoring", Verdict.PASS, "quiet", "so", window.end,
            evidence={"version": 1, "estimated": {"numbers": told}},
        ))  # fmt: skip


@pytest.fixture(scope="module")
def prepared(whole):
    """Version 2 followed version 1; in the window after it, whose labels are missing, it knows little of most rows."""
    with whole.inside(), whole.run():
        whole.restore("whole")
        path = whole.home / f"{PIPELINE}.yaml"
        path.write_text(path.read_text("utf-8") + PROBATION, "utf-8")
        assert promotion.promotion_flow.fn(PIPELINE, 2, SECOND)[0] == "promoted"
        said(whole, "known", SECOND - 12 * DAY, 12, hard=0.1, labels=True)  # trained until two days later
        whole.keep("watched")
        for name, hard in (("decayed", 0.95), ("fine", 0.1)):
            whole.restore("watched")
            said(whole, name, SECOND, 10, hard=hard, labels=False)
            whole.keep(name)
    return whole


@pytest.fixture
def ground(prepared):
    with prepared.inside():
        prepared.restore("decayed")
        yield prepared


def check(ground, as_of=LATER):
    """The part of a check that looks at the champion on probation."""
    with ground.run():
        config, session = begin_run(PIPELINE, as_of)
        with session.hold("monitoring"):
            return watch(config, session)


def journal(ground, kind):
    return [e.decision for e in ground.session(SECOND).journal.entries(kind)]


def test_a_champion_that_is_surely_worse_by_an_estimator_with_a_good_record_is_taken_back_and_explained(ground):
    remember(ground, 0.002)
    with ground.run():
        outcome, reason = monitoring.monitoring_flow.fn(PIPELINE, LATER)
    assert outcome == "rolled back"
    assert "probation, window 1 of 2: worse: estimated without labels" in reason
    assert registry.champion_of(PIPELINE).number == 1
    assert registry.version_of(PIPELINE, 2).banned == reason
    assert any("is rolled back and banned" in alert for alert in ground.alerts)
    (decision,) = journal(ground, "rollback")
    assert decision.evidence["estimated"] is True
    assert decision.evidence["probation"]["numbers"]["high"] < 0
    entries = ground.session(SECOND).journal.entries()
    newest = next(entry for entry in entries if entry.decision == decision)
    assert "estimated without labels" in explanation.explanation_page(entries, newest)
    assert receipt_passes(entries, reign(entries)) == []


@pytest.mark.parametrize("error", [None, 0.3])
def test_without_a_record_or_with_a_bad_one_it_is_noted_once_and_nobody_is_taken_back(ground, error):
    if error is not None:
        remember(ground, error)
    for hours in (0, 1):
        assert check(ground, LATER + timedelta(hours=hours)) is None
    (noted,) = journal(ground, "probation")
    assert (noted.outcome, noted.verdict, noted.evidence["estimated"]) == ("noted", Verdict.UNKNOWN, True)
    assert "only noted, the estimator has not earned more" in noted.reason
    assert noted.evidence["probation"]["numbers"]["difference"] < -0.1
    assert registry.champion_of(PIPELINE).number == 2


def test_a_champion_that_is_not_worse_stays(ground):
    ground.restore("fine")
    remember(ground, 0.002)
    assert check(ground) is None
    (noted,) = journal(ground, "probation")
    assert noted.outcome == "noted"
    assert "not surely worse" in noted.reason
    labels_come(ground, "fine")
    assert check(ground, LATER + DAY) is None
    assert [one.outcome for one in journal(ground, "probation")] == ["noted", "unsure"]


def labels_come(ground, name):
    rows = ground.session(SECOND).store.read("events", ["_row_id", "x", "z"])
    rows = rows[rows["_row_id"].str.startswith(name)]
    happened = np.random.default_rng(1).random(len(rows)) < logistic(rows["x"] + rows["z"])
    late = pd.DataFrame({"_row_id": rows["_row_id"], "label": happened.astype(float), "known_at": LATER})
    ground.session(SECOND).store.append("labels", late, "late")


def test_labels_that_come_later_speak_all_the_same(ground):
    check(ground)
    labels_come(ground, "decayed")
    outcome, reason = check(ground, LATER + DAY)
    assert outcome == "rolled back"
    assert "against the champion before: worse" in reason


def test_a_pipeline_that_did_not_ask_for_estimates_is_left_as_it_was(ground):
    remember(ground, 0.002)
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text("utf-8").replace(", estimated: true", ""), "utf-8")
    assert check(ground) is None
    assert journal(ground, "probation") == []


def test_a_pipeline_that_only_observes_says_so_and_leaves_the_champion(ground):
    remember(ground, 0.002)
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text("utf-8").replace("governor: {", "governor: {mode: observe, "), "utf-8")
    check(ground)
    assert [one.outcome for one in journal(ground, "probation")] == ["lost"]
    assert registry.champion_of(PIPELINE).number == 2


def test_both_learn_from_the_same_rows_that_neither_was_trained_on(ground):
    session = ground.session(LATER)
    look = Look(2, 1, 0, 1, WINDOW)
    ours, theirs = estimating.gather_rivals.fn(session, look, "roc_auc")
    assert len(ours.window.predicted) == len(theirs.window.predicted) == 600
    assert np.array_equal(ours.reference.actual, theirs.reference.actual)
    assert np.array_equal(ours.reference.blocks, theirs.reference.blocks)
    assert 480 <= len(ours.reference.actual) < 720
    trained = estimating.facts_of(registry.version_of(PIPELINE, 2)).trained_until
    first = np.datetime64(trained.replace(tzinfo=None)).astype("datetime64[D]").astype(int)
    assert ours.reference.blocks.min() >= first
    early, _ = estimating.gather_rivals.fn(ground.session(SECOND - 4 * DAY), look, "roc_auc")
    assert 0 < len(early.reference.actual) < len(ours.reference.actual), "labels known by then only"
    regression, _ = estimating.gather_rivals.fn(session, look, "mae")
    assert list(regression.window.matrix.columns) == ["x", "z"]
    assert len(regression.window.matrix) == 600
