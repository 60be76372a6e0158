"""Labels count from the moment at which they became known, and the newest one known by then is the one that counts."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tasks.adapters import labelled
from tasks.adapters.store import Store
from tasks.core.results import Window

START = datetime(2024, 1, 1, tzinfo=UTC)


def at(hours):
    return START + timedelta(hours=hours)


ALL = Window(START, at(1000))


@pytest.fixture
def store(tmp_path):
    made = Store(str(tmp_path), "p")
    rows = range(5)
    events = pd.DataFrame({"_row_id": [f"r{n}" for n in rows], "_event_time": [at(n) for n in rows], "age": 1.0})
    made.append("events", events, "e")
    told = [("r0", 1.0, 10), ("r1", 0.0, 10), ("r2", 1.0, 20), ("r0", 0.0, 30), ("nobody", 1.0, 5)]
    labels = pd.DataFrame(
        [(row, label, at(known)) for row, label, known in told], columns=["_row_id", "label", "known_at"]
    )
    made.append("labels", labels, "l")
    scored = [(f"r{n}", at(n), 0.1 * n + version, version) for version in (1, 2) for n in rows]
    predictions = pd.DataFrame(scored, columns=["_row_id", "_event_time", "prediction", "model_version"])
    made.append("predictions", predictions, "p")
    return made


def test_the_newest_labelled_row_is_that_of_its_event_and_as_of_its_moment(store):
    assert labelled.newest(store, at(9)) is None
    assert labelled.newest(store, at(10)) == at(1)
    assert labelled.newest(store, at(20)) == at(2)


def test_rows_are_counted_by_event_time_and_after_means_after(store):
    assert [labelled.count_after(store, at(hour), at(20)) for hour in (-1, 0, 1, 2)] == [3, 2, 1, 0]
    assert labelled.count_after(store, at(-1), at(9)) == 0


def test_labels_of_rows_that_lie_in_the_future_do_not_count(store):
    store.append("labels", pd.DataFrame({"_row_id": ["r4"], "label": [1.0], "known_at": [at(1)]}), "early")
    assert labelled.newest(store, at(3)) is None
    assert labelled.newest(store, at(5)) == at(4)


def test_predictions_of_one_version_stand_beside_the_labels_known_by_then(store):
    rows = labelled.predictions_in(store, 2, ALL, at(20)).set_index("_row_id").sort_index()
    assert rows["prediction"].tolist() == pytest.approx([2.0, 2.1, 2.2, 2.3, 2.4])
    assert rows["label"].tolist()[:3] == [1.0, 0.0, 1.0]
    assert rows["label"].isna().tolist() == [False, False, False, True, True]
    assert labelled.predictions_in(store, 2, ALL, at(9))["label"].isna().all()


def test_a_corrected_label_replaces_the_earlier_one_from_then_on(store):
    def known(moment):
        return labelled.predictions_in(store, 1, ALL, moment).set_index("_row_id")["label"]["r0"]

    assert [known(at(10)), known(at(29)), known(at(30))] == [1.0, 1.0, 0.0]
    assert len(labelled.predictions_in(store, 1, ALL, at(40))) == 5


def test_a_window_holds_its_start_and_not_its_end(store):
    window = Window(at(1), at(3))
    assert sorted(labelled.predictions_in(store, 1, window, at(40))["_row_id"]) == ["r1", "r2"]
    assert sorted(labelled.rows_between(store, at(0), at(2), at(40))["_row_id"]) == ["r0", "r1"]


def test_rows_between_are_those_with_a_label_and_carry_their_columns(store):
    rows = labelled.rows_between(store, at(0), at(100), at(20)).set_index("_row_id").sort_index()
    assert rows["label"].to_dict() == {"r0": 1.0, "r1": 0.0, "r2": 1.0}
    assert rows["age"].tolist() == [1.0] * 3


def test_an_empty_store_answers_with_nothing_and_the_same_columns(tmp_path):
    empty = Store(str(tmp_path), "p")
    assert labelled.newest(empty, at(5)) is None
    assert labelled.count_after(empty, at(0), at(5)) == 0
    rows = labelled.predictions_in(empty, 1, ALL, at(5))
    assert (len(rows), list(rows)) == (0, ["_row_id", "_event_time", "prediction", "label"])
    assert len(labelled.rows_between(empty, at(0), at(5), at(5))) == 0


def test_predictions_without_any_label_are_all_unknown(tmp_path):
    store = Store(str(tmp_path), "p")
    rows = pd.DataFrame({"_row_id": ["a"], "_event_time": [at(0)], "prediction": [0.5], "model_version": [1]})
    store.append("predictions", rows, "p")
    assert labelled.predictions_in(store, 1, ALL, at(5))["label"].isna().tolist() == [True]


def test_whatever_happened_in_a_window_is_there_once_in_time_order_with_the_labels_of_then(store):
    asked = pd.DataFrame({"_row_id": ["r1", "q"], "_event_time": [at(1), at(2.5)], "age": 9.0})
    store.append("requests", asked, "r")
    told = labelled.happened_in(store, Window(at(1), at(4)), at(20))
    assert told["_row_id"].tolist() == ["r1", "r2", "q", "r3"]
    assert told["label"].tolist()[:2] == [0.0, 1.0]
    assert told["label"].isna().tolist() == [False, False, True, True]
    assert labelled.happened_in(store, Window(at(1), at(4)), at(9))["label"].isna().all()
    pieces = pd.concat(labelled.scan_rows(store, Window(at(1), at(4))))
    assert pieces["_row_id"].tolist() == ["r1", "r2", "r3", "r1", "q"], "what was delivered comes first"
    assert "age" in pieces
