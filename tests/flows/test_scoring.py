"""The scoring flow: rows that cannot be scored are set aside, and predictions are delivered once for each reign."""

import itertools
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from benchmarks.failing import failing
from benchmarks.ground import PIPELINE, SECOND, _deliver, rows
from flows import promotion, rollback, scoring
from tasks import delivering
from tasks.adapters import registry
from tasks.core.results import Verdict
from tasks.verification import verify_invariants

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def prepared(whole):
    ground = whole
    path = ground.home / f"{PIPELINE}.yaml"
    outputs = (
        "[{kind: sql, url: 'sqlite:///$KEEPFIT_HOME/out.db', table: scores}, {kind: files, path: $KEEPFIT_HOME/out}]"
    )
    with ground.inside():
        ground.restore("whole")
        path.write_text(f"{path.read_text('utf-8')}scoring: {{lookback: 400d, outputs: {outputs}}}\n", "utf-8")
        ground.keep("delivering")
    return ground


@pytest.fixture
def ground(prepared):
    with prepared.inside():
        prepared.restore("delivering")
        yield prepared


def score(ground):
    with ground.run():
        return scoring.scoring_flow.fn(PIPELINE, SECOND)


def delivered(ground):
    with closing(sqlite3.connect(ground.home / "out.db")) as database:
        return dict(database.execute("SELECT row_id, model_version FROM scores").fetchall())


def scored_check(ground):
    return next(c for c in verify_invariants.fn(ground.session(SECOND)) if c.name.startswith("I5"))


def test_predictions_are_delivered_once_and_as_they_stand_in_the_store(ground):
    score(ground)
    store = ground.session(SECOND).store
    assert set(delivered(ground).values()) == {1}
    files = [pd.read_parquet(path) for path in (ground.home / "out").glob("*.parquet")]
    predicted = store.read("predictions").set_index("_row_id")["prediction"]
    found = pd.concat(files).set_index("row_id")["prediction"]
    pd.testing.assert_series_equal(found.sort_index(), predicted.sort_index(), check_names=False)
    lines = store.rows("outputs")
    score(ground)
    assert store.rows("outputs") == lines == 2 * len(files)


def test_killed_between_delivery_and_its_record_it_is_delivered_again_alike(ground, monkeypatch):
    def die(name):
        if name == "scoring.delivered":
            raise SystemExit

    monkeypatch.setattr(delivering, "fault_point", die)
    with pytest.raises(SystemExit):
        score(ground)
    before = delivered(ground)
    monkeypatch.undo()
    score(ground)
    assert before.items() <= delivered(ground).items()
    assert len(delivered(ground)) == ground.session(SECOND).store.rows("predictions")


@pytest.mark.parametrize("vendor", ["store", "journal"])
def test_a_fault_that_passes_ends_no_scoring_and_delivers_the_same(prepared, ground, vendor):
    score(ground)
    rows, lines = delivered(ground), ground.session(SECOND).store.rows("outputs")
    for at in itertools.count(1, 2):  # a read opens its table and reads its files
        prepared.restore("delivering")
        with failing(vendor, at, "once") as injection:
            score(ground)
        assert (delivered(ground), ground.session(SECOND).store.rows("outputs")) == (rows, lines), at
        if not injection.fired:
            break
    assert at > 15, "it asks more often than that"


def test_an_output_that_does_not_answer_is_told_and_stops_neither_the_other_nor_the_loop(ground):
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text("utf-8").replace("$KEEPFIT_HOME/out.db", "$KEEPFIT_HOME/gone/out.db"), "utf-8")
    assert score(ground), "the batches are scored, and monitoring follows"
    (failed,) = [e.decision for e in ground.session(SECOND).journal.entries() if e.decision.outcome == "failed"]
    assert (failed.kind, failed.verdict) == ("delivering to sql 1", Verdict.UNKNOWN)
    assert "did not answer" in failed.reason
    assert list((ground.home / "out").glob("*.parquet")), "the other output got everything"
    assert any("did not answer" in alert for alert in ground.alerts)
    (ground.home / "gone").mkdir()
    score(ground)
    with closing(sqlite3.connect(ground.home / "gone" / "out.db")) as database:
        delivered = database.execute("SELECT count(*) FROM scores").fetchone()[0]
    assert delivered == ground.session(SECOND).store.rows("predictions")


def test_after_a_roll_back_the_outputs_hold_the_old_champions_predictions_again(ground):
    score(ground)
    with ground.run():
        assert promotion.promotion_flow.fn(PIPELINE, 2, SECOND)[0] == "promoted"
    score(ground)
    second = {row for row, version in delivered(ground).items() if version == 2}
    assert second
    with ground.run():
        rollback.rollback_flow.fn(PIPELINE, None, "me", "because")
    assert registry.aliases(PIPELINE)["champion"] == 1
    score(ground)
    assert {delivered(ground)[row] for row in second} == {1}


def test_a_row_that_the_model_cannot_take_is_set_aside_with_its_reason(ground):
    late = rows().tail(20).assign(_row_id=[f"late{n}" for n in range(20)])
    late.loc[late.index[3], "x"] = np.inf
    with ground.run():
        _deliver(ground, None, late, "late")
    score(ground)
    store = ground.session(SECOND).store
    left = store.read("unscored")
    assert list(left["_row_id"]) == ["late3"]
    assert "ValueError" in left["reason"][0]
    assert store.read("predictions", ["_row_id"])["_row_id"].isin(late["_row_id"]).sum() == 19
    decision = ground.session(SECOND).journal.entries("scoring")[-1].decision
    assert decision.verdict is Verdict.FAIL
    assert list(decision.evidence["unscored"].values()) == [1]
    assert any("could not be scored" in alert for alert in ground.alerts)
    assert scored_check(ground).passed
    store.append("unscored", left.assign(_row_id="other"), "twice")
    assert not scored_check(ground).passed, "a row counts once"


def test_a_pipeline_that_has_scored_nothing_can_be_verified(ground):
    shutil.rmtree(ground.session(SECOND).store.uri("predictions"))
    assert scored_check(ground).passed
