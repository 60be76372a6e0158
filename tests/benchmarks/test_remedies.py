"""What the benchmark of remedies calls right is what its docstring says; its worlds themselves take minutes."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from benchmarks import remedies
from tasks.core import fitting, sample
from tasks.core.features import EVENT_TIME
from tasks.core.history import KNOWN_AT, History
from tasks.core.strategies import NewSearch, SameRecipe
from tests.tasks.core import periods
from tests.tasks.core.histories import SETTING, START, tables

BEFORE, AMONG, AFTER = (sample.month_start(month) for month in (1, 8, 14))
SOUND = {11: "quarantine", 13: "note", 14: "note", 15: "wait", 16: "retrain", 20: "wait"}


def period(number, remedy, model, suppressed=""):
    as_of = sample.month_start(number + 1)
    asked = remedy.startswith("retrain")
    told = {"quarantine": "alert", "retrain, refused": "retrain"}.get(remedy, remedy)
    end, promoted = as_of + timedelta(days=30), remedy == "retrain"
    return periods.period(
        as_of, end, 0.8, model=model, asked=asked, trained=asked, promoted=promoted, remedy=suppressed or told
    )


def wrong(later=AFTER, **changed):
    """The months that are called wrong, when the loop decides as it should but for some months (m16="wait")."""
    told = {number: SOUND.get(number, "none") for number in range(10, remedies.PERIODS + 1)}
    told |= {int(name[1:]): remedy for name, remedy in changed.items()}
    periods, since = [period(9, "none", 1)], [BEFORE]
    for number, remedy in told.items():
        since += [later if number >= sample.CHANGE_FROM else BEFORE] if remedy == "retrain" else []
        periods.append(period(number, remedy, len(since)))
    refused = {number for number, remedy in told.items() if remedy == "quarantine"}
    return [one.period for one in remedies.hold(periods, since, refused) if not one.is_right]


@pytest.mark.parametrize(("changed", "expected"), [
    ({}, []),
    ({"m16": "wait", "m17": "retrain"}, []),
    ({"m15": "retrain", "m16": "none"}, []),
    ({"m16": "wait", "m17": "wait"}, [17, 18, 19, 21, 22, 23]),
    ({"m15": "retrain, refused"}, [15]),
    ({"m15": "note"}, [15]),
    ({"m12": "retrain"}, [12]),
    ({"m10": "alert"}, [10]),
    ({"m10": "wait"}, [10]),
    ({"m11": "none"}, [11]),
    ({"m13": "none", "m14": "wait"}, [13, 14]),
    ({"m20": "retrain, refused"}, [20]),
    ({"m20": "none"}, [20]),
    ({"m21": "wait"}, []),
    ({"m21": "retrain"}, [21]),
    ({"m22": "wait"}, [22]),
    ({"m22": "note"}, [22]),
])  # fmt: skip
def test_each_month_is_held_against_what_is_true_of_it(changed, expected):
    assert wrong(**changed) == expected


def test_a_champion_that_learnt_before_and_in_the_campaign_may_note_it():
    assert wrong(AMONG, m22="note", m23="none") == []
    assert wrong(AMONG, m22="alert") == [22]


def test_a_suppressed_retraining_is_a_wait():
    assert remedies._decided(period(15, "wait", 1, suppressed="retrain"), refused=False) == "wait"


@pytest.mark.parametrize(("strategy", "searches"), [(NewSearch(), 2), (SameRecipe(), 1)])
def test_a_history_is_played_as_its_file_says_and_each_version_tells_since_when_it_learnt(
    strategy, searches, monkeypatch
):
    """Three months of one law and two of another: a first training, and one for the change."""
    monkeypatch.setattr(remedies, "HISTORY", 2)
    monkeypatch.setattr(remedies, "PERIODS", 4)
    backtests, backtest = [], fitting.backtest
    monkeypatch.setattr(fitting, "backtest", lambda *given: (backtests.append(given[1]), backtest(*given))[1])
    events, labels = tables(days=152, per_day=12, changes_on=91)
    shift = pd.Timestamp(sample.month_start(1)) - pd.Timestamp(START)
    past = History.of(
        events.assign(**{EVENT_TIME: events[EVENT_TIME] + shift}), labels.assign(**{KNOWN_AT: labels[KNOWN_AT] + shift})
    )
    periods, since = remedies.play(past, replace(SETTING, strategy=strategy, probe="never"))
    assert [period.as_of for period in periods] == [sample.month_start(month) for month in (3, 4, 5)]
    assert [period.trained for period in periods] == [True, False, True], [period.reason for period in periods]
    assert len(since) == 2
    assert len(backtests) == searches * len(SETTING.split.history)
    assert all(sample.month_start(1) <= one < period.as_of for one, period in zip(since, periods[::2], strict=True))
