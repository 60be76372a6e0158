"""Thresholds are chosen by what was known, the better ones by known truth, and none where nothing is better."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import tuning
from tasks.core.comparison import Run, compare
from tasks.core.errors import ConfigInvalid
from tasks.core.history import History
from tasks.core.tuning import PRESENT, PROPOSED, Thresholds, Tuned, choose, cut_of, early, grid, late, tuning_page
from tests.tasks.core.histories import DAY, SETTING, START, moments, tables
from tests.tasks.core.periods import period
from tests.tasks.core.test_simulation import scrambled

PLAIN = replace(SETTING, drift=SETTING.drift.model_copy(update={"multivariate": False, "resamples": 20}))
# The law turns a little: less than this limit lets pass, and more than half of it.
BLUNT = replace(PLAIN, performance=SETTING.performance.model_copy(update={"max_loss": 3.0}))
STEPS = {80: 2.0}
MOMENTS = moments(last=180)


@pytest.fixture
def small(monkeypatch):
    """A grid of three lines: what is varied and how much is not what these tests are about."""
    monkeypatch.setattr(tuning, "CONFIDENCES", ())
    monkeypatch.setattr(tuning, "COOLDOWNS", (1.0,))


def played(plays, history):
    return [Run(p.name, tuple(one for one in p.periods(history) if p.counts(one))) for p in plays]


def tuned(setting, history, when=MOMENTS):
    """What the flow does, without its pool."""
    first = played(early(setting, when), history)
    chosen = grid(setting)[choose(first, setting.metric)]
    second = played(late(setting, chosen, when), history)
    lines = (tuple(compare(runs, setting.metric)) for runs in (first, second))
    return Tuned(Thresholds.of(setting), chosen, when[cut_of(when)], *lines)


def test_the_grid_is_small_and_begins_with_what_the_file_says():
    every = grid(SETTING)
    assert len(every) == len(set(every)) == 18  # 0.95 is the file's own confidence
    assert every[0] == Thresholds(0.5, 0.95, DAY) == Thresholds.of(SETTING)
    assert every[0].put_into(SETTING) == SETTING
    assert {one.cooldown for one in every} == {DAY / 2, DAY, 2 * DAY}
    other = Thresholds(0.25, 0.8, 2 * DAY).put_into(SETTING)
    assert Thresholds.of(other) == Thresholds(0.25, 0.8, 2 * DAY)
    assert replace(other, performance=SETTING.performance, governor=SETTING.governor) == SETTING


def test_a_limit_that_lets_every_step_of_the_law_pass_is_tightened_and_that_pays(small):
    found = tuned(BLUNT, History.of(*tables(days=180, per_day=10, slopes=STEPS)))
    assert found.chosen.max_loss == BLUNT.performance.max_loss / 2
    assert found.early[0].retrainings == 0
    ours, theirs = (next(one for one in found.late if one.policy == name) for name in (PROPOSED, PRESENT))
    assert ours.mean < 0.5 * theirs.mean
    assert ours.retrainings >= 1
    assert "better" in found.verdict
    assert "think twice" not in found.verdict
    assert "put this into" in tuning_page("made-up", "mae", found, "performance: {max_loss: 1.75}\n")


def test_where_the_law_stays_the_thresholds_stay(small):
    found = tuned(PLAIN, History.of(*tables(days=180)))
    assert found.chosen == found.present
    assert found.verdict.startswith("Keep the thresholds")
    assert [line.policy for line in found.late] == [PRESENT, "never", "every_window"]
    assert "put this into" not in tuning_page("made-up", "mae", found, "")


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=2)
def test_the_choice_does_not_depend_on_what_was_not_known_when_it_was_made(seed):
    events, labels = tables(seed=seed, slopes=STEPS)
    rng = np.random.default_rng(seed)
    plays = [play for play in early(BLUNT, MOMENTS) if "max_loss 1.5" in play.name][:1]
    at = MOMENTS[cut_of(MOMENTS)]
    told, other = (played(plays, History.of(*them)) for them in ((events, labels), scrambled(events, labels, at, rng)))
    assert told == other
    assert any(period.score is not None for period in told[0].periods)


def test_both_halves_share_the_champion_and_only_the_second_is_judged():
    history = History.of(*tables(days=180, per_day=10, slopes=STEPS))
    chosen = Thresholds(1.0, 0.8, DAY)
    present, proposed = late(BLUNT, chosen, MOMENTS)[:2]
    at = MOMENTS[cut_of(MOMENTS)]
    both = [list(play.periods(history)) for play in (present, proposed)]
    assert [p for p in both[0] if p.as_of < at] == [p for p in both[1] if p.as_of < at]
    assert not any(p.asked for p in both[0])
    assert next(p.as_of for p in both[1] if p.asked) == at  # the new limit looks at the old champion
    assert [p.as_of for p in both[1] if proposed.counts(p)] == MOMENTS[cut_of(MOMENTS) : -1]


def test_the_thresholds_are_tried_as_often_as_is_asked_and_the_policies_beside_them_by_periods():
    history = History.of(*tables(days=180, per_day=2))
    chosen = replace(Thresholds.of(BLUNT), cooldown=9 * DAY)
    often = [*early(BLUNT, MOMENTS, 10 * DAY), *late(BLUNT, chosen, MOMENTS, 10 * DAY)]
    assert PROPOSED in {play.name for play in often}
    assert {(play.policy.kind, play.check_every) for play in often} == {
        ("keepfit", 10 * DAY), ("never", None), ("every_window", None)
    }  # fmt: skip
    assert {play.check_every for play in (*early(BLUNT, MOMENTS), *late(BLUNT, chosen, MOMENTS))} == {None}
    assert len(next(often[0].periods(history)).decisions) == (MOMENTS[1] - MOMENTS[0]) // (10 * DAY) > 1


def run(name, scores, asked):
    return Run(name, tuple(
        period(START + n * DAY, START + (n + 1) * DAY, score, asked=n < asked, trained=n < asked)
        for n, score in enumerate(scores)
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "scores", "retrainings", "wins"),
    [
        ("mae", [5.0, 4.0, 3.0], [0, 1, 2], 2),
        ("mae", [3.02, 3.0, 3.5], [1, 2, 0], 0),  # within 1 % of the best, and cheaper
        ("mae", [3.0, 3.0, 3.0], [1, 1, 1], 0),
        ("roc_auc", [0.7, 0.8, 0.75], [0, 2, 0], 1),
        ("roc_auc", [0.7, 0.8, 0.795], [0, 2, 1], 2),
        ("mae", [None, None, None], [2, 1, 0], 0),
    ],
)
def test_the_best_mean_wins_and_among_nearly_equal_ones_fewest_retrainings(metric, scores, retrainings, wins):
    runs = [run(str(n), [s] * 3, asked) for n, (s, asked) in enumerate(zip(scores, retrainings, strict=True))]
    assert choose(runs, metric) == wins


def test_a_choice_that_did_not_pay_says_so():
    runs = [run(PRESENT, [3.0] * 3, 1), run(PROPOSED, [3.3] * 3, 3)]
    now = Thresholds.of(SETTING)
    told = Tuned(now, replace(now, max_loss=0.25), START, (), tuple(compare(runs, "mae"))).verdict
    assert "10.0 % worse (3.3 against 3), with 3 retrainings against 1. So the history does not speak for it" in told


def test_too_few_periods_are_refused_with_what_to_do():
    with pytest.raises(ConfigInvalid, match=r"There are 3 periods, and at least 4 .* shorter --every"):
        cut_of([START + n * DAY for n in range(4)])
    assert cut_of([START + n * DAY for n in range(6)]) == 2
