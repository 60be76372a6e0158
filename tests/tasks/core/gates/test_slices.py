"""A candidate that is better on the whole and worse for a part of the rows is refused; one that is equal seldom is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.stats import binom

from tasks.core.gates import Slices, judge_all
from tests.tasks.core.gates.evidence import FAIL, PASS, UNKNOWN, evidence


def split_world(seed, rows=3000, harm=0.0, gain=0.0, metric="mae"):
    """The candidate errs `harm` sd more than the champion for one region of five and `gain` less elsewhere."""
    rng = np.random.default_rng(seed)
    region = rng.choice(list("abcde"), rows, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    truth = rng.normal(size=rows)
    champion = truth + rng.normal(size=rows)
    candidate = truth + np.where(region == "d", 1 + harm, 1 - gain) * rng.normal(size=rows)
    table = pd.DataFrame({"region": region, "x": rng.normal(size=rows)})
    return evidence(
        rows, metric=metric, actual=truth, candidate=candidate, champion=champion, columns=table, features=table,
        seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("gate", [Slices(columns=("region",)), Slices(search=True)])
def test_a_gain_on_the_whole_does_not_pay_for_a_part(gate):
    harmful = [gate.judge(split_world(seed, harm=1.0, gain=0.5)) for seed in range(10)]
    assert [check.verdict for check in harmful] == [FAIL] * 10
    assert "region" in harmful[0].reason
    assert gate.judge(split_world(0, gain=0.5)).verdict is PASS


def test_the_search_finds_the_part_of_a_binary_problem_too():
    """Outside "a", the candidate knows the outcome better; inside, it says the opposite."""
    world = evidence(3000)
    plan = np.random.default_rng(5).choice(["a", "b", "c"], 3000)
    candidate = np.where(plan == "a", 1 - world.candidate, world.candidate)
    table = pd.DataFrame({"x": np.random.default_rng(6).normal(size=3000), "plan": plan})
    check = Slices(search=True).judge(replace(world, candidate=candidate, features=table))
    assert check.verdict is FAIL
    assert "found by plan" in check.reason


def test_many_parts_do_not_add_up_to_false_refusals():
    """Of 150 candidates that are equal everywhere, on 13 parts, at most 5 % are refused (but once in 10 000 runs)."""
    gate = Slices(columns=("region", "x", "y"), min_rows=50)
    refused = 0
    for seed in range(150):
        world = split_world(seed, rows=1500)
        columns = world.columns.assign(y=np.random.default_rng(seed).normal(size=1500))
        check = gate.judge(replace(world, columns=columns))
        assert check.verdict in {PASS, FAIL}
        assert check.numbers["judged"] == 13
        refused += check.verdict is FAIL
    assert refused <= binom.ppf(0.9999, 150, 0.05)


def test_the_margin_forgives_what_is_small():
    world = split_world(1, harm=1.0)
    assert Slices(columns=("region",), margin=0.2).judge(world).verdict is FAIL
    assert Slices(columns=("region",), margin=2.0).judge(world).verdict is PASS


def test_parts_that_are_too_small_are_counted_and_a_column_without_a_large_one_is_unknown():
    world = split_world(2)
    some = Slices(columns=("region",), min_rows=400).judge(world)
    assert some.verdict is PASS
    assert (some.numbers["judged"], some.numbers["parts"]) == (4, 5)
    assert Slices(columns=("region", "x"), min_rows=800).judge(world).verdict is UNKNOWN
    assert "x" in Slices(columns=("region", "x"), min_rows=800).judge(world).reason
    assert Slices(search=True, min_rows=800).judge(world).verdict is UNKNOWN


def test_a_part_of_one_class_is_not_judged_and_stops_nothing():
    world = evidence()
    columns = pd.DataFrame({"plan": np.where(world.actual == 1, "x", np.where(np.arange(1500) % 3, "y", "x"))})
    check = Slices(columns=("plan",)).judge(evidence(columns=columns))
    assert (check.verdict, check.numbers["judged"]) == (PASS, 1)


def test_without_a_champion_there_is_nothing_to_be_worse_than():
    gate = Slices(columns=("plan",))
    assert gate.judge(evidence(champion=None, champion_state="none")).verdict is PASS
    assert gate.judge(evidence(champion=None, champion_state="unknown")).verdict is UNKNOWN
    assert judge_all([Slices(columns=("nowhere",))], evidence())[0].verdict is UNKNOWN
    with pytest.raises(ValidationError, match="name columns"):
        Slices()
