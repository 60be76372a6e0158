"""What a simulation sees of its champion is judged as the loop judges it."""

from dataclasses import replace

import pandas as pd
import pytest

from tasks.core.history import History
from tasks.core.rehearsal import contestant, train
from tasks.core.results import Verdict
from tasks.core.sight import Sight
from tests.tasks.core.histories import DAY, SETTING, START, tables


@pytest.mark.parametrize(
    ("slope", "kind", "verdict"),
    [(0.1, "importance", Verdict.PASS), (3.0, "importance", Verdict.FAIL), (0.1, "equal", Verdict.FAIL)],
)
def test_columns_count_by_what_they_are_worth_to_the_champion(slope, kind, verdict):
    setting = replace(SETTING, drift=SETTING.drift.model_copy(update={"weights": kind}))
    history = History.of(*tables(per_day=20, moves_on=110, slopes={0: slope}))
    champion = contestant(history.at(START + 100 * DAY), setting, train, 1)
    seen = Sight(history.at(START + 140 * DAY), champion, setting, 20 * DAY).observation
    assert {check.name for check in seen.columns if check.verdict is Verdict.FAIL} == {"x"}
    assert seen.data_drift.verdict is verdict
    assert "does not tell" not in seen.data_drift.reason


def test_by_season_the_window_is_held_against_the_same_days_of_earlier_weeks():
    events, labels = tables(per_day=40, slopes={0: 0.1})
    saturday = events["_event_time"].dt.weekday == 5
    events["x"] = events["x"].where(~saturday, events["x"] + 30.0)
    history, end = History.of(events, labels), START + (7 * 17 + 6) * DAY  # the end of a Saturday, midnight UTC
    assert pd.Timestamp(end).weekday() == 6

    def seen(until, **update):
        config = {"window": DAY, "min_rows": 10, "share": 0.0, "multivariate": False, **update}
        setting = replace(SETTING, drift=SETTING.drift.model_copy(update=config))
        champion = contestant(history.at(START + until * DAY), setting, train, 1)
        return Sight(history.at(end), champion, setting, DAY).observation

    verdicts = {check.name: check for check in seen(112, season="week").columns}
    assert verdicts["x"].verdict is Verdict.PASS
    assert verdicts["x"].numbers["threshold"] < 2.0, "Saturdays are alike, and the threshold knows it"
    early = {check.name: check for check in seen(60, season="week").columns}
    assert early["x"].verdict is Verdict.UNKNOWN
    assert "earlier weeks" in early["x"].reason
