"""The tuning flow: fit ahead, play the grid, choose, play on; every step is counted, and a second run resumes."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import tuning as flow
from tasks.adapters.store import Store
from tasks.core.results import Window
from tasks.core.strategies import SameRecipe
from tasks.core.tuning import PRESENT, PROPOSED, Thresholds, cut_of, grid
from tasks.session import Session
from tasks.simulation import _PERIODS, Pinned
from tests.tasks.core.histories import DAY, SETTING, START, moments
from tests.tasks.core.periods import period

MOMENTS = moments(last=180)
CUT = MOMENTS[cut_of(MOMENTS)]
BEST = Thresholds(0.25, 0.8, DAY)
PINNED = Pinned(Store(str(Path("nowhere")), "made-up"), 1, 1, Window(START, START + 180 * DAY))


class Pool:
    """Answers in place of the tasks, and keeps each answer under its key, as Prefect does."""

    def __init__(self):
        self.kept, self.played = {}, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, task, parameters):
        key = parameters["key"]
        if key not in self.kept:
            self.kept[key] = 1.0 if task.name == "rehearse training" else self.play(parameters["play"])
        return SimpleNamespace(result=lambda: self.kept[key])

    def play(self, play):
        self.played.append(play)
        serves = play.setting if play.change is None else play.change.setting
        score = 1.0 if Thresholds.of(serves) == BEST else 2.0
        periods = tuple(period(at, at + DAY, score, seconds=0.5) for at in play.moments[:-1])
        told = _PERIODS.dump_python(tuple(p for p in periods if play.counts(p)), mode="json")
        return {"policy": play.name, "periods": told, "check_seconds": 0.25}


@pytest.fixture
def run(monkeypatch):
    """What the flow gives with a pool of its own, and the bar as a list of (done, total)."""
    pool, moves = Pool(), []
    monkeypatch.setattr(flow, "task_runner", lambda _: pool)
    monkeypatch.setattr(flow.reporting, "begin_progress", lambda *_: None)
    monkeypatch.setattr(flow.reporting, "move_progress", lambda _, *moved: moves.append(moved))
    config, session = SimpleNamespace(runner=None, metric="mae"), Session(PINNED.store, "", CUT, "test")
    return lambda setting: (*flow._tune(config, session, PINNED, setting, MOMENTS), pool, moves)


def test_the_grid_is_played_first_and_what_it_chose_after_it(run):
    tuned, late, pool, moves = run(SETTING)
    assert (tuned.chosen, tuned.present, tuned.cut) == (BEST, Thresholds.of(SETTING), CUT)
    first, second = pool.played[:18], pool.played[18:]
    assert [Thresholds.of(play.setting) for play in first] == list(grid(SETTING))
    assert {(play.known_by, play.moments[-1], play.change) for play in first} == {(CUT, CUT, None)}
    assert [play.name for play in second] == [PRESENT, PROPOSED, "never", "every_window"]
    assert {play.moments for play in second} == {tuple(MOMENTS)}
    assert [line.mean for line in tuned.late] == [2.0, 1.0, 2.0, 2.0]
    assert [run.periods[0].as_of for run in late] == [CUT] * 4
    steps = len(MOMENTS) - 1 + 18 + 4
    assert moves == [(done, steps) for done in range(1, steps + 1)]
    assert run(SETTING)[0] == tuned
    assert len(pool.played) == 22  # nothing was played again


def test_thresholds_that_stay_are_played_once_and_the_bar_comes_to_its_end(run):
    tuned, late, pool, moves = run(BEST.put_into(SETTING))
    assert tuned.chosen == tuned.present == BEST
    names = [PRESENT, "never", "every_window"]
    assert [play.name for play in pool.played[-3:]] == [one.policy for one in late] == names
    assert len(pool.played) == len(grid(BEST.put_into(SETTING))) + 3
    assert moves[-1][0] == moves[-1][1] == len(moves)


def test_what_depends_on_the_champion_is_not_fitted_ahead(run):
    _, _, pool, _ = run(replace(SETTING, strategy=SameRecipe()))
    assert len(pool.kept) == len(pool.played) == 22
