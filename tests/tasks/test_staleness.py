"""Former champions asked about the rows of a real store: in pieces, each row once, whatever else the tables hold."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from tasks import staleness
from tasks.adapters.store import Store
from tasks.core.features import Features
from tasks.core.results import Window
from tasks.core.staleness.plan import Former
from tasks.session import Session
from tasks.staleness import Contestant, Contestants

START, DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
WINDOW, AS_OF = Window(START, START + 10 * DAY), START + 20 * DAY
FORMERS = (Former(1, START - DAY, "a"), Former(2, START + 9 * DAY, "b"), Former(3, START + 10 * DAY, "c"))


def contestant(*columns):
    """A model that answers the sum of its columns."""
    frame = pd.DataFrame(np.eye(len(columns)), columns=list(columns))
    return Contestant(LinearRegression(fit_intercept=False).fit(frame, frame.sum(axis=1)), Features(columns, ()), START)


MODELS = Contestants({1: contestant("x"), 2: contestant("x", "z"), 3: contestant("x")}, {})


def rows(ids, days, x):
    return pd.DataFrame({"_row_id": ids, "_event_time": [START + float(d) * DAY for d in days], "x": x, "z": 100.0})


def labels(ids, values, known=START + 12 * DAY):
    return pd.DataFrame({"_row_id": ids, "label": values, "known_at": known})


@pytest.fixture
def session(tmp_path):
    made = Store(str(tmp_path), "p")
    made.append("events", rows(["c", "a", "b", "late"], [3, 1, 2, 10], [3.0, 1.0, 2.0, 9.0]), "e")
    made.append("labels", labels(["a", "b", "late"], [10.0, 20.0, 90.0]), "l")
    return Session(made, "", AS_OF, "test")


def ask(session, contestants=MODELS):
    return staleness.score_window.fn(session, contestants, FORMERS, WINDOW, "regression")


def test_labelled_rows_of_the_window_are_answered_in_time_order_by_who_was_champion_before_its_end(session):
    told = ask(session)
    assert told.actual.tolist() == [10.0, 20.0]
    assert {version: said.tolist() for version, said in told.predicted.items()} == {
        1: pytest.approx([1.0, 2.0]), 2: pytest.approx([101.0, 102.0]),
    }  # fmt: skip
    assert [str(time)[:10] for time in told.happened] == ["2026-01-02", "2026-01-03", "2026-01-04"]
    assert len(told.times) == 2
    assert told.refused == {}


def test_a_label_that_was_not_known_yet_does_not_count_and_of_two_the_newer_does(session):
    session.store.append("labels", labels(["c"], [7.0], AS_OF + DAY), "future")
    session.store.append("labels", labels(["a"], [11.0], AS_OF), "again")
    assert ask(session).actual.tolist() == [11.0, 20.0]


def test_a_row_that_was_asked_about_online_counts_once_and_as_it_was_delivered(session):
    asked = rows(["b", "online", "online"], [2, 4, 4], [77.0, 5.0, 6.0])
    session.store.append("requests", asked, "r")
    session.store.append("labels", labels(["online"], [50.0]), "more")
    told = ask(session)
    assert told.actual.tolist() == [10.0, 20.0, 50.0]
    assert told.predicted[1].tolist() == pytest.approx([1.0, 2.0, 5.0])
    assert len(told.happened) == 4


def test_a_version_whose_column_is_gone_is_named_with_the_column_and_the_others_answer(session):
    told = ask(session, Contestants({**MODELS.models, 1: contestant("x", "gone")}, {}))
    assert told.refused == {1: "not measured: the rows have no column gone"}
    assert told.predicted.keys() == {2}
    text = Contestant(MODELS.models[1].model, Features((), ("x",)), START)
    assert ask(session, Contestants({1: text}, {})).predicted[1].tolist() == pytest.approx([1.0, 2.0])


def test_a_row_that_a_model_cannot_take_has_no_prediction(session):
    session.store.append("events", rows(["odd"], [5], [np.nan]), "odd")
    session.store.append("labels", labels(["odd"], [1.0]), "odd")
    assert np.isnan(ask(session).predicted[1]).tolist() == [False, False, True]


def test_who_could_not_be_loaded_stands_in_every_window(session):
    told = ask(session, Contestants({1: MODELS.models[1]}, {2: "its file is gone"}))
    assert told.refused == {2: "not measured: its file is gone"}


def test_rows_of_many_pieces_each_find_their_own_place(session):
    count = 150_000  # a piece has at most 65 536
    order = np.random.default_rng(0).permutation(count)
    ids = [f"n{number:06}" for number in order]
    session.store.append("events", rows(ids, 4 + order / count, order.astype(float)), "many")
    session.store.append("labels", labels(ids, order.astype(float)), "many")
    told = ask(session)
    assert len(told.actual) == count + 2
    assert np.abs(told.predicted[1] - told.actual)[2:].max() < 1e-6
    assert (np.diff(told.times) >= np.timedelta64(0)).all()


def test_an_empty_window_and_an_empty_store_have_no_rows(session, tmp_path):
    empty = Session(Store(str(tmp_path / "other"), "p"), "", AS_OF, "test")
    later = staleness.score_window.fn(session, MODELS, FORMERS, Window(AS_OF, AS_OF + DAY), "regression")
    for told in (ask(empty), later):
        assert len(told.happened) == len(told.times) == len(told.actual) == 0
