"""What a simulation sees of its champion is judged as the loop judges it."""

from dataclasses import replace

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
