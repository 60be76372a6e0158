"""Rows sent again, ids that begin anew, rows sorted by their label: seen, and not seen where history does the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.sentinel.finding import ROWS
from tasks.core.sentinel.rows import content, fewer_ids, repeated_rows, reused_ids, sorted_by_label
from tests.tasks.core.sentinel.worlds import CATEGORIES, NUMBERS, rows

LEVEL, SEEDS = 1e-5, range(20)
COLUMNS = (*NUMBERS, *CATEGORIES)


def hashes(frame):
    return content(frame, COLUMNS)


@pytest.mark.parametrize("n", [200, 1_000])
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_rows_sent_again_under_new_ids_are_seen(n, share):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        past, new = rows(3 * n, rng), rows(n, rng)
        again = round(share * n)
        current = pd.concat([past.sample(again, random_state=seed), new[again:]]).sample(frac=1, random_state=seed)
        found = repeated_rows(hashes(current), hashes(past), LEVEL)
        assert found is not None
        assert (found.kind, found.of) == ("repeated rows", n)
        assert repeated_rows(hashes(new), hashes(past), LEVEL) is None


def test_rows_sent_again_are_seen_in_a_small_part_of_a_large_history():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        past, new = rows(10_000, rng), rows(1_000, rng)
        held = hashes(past.sample(500, random_state=seed))
        again = hashes(past[:1_000])
        assert repeated_rows(again, held, LEVEL, 0.05).kind == "repeated rows"
        assert repeated_rows(again, held, LEVEL) is None
        assert repeated_rows(hashes(new), held, LEVEL, 0.05) is None


def test_rows_that_stand_twice_in_one_delivery_are_seen():
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        past, half = rows(1_000, rng), rows(150, rng)
        found = repeated_rows(hashes(pd.concat([half, half])), hashes(past), LEVEL)
        assert found is not None
        assert found.rows == 150


def test_rows_of_few_values_are_alike_by_themselves():
    silent = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        frames = [rows(n, rng) for n in (int(rng.integers(20, 2_000)), int(rng.integers(20, 2_000)))]
        few = [content(frame, ["plan", "region", "visits"]) for frame in frames]
        silent += repeated_rows(few[0], few[1], LEVEL) is None
    assert silent == 100


def test_content_is_the_same_before_and_after_the_tables():
    frame = pd.DataFrame({
        "whole": pd.array([1, None, 3], dtype="Int64"), "yes": pd.array([True, None, False], dtype="boolean"),
        "x": [0.1, np.nan, 2.0], "word": ["a", None, "c"], "when": pd.to_datetime(["2024-01-01"] * 3, utc=True),
    })  # fmt: skip
    back = pd.DataFrame({
        "whole": [1.0, np.nan, 3.0], "yes": pd.Series([True, None, False], dtype=object),
        "x": [0.1, np.nan, 2.0], "word": pd.Series(["a", None, "c"], dtype="string"),
        "when": pd.to_datetime(["2024-01-01"] * 3, utc=True).astype("datetime64[us, UTC]"),
    })  # fmt: skip
    columns = list(frame.columns)
    assert list(content(frame, columns)) == list(content(back, columns))
    assert len(set(content(frame, columns))) == 3


@pytest.mark.parametrize("n", [200, 1_000])
def test_ids_that_name_other_rows_now_are_seen_and_corrections_are_not(n):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        stored, other = rows(n, rng), rows(n, rng)
        found = reused_ids(stored, other, COLUMNS, n)
        assert found is not None
        assert found.kind == "ids reset"
        assert reused_ids(stored, stored, COLUMNS, n) is None
        corrected = stored.assign(price=other["price"], visits=other["visits"], age=other["age"])
        assert reused_ids(stored, corrected, COLUMNS, n) is None
        assert reused_ids(stored[: n // 10], other[: n // 10], COLUMNS, n) is None


def test_ids_that_begin_anew_below_all_earlier_ones_are_seen():
    past = pd.Series([f"order-{number}" for number in range(50_000, 53_000)])
    batch = np.repeat(np.arange(6), 500)
    assert fewer_ids(past, batch, pd.Series([f"order-{n}" for n in range(1, 300)])).kind == "ids reset"
    assert fewer_ids(past, batch, pd.Series([f"order-{n}" for n in range(53_000, 53_300)])) is None
    assert fewer_ids(past, batch, pd.Series([f"order-{n}" for n in range(51_000, 51_300)])) is None
    rng = np.random.default_rng(0)
    drawn = pd.Series([f"{n:08x}" for n in rng.integers(0, 2**32, 3_000)])
    assert fewer_ids(drawn, batch, pd.Series([f"{n:08x}" for n in range(300)])) is None
    assert fewer_ids(pd.Series(["a"] * 3_000), batch, past) is None


@pytest.mark.parametrize("n", [200, 1_000])
@pytest.mark.parametrize("kind", ["rare", "even", "number"])
def test_rows_sorted_by_their_label_are_seen(kind, n):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        labels = {"rare": (rng.random(n) < 0.1) * 1.0, "even": (rng.random(n) < 0.5) * 1.0,
                  "number": rng.lognormal(0, 1, n)}[kind]  # fmt: skip
        times = rng.integers(0, 10**9, n)
        for order in (np.argsort(labels, kind="stable"), np.argsort(-labels, kind="stable")):
            for when in (times[order], np.zeros(n, np.int64)):
                found = sorted_by_label(labels[order], when, LEVEL)
                assert found is not None
                assert found.kind == "sorted by the label"
        assert sorted_by_label(labels, times, LEVEL) is None
        assert sorted_by_label(labels, np.sort(times), LEVEL) is None


def test_a_target_that_grows_with_time_is_no_sorting():
    rng = np.random.default_rng(0)
    times = np.sort(rng.integers(0, 10**9, 500))
    assert sorted_by_label(times / 7.0, times, LEVEL) is None
    assert sorted_by_label(np.zeros(500), times[::-1], LEVEL) is None
    few = np.r_[np.zeros(198), np.ones(2)]
    assert sorted_by_label(few, times[:200][::-1], LEVEL) is None


@given(
    st.lists(st.integers(0, 150), min_size=20, max_size=120),
    st.lists(st.integers(0, 300), min_size=20, max_size=60, unique=True),
)
def test_rows_that_are_there_again_are_counted_as_one_by_one(now: list[int], before: list[int]) -> None:
    again, twice = sum(one in before for one in now), len(now) - len(set(now))
    found = repeated_rows(np.array(now, np.uint64), np.array(before, np.uint64), 1.0, 0.0)
    seen = again if again >= ROWS else twice if twice >= max(ROWS, 0.2 * len(now)) else None
    assert (None if found is None else found.rows) == seen
