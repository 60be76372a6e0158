"""The simulation flow: fit ahead what the schedule fits, play every policy, count each step; a second run resumes."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from flows import simulation as flow
from tasks.core.plays import Play
from tasks.core.policies import POLICIES, Keepfit, Never
from tasks.core.strategies import SameRecipe
from tasks.session import Session
from tests.flows.test_tuning import CUT, MOMENTS, PINNED, Pool
from tests.tasks.core.histories import SETTING


@pytest.mark.parametrize(
    ("setting", "policies", "ahead"),
    [
        (SETTING, POLICIES, len(MOMENTS) - 1),
        (SETTING, (Never(), Keepfit()), 0),
        (replace(SETTING, strategy=SameRecipe()), POLICIES, 0),
    ],
)
def test_what_the_schedule_fits_is_fitted_first_and_every_policy_is_played_once(monkeypatch, setting, policies, ahead):
    pool, moves = Pool(), []
    monkeypatch.setattr(flow, "task_runner", lambda _: pool)
    monkeypatch.setattr(flow.reporting, "begin_progress", lambda *_: None)
    monkeypatch.setattr(flow.reporting, "move_progress", lambda _, *moved: moves.append(moved))
    plays = [Play(policy.kind, setting, policy, tuple(MOMENTS)) for policy in policies]
    given = SimpleNamespace(runner=None), Session(PINNED.store, "", CUT, "test"), PINNED, plays
    runs = flow._simulate(*given)
    kinds = [policy.kind for policy in policies]
    assert [run.policy for run in runs] == [play.name for play in pool.played] == kinds
    assert pool.played == plays
    assert list(pool.kept.values())[:ahead] == [1.0] * ahead
    steps = ahead + len(policies)
    assert len(pool.kept) == steps
    assert moves == [(done, steps) for done in range(1, steps + 1)]
    assert flow._simulate(*given) == runs
    assert len(pool.played) == len(policies)
