"""Promise 6 in time: alarms keep their rate when rows near in time are alike, and a turned relation is seen.

Small versions of `python -m benchmarks.alarms`.
"""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tasks.core.blocks import DAY, MIN_BLOCKS, block_sums, integrated_time, time_blocks, traits_of
from tasks.core.distances import distance
from tasks.core.drift import PARTS, Drift, judge_column, judge_drift
from tasks.core.features import EVENT_TIME
from tasks.core.multivariate import judge_multivariate
from tasks.core.noise import noise_threshold, noise_thresholds
from tasks.core.pairs import Pair, prepare
from tasks.core.ranks import rank_p_value
from tasks.core.results import Verdict
from tasks.core.two_samples import compare

STRICT = Drift(
    numerical_threshold=1e-9, categorical_threshold=1e-9, share=0, one_false_alarm_in=10, multivariate_threshold=0.5
)
NUMBERS, TEXTS = ["a", "b", "c"], ["d"]
START = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads of several test processes that wait for one another make small fits ten times slower."""
    with threadpool_limits(1):
        yield


def in_time(rng, per_day=20, days=150, window=30, alike=0.7, scale=0.5):
    """Reference and window of one stationary source; `alike` of the variance is shared by rows within `scale` days."""
    count = per_day * (days + window)
    when = np.sort(rng.uniform(0, days + window, count))
    keep = np.exp(-np.diff(when, prepend=when[0]) / scale)
    waves = np.empty((4, count))
    steps = rng.normal(size=(4, count)) * np.sqrt(1 - keep**2)
    last = rng.normal(size=4)
    for place in range(count):
        last = waves[:, place] = keep[place] * last + steps[:, place]
    values = np.sqrt(alike) * waves + np.sqrt(1 - alike) * rng.normal(size=(4, count))
    frame = pd.DataFrame(dict(zip(NUMBERS, values, strict=False)))
    frame["d"] = np.array(["x", "y", "z"], dtype=object)[np.digitize(values[3], (-0.5, 0.7))]
    frame[EVENT_TIME] = START + pd.to_timedelta(when, unit="D")
    return frame[when < days], frame[when >= days].reset_index(drop=True)


def columns_alarm(reference, current, config):
    pairs = prepare(reference, current, NUMBERS, TEXTS)
    distances = {name: distance(pair, config.method(pair)) for name, pair in pairs.items()}
    return judge_drift(pairs, distances, noise_thresholds(pairs, config, 1), config)[0].verdict is Verdict.FAIL


def together(reference, current, config=STRICT, seed=1):
    return judge_multivariate(reference, current, numerical=NUMBERS, categorical=TEXTS, config=config, seed=seed)


@pytest.mark.parametrize("per_day", [3, 20])
def test_rows_that_are_alike_in_time_alarm_no_more_than_stated(per_day):
    alarms = {"columns": 0, "together": 0, "columns without times": 0}
    trials = 14
    for seed in range(trials):
        reference, current = in_time(np.random.default_rng([seed, per_day]), per_day)
        alarms["columns"] += columns_alarm(reference, current, STRICT)
        alarms["together"] += together(reference, current).verdict is Verdict.FAIL
        if per_day > 3:
            untimed = (side.drop(columns=EVENT_TIME) for side in (reference, current))
            alarms["columns without times"] += columns_alarm(*untimed, STRICT)
    stated = trials / STRICT.one_false_alarm_in / PARTS
    assert alarms["columns"] <= stated + 3 * stated**0.5
    assert alarms["together"] <= stated + 3 * stated**0.5
    # The world is one in which it matters: blind to time, the same thresholds cry wolf.
    assert per_day == 3 or alarms["columns without times"] > 10 * stated


def test_rows_that_are_not_alike_pay_little_for_the_look_at_time():
    rng = np.random.default_rng(4)
    with_times = []
    for _ in range(8):
        reference, current = in_time(rng, alike=0.0)
        pair = prepare(reference, current, ["a"], [])["a"]
        alone = noise_threshold(Pair(True, pair.reference, pair.current), Drift(), 0.001, 1)
        with_times.append(noise_threshold(pair, Drift(), 0.001, 1) / alone)
    assert min(with_times) >= 1.0
    assert np.median(with_times) < 1.25


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_a_shift_is_still_seen_where_times_are_known(alike):
    for seed in range(5):
        reference, current = in_time(np.random.default_rng(seed), alike=alike)
        moved = current.assign(a=current["a"] + 1.0)
        assert columns_alarm(reference, moved, Drift(share=0))


@given(st.integers(0, 2**32), st.floats(0.05, 30), st.integers(2, 60), st.integers(30, 400))
@settings(max_examples=40, deadline=None)
def test_blocks_hold_all_rows_and_are_no_longer_than_the_window(seed, scale, window, count):
    rng = np.random.default_rng(seed)
    reference = (np.sort(rng.uniform(0, 90, count)) * DAY).astype(np.int64)
    current = (rng.uniform(90, 90 + window, 40) * DAY).astype(np.int64)
    traits = traits_of(np.sin(reference / DAY / scale) + 0.1 * rng.normal(size=count), numerical=True)
    blocks = time_blocks(reference, current, traits)
    assert (np.diff(blocks.codes) >= 0).all()
    assert set(blocks.codes) == set(range(blocks.count))
    assert 1 <= blocks.inflation <= max(1, blocks.per_window) <= len(current)
    longest = max(np.ptp(reference[blocks.codes == code]) for code in range(blocks.count))
    assert longest <= 2 * max(np.ptp(current), 1)  # the last block takes a stub in
    assert blocks.count >= MIN_BLOCKS - 1 or count < 4 * MIN_BLOCKS


def test_a_level_that_wanders_is_not_hidden_behind_calm_traits():
    rng = np.random.default_rng(7)
    times = (np.arange(0, 180, 0.05) * DAY).astype(np.int64)
    day = times // DAY
    steps = rng.normal(size=181)
    level = (steps[1:] + 0.9 * steps[:-1])[day] + 0.1 * rng.normal(size=len(times))  # days next to each other are alike
    calm = rng.normal(size=(180, 4))[day]
    alone = time_blocks(times, times[-600:], level[:, None])
    beside = time_blocks(times, times[-600:], np.column_stack([level, 2 * calm]))
    assert beside.count >= alone.count
    assert beside.inflation > 1.6


def test_a_stub_at_the_end_is_no_block():
    times = (np.arange(0, 30.01, 0.05) * DAY).astype(np.int64)
    traits = traits_of(np.random.default_rng(0).normal(size=len(times)), numerical=True)
    assert np.bincount(time_blocks(times, times[:200], traits).codes).min() >= 20


def test_where_time_tells_nothing_there_are_no_blocks():
    times, traits = np.arange(100) * DAY, traits_of(np.arange(100.0), numerical=True)
    assert time_blocks(times, np.full(5, 3), traits) is None
    assert time_blocks(np.full(100, 7), times, traits) is None
    assert time_blocks(times, times[:0], traits) is None


def test_the_integrated_time_of_known_processes():
    rng = np.random.default_rng(2)
    alone = [integrated_time(rng.normal(size=(400, 1))) for _ in range(30)]
    series = np.empty((4_000, 1))
    last = 0.0
    for place, step in enumerate(rng.normal(size=len(series))):
        last = series[place, 0] = 0.6 * last + step
    assert np.median(alone) < 1.1
    assert integrated_time(series) == pytest.approx(1.6 / 0.4, rel=0.25)
    assert integrated_time(np.zeros((50, 2))) == 1.0
    codes = np.repeat(np.arange(10), 5)
    assert block_sums(np.arange(50.0)[:, None], codes, 10).sum() == pytest.approx(0)


HEAVY = {
    "pareto": lambda rng, n: rng.pareto(2.5, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1.5, n),
    "t": lambda rng, n: rng.standard_t(3, n),
}


@pytest.mark.parametrize(
    ("rows", "n", "level", "sources", "windows"), [(1_500, 250, 0.001, 8, 250), (2_000, 30, 0.00025, 60, 60)]
)
@pytest.mark.parametrize("kind", HEAVY)
def test_extremes_that_a_heavy_tailed_reference_lacks_are_no_drift(kind, rows, n, level, sources, windows):
    # The rate of a column at a level at which no reference knows its own extremes.
    trials, far, drifted = 0, 0, 0
    for seed in range(sources):
        rng = np.random.default_rng(seed)
        reference = HEAVY[kind](rng, rows)
        noise = noise_threshold(Pair(True, reference, np.zeros(n)), Drift(), level, seed)
        for _ in range(windows):
            pair = Pair(True, reference, HEAVY[kind](rng, n))
            measured, trials = distance(pair, "wasserstein"), trials + 1
            far += measured >= noise
            drifted += judge_column("x", pair, measured, noise, STRICT, level).verdict is Verdict.FAIL
    assert drifted <= trials * level + 3 * (trials * level) ** 0.5
    assert far > trials * level + 3 * (trials * level) ** 0.5  # the distance alone would cry wolf


@pytest.mark.parametrize("n", [30, 200])
def test_the_p_value_of_ranks_holds_and_knows_no_distribution(n):
    rng = np.random.default_rng(n)
    found = []
    for _ in range(1_000):
        reference, current = rng.normal(size=400), rng.normal(size=n)
        found.append(rank_p_value(Pair(True, reference, current)))
    pair, curved = Pair(True, reference, current), Pair(True, np.exp(9 * reference), np.exp(9 * current))
    assert rank_p_value(curved) == rank_p_value(pair)
    assert np.mean(np.array(found) <= 0.05) <= 0.05
    assert np.mean(np.array(found) <= 0.2) >= 0.05  # and it is not merely silent


@pytest.mark.parametrize(
    "moved", [lambda v: v + 0.5, lambda v: 1.6 * v, lambda v: np.where(np.arange(len(v)) % 8, v, 60.0 + v)]
)
def test_ranks_see_a_place_a_spread_and_an_end_that_moved(moved):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert rank_p_value(Pair(True, rng.normal(size=3_000), moved(rng.normal(size=500)))) < 1e-4


def test_ranks_that_come_and_go_with_time_count_as_few():
    reference, current = in_time(np.random.default_rng(3), alike=0.9, scale=2.0)
    pair = prepare(reference, current.assign(a=current["a"] + 0.3), ["a"], [])["a"]
    assert rank_p_value(Pair(True, pair.reference, pair.current)) < 1e-4 < rank_p_value(pair)


def test_ranks_of_one_value_say_nothing():
    assert rank_p_value(Pair(True, np.zeros(40), np.zeros(40))) == 1.0
    assert rank_p_value(Pair(True, np.zeros(40), np.ones(1))) == 1.0


def related(n, rng, sign=1.0, shift=0.0):
    a = rng.normal(size=n)
    frame = pd.DataFrame({"a": a, "b": sign * 0.8 * a + 0.6 * rng.normal(size=n), "c": rng.normal(shift, 1, n)})
    others = {f"e{place}": rng.normal(size=n) for place in range(20)}
    return frame.assign(d=rng.choice(["x", "y"], n), **others)


@pytest.mark.parametrize("n", [200, 1_000])
def test_a_turned_relation_is_always_seen_and_its_columns_are_named(n):
    for seed in range(4):
        rng = np.random.default_rng([n, seed])
        reference, current = related(3_000, rng), related(n, rng, -1)
        assert not columns_alarm(reference, current, Drift(share=0))
        wide = [*NUMBERS, *(f"e{place}" for place in range(20))]
        answer = judge_multivariate(reference, current, numerical=wide, categorical=TEXTS, config=Drift(), seed=seed)
        assert answer.verdict is Verdict.FAIL, answer
        assert {"a", "b"} == set(answer.reason.rpartition("most by ")[2].split(", "))
        assert answer.numbers["auc"] > 0.6
        assert answer.numbers["p_value"] <= 1 / Drift().one_false_alarm_in / PARTS


def test_what_has_not_changed_is_not_told_apart_more_often_than_stated():
    config = Drift(one_false_alarm_in=10, multivariate_threshold=0.5)
    answers = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        answers.append(together(related(1_500, rng), related(100, rng), config, seed))
    assert sum(answer.verdict is Verdict.FAIL for answer in answers) <= 1.5 + 3 * 1.5**0.5
    assert {answer.verdict for answer in answers} <= {Verdict.PASS, Verdict.FAIL}
    assert np.mean([answer.numbers["auc"] for answer in answers]) == pytest.approx(0.5, abs=0.03)


def test_a_classifiers_skill_below_the_threshold_is_no_drift():
    rng = np.random.default_rng(0)
    reference, current = related(5_000, rng), related(5_000, rng, shift=0.3)
    assert together(reference, current, Drift()).verdict is Verdict.FAIL
    assert together(reference, current, Drift(multivariate_threshold=0.7)).verdict is Verdict.PASS


def test_the_answer_depends_on_data_and_seed_only():
    rng = np.random.default_rng(3)
    reference, current = related(800, rng), related(300, rng)
    assert together(reference, current) == together(reference.copy(), current.copy())
    assert together(reference, current, seed=2) != together(reference, current)


def test_broken_and_missing_columns_neither_raise_nor_pass_for_nothing():
    rng = np.random.default_rng(1)
    reference, current = related(500, rng), related(200, rng)
    broken = current.assign(a=None, b=np.inf, d=None)
    for pair in ((reference, broken), (broken, reference), (reference, current.drop(columns=["a", "d"]))):
        assert together(*pair).verdict in {Verdict.PASS, Verdict.FAIL}
    for pair in (
        (reference, current[:20]),
        (reference[:0], current),
        (reference, current[["c"]].rename(columns={"c": "e"})),
    ):
        assert together(*pair).verdict is Verdict.UNKNOWN


def test_one_stretch_of_time_is_unknown_and_never_drift():
    reference, current = in_time(np.random.default_rng(5), per_day=24)
    hours = current[current[EVENT_TIME] < current[EVENT_TIME].min() + timedelta(hours=36)]
    answer = together(reference, hours.assign(a=hours["a"] + 9), Drift())
    assert answer.verdict is Verdict.UNKNOWN
    assert "near in time" in answer.reason


def test_scores_of_rows_in_clusters_count_as_few():
    rng = np.random.default_rng(6)
    days = np.repeat(np.arange(60), 50)
    scores = rng.normal(size=60)[days] + 0.1 * rng.normal(size=len(days))
    late = days >= 45
    times = days * DAY + rng.integers(0, DAY, len(days))
    timed = compare(scores[~late], scores[late], times[~late], times[late], 0)
    alone = compare(scores[~late], scores[late], None, None, 0)
    assert timed.auc == alone.auc
    assert timed.error > 4 * alone.error
