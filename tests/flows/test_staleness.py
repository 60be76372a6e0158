"""Former champions score in silence: what they say is what they said, nothing is written, and who is gone is named.

Real registry, store, journal and leases (benchmarks.ground); the flow's own code, without Prefect around it.
"""

import csv
import io

import numpy as np
import pytest

from benchmarks.ground import DAY, PIPELINE, SECOND
from flows import promotion, scoring, staleness
from tasks import reporting
from tasks import staleness as stage
from tasks.adapters import labelled, registry, tracking
from tasks.core.errors import NoChampion, ServerUnavailable
from tasks.core.results import Window
from tasks.core.staleness.gains import NOT_MEASURED
from tests.flows.test_probation import delivered

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LATER = SECOND + 22 * DAY
SERVED = Window(SECOND, SECOND + 20 * DAY)
TABLES = ("events", "labels", "predictions", "unscored", "decisions")


@pytest.fixture(scope="module")
def prepared(whole):
    """Version 2 has followed version 1, which learnt the opposite; the world stays with version 2, or turns back."""
    with whole.inside(), whole.run():
        whole.restore("whole")
        assert promotion.promotion_flow.fn(PIPELINE, 2, SECOND)[0] == "promoted"
        whole.keep("promoted, no probation")
        for name, slope in (("helped", -2.0), ("harmed", 2.0)):
            whole.restore("promoted, no probation")
            delivered(whole, slope, name)
            scoring.scoring_flow.fn(PIPELINE, SECOND + 21 * DAY)
            whole.keep(name)
    return whole


@pytest.fixture
def ground(prepared):
    with prepared.inside():
        prepared.restore("helped")
        yield prepared


def measure(ground, as_of=LATER):
    with ground.run():
        return staleness.staleness_flow.fn(PIPELINE, as_of)[0]


def written(ground):
    store = ground.session(LATER).store
    return {table: store.version(table) for table in TABLES}


def model_file(ground, number):
    version = registry.version_of(PIPELINE, number)
    return next(
        path for path in ground.home.glob("mlruns/**/model.skops") if registry.file_sha256(path) == version.sha256
    )


@pytest.mark.parametrize(("world", "answer"), [("helped", "better"), ("harmed", "worse")])
def test_what_the_retraining_brought_is_told_beside_the_curve_of_both(ground, world, answer):
    ground.restore(world)
    found = measure(ground)
    (gain,) = found.gains
    assert (gain.retraining.predecessor, gain.retraining.successor, gain.answer) == (1, 2, answer)
    assert gain.rows == 600
    after = [cell for cell in found.cells if cell.window.start >= SECOND]
    assert [(cell.version, cell.age, cell.serves) for cell in after][:2] == [(1, 2, False), (2, 0, True)]
    good, bad = (2, 1) if world == "helped" else (1, 2)
    assert all((cell.score > 0.8) == (cell.version == good) and (cell.score < 0.3) == (cell.version == bad)
               for cell in after)  # fmt: skip
    assert found.missing == {}


def test_what_a_version_says_now_is_what_it_said_when_it_served(ground):
    session = ground.session(LATER)
    rules = staleness.rules_of("roc_auc", ground_config(ground).performance, (), DAY, 0)
    known = stage.find_formers.fn(session, rules)
    loaded = stage.load_formers.fn(session, known.formers)
    told = stage.score_window.fn(session, loaded, known.formers, SERVED, "binary")
    then = labelled.predictions_in(session.store, 2, SERVED, LATER).sort_values(["_event_time", "_row_id"])
    assert len(then) == 600
    assert np.array_equal(told.predicted[2], then["prediction"].to_numpy())
    assert not np.allclose(told.predicted[1], told.predicted[2])


def ground_config(ground):
    from config.load import load_pipeline
    from config.settings import load_settings

    return load_pipeline(PIPELINE, load_settings())


def test_nothing_is_written_but_a_run_of_mlflow_with_plot_page_and_tables(ground):
    before = written(ground)
    found = measure(ground)
    assert written(ground) == before
    run = tracking.client().search_runs(
        [tracking.client().get_experiment_by_name(PIPELINE).experiment_id], "params.as_of != ''"
    )[0]
    assert run.info.status == "FINISHED"
    steps = tracking.client().get_metric_history(run.info.run_id, "roc_auc_version_1")
    assert [point.value for point in steps] == [cell.score for cell in found.cells if cell.version == 1]
    (folder,) = ground.home.glob(f"mlruns/**/{run.info.run_id}/artifacts/staleness")
    assert {path.name for path in folder.iterdir()} == {
        "staleness.png", "staleness.md", "staleness.csv", "retrainings.csv",
    }  # fmt: skip
    assert (folder / "staleness.png").read_bytes().startswith(b"\x89PNG")
    table = list(csv.DictReader(io.StringIO((folder / "staleness.csv").read_text("utf-8"))))
    assert [float(row["score"]) for row in table] == [cell.score for cell in found.cells]
    assert "1 better" in (folder / "staleness.md").read_text("utf-8")


@pytest.mark.parametrize("at", ["a window", "the record"])
def test_a_run_that_was_killed_and_run_again_says_the_same(ground, monkeypatch, at):
    def killed(*_, **__):
        raise SystemExit

    with monkeypatch.context() as fate:
        fate.setattr(*(reporting, "update_progress_artifact") if at == "a window" else (tracking, "log_files"), killed)
        with pytest.raises(SystemExit):
            measure(ground)
    again = measure(ground)
    ground.restore("helped")
    assert measure(ground) == again


def test_too_few_rows_with_a_label_by_then_are_not_enough_evidence(ground):
    (gain,) = measure(ground, SECOND + 5 * DAY).gains
    assert (gain.answer, gain.rows) == ("not enough evidence", 149), "the label of the newest of 150 is not known yet"
    assert "149 rows, at least 200" in gain.reason


@pytest.mark.parametrize(
    ("harm", "told"), [("gone", "no file"), ("one byte", "SHA-256"), ("receipt", "the receipt of its promotion says")]
)
def test_a_champion_whose_file_is_not_the_promoted_one_is_named_and_not_loaded(ground, harm, told):
    path = model_file(ground, 1)
    if harm == "gone":
        path.unlink()
    elif harm == "one byte":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        other = registry.version_of(PIPELINE, 2).sha256
        path.write_bytes(model_file(ground, 2).read_bytes())
        registry.tag_version(PIPELINE, 1, {"keepfit.sha256": other})
    found = measure(ground)
    assert found.missing.keys() == {1}
    assert told in found.missing[1]
    (gain,) = found.gains
    assert gain.answer == NOT_MEASURED
    assert told in gain.reason
    mine, its = ([cell for cell in found.cells if cell.version == version] for version in (1, 2))
    assert {cell.score for cell in mine} == {None}
    assert all(told in cell.why for cell in mine)
    assert all(cell.score > 0.8 for cell in its)


def test_while_mlflow_does_not_answer_nothing_is_called_gone(ground, monkeypatch):
    def down(*_):
        raise ServerUnavailable("MLflow at … did not answer")

    monkeypatch.setattr(registry, "_download", down)
    before = written(ground)
    with pytest.raises(ServerUnavailable):
        measure(ground)
    assert written(ground) == before


def test_before_there_was_a_champion_there_is_nothing_to_look_back_on(ground):
    with pytest.raises(NoChampion, match=r"had no champion by 2024-01-02.*keepfit run training p"):
        measure(ground, SECOND - 89 * DAY)
