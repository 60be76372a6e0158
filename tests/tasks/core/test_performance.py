import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.metrics import score
from tasks.core.performance import Performance, judge_performance, limit_of
from tasks.core.results import Verdict

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


def window(seed=0, rows=1200, noise=1.0, problem="binary"):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    seen = truth + noise * rng.normal(size=rows)
    blocks = np.arange(rows) * 30 // max(rows, 1)
    if problem == "regression":
        return {"actual": truth, "predicted": seen, "blocks": blocks}
    return {"actual": (truth > 0.5).astype(int), "predicted": 1 / (1 + np.exp(-seen)), "blocks": blocks}


def judge(config=None, *, metric="roc_auc", promised=0.8, label_share=1.0, seed=1, **rows):
    return judge_performance(
        config or Performance(),
        metric=metric,
        promised=promised,
        label_share=label_share,
        seed=seed,
        **(rows or window()),
    )


@pytest.mark.parametrize(
    ("metric", "relative", "promised", "limit"),
    [
        ("roc_auc", True, 0.8, 0.77),
        ("roc_auc", False, 0.8, 0.7),
        ("average_precision", True, 0.5, 0.45),
        ("r2", True, -0.5, -0.55),
        ("mae", True, 30.0, 33.0),
        ("mae", False, 30.0, 30.1),
        ("log_loss", True, 0.0, 0.0),
    ],
)
def test_the_limit_lies_on_the_worse_side_of_the_promise(metric, relative, promised, limit):
    assert limit_of(Performance(relative=relative), metric, promised) == pytest.approx(limit)


@pytest.mark.parametrize(("metric", "problem"), [("roc_auc", "binary"), ("mae", "regression")])
def test_a_kept_promise_passes_and_a_broken_one_fails(metric, problem):
    kept = window(problem=problem)
    promised = score(metric, kept["actual"], kept["predicted"])
    assert judge(metric=metric, promised=promised, **window(seed=5, problem=problem)).verdict is PASS
    broken = judge(metric=metric, promised=promised, **window(seed=5, noise=4.0, problem=problem))
    assert broken.verdict is FAIL
    assert {"score", "low", "high", "promised", "limit", "rows", "label_share"} <= set(broken.numbers)


@pytest.mark.parametrize(("metric", "problem"), [("roc_auc", "binary"), ("mae", "regression")])
def test_noise_alone_seldom_raises_the_alarm(metric, problem):
    """A model that stands exactly on its limit is called decayed in at most the stated share of windows."""
    from scipy.stats import binom

    big = window(seed=99, rows=200_000, problem=problem)
    promised = score(metric, big["actual"], big["predicted"])
    config = Performance(max_loss=0.0)
    found = [
        judge(config, metric=metric, promised=promised, seed=seed, **window(seed, rows=400, problem=problem)).verdict
        for seed in range(200)
    ]
    assert found.count(FAIL) <= binom.ppf(0.9999, 200, 0.05)
    assert {PASS, UNKNOWN} <= set(found)


def test_worse_than_the_limit_within_noise_is_unknown_and_waits():
    rows = window(seed=2, rows=300)
    check = judge(
        Performance(max_loss=0.0), promised=score("roc_auc", rows["actual"], rows["predicted"]) + 0.005, **rows
    )
    assert check.verdict is UNKNOWN
    assert "within noise" in check.reason
    assert check.numbers["waiting"] is True


@pytest.mark.parametrize(
    ("case", "waiting", "told"),
    [
        ({"promised": None}, False, "no promised score"),
        ({"promised": float("nan")}, False, "no promised score"),
        ({"label_share": 0.79}, True, "79%"),
        ({"label_share": float("nan")}, True, "labels are known"),
        ({"label_share": None}, True, "no row of the window was scored"),
        (window(rows=99), True, "99 rows"),
        (window(rows=0), True, "0 rows"),
        ({**window(), "actual": np.ones(1200)}, True, "one class"),
        ({**window(), "blocks": np.zeros(1200, dtype=int)}, True, "equal blocks"),
        ({**window(), "predicted": np.full(1200, np.nan)}, False, "1200 of 1200"),
        ({**window(), "predicted": np.zeros(3)}, False, "one prediction per row"),
    ],
)
def test_what_cannot_be_judged_is_unknown_and_says_whether_time_will_help(case, waiting, told):
    check = judge(**{**window(noise=9.0), **case})
    assert check.verdict is UNKNOWN
    assert told in check.reason
    assert check.numbers["waiting"] is waiting


@given(promised=st.floats(0.5, 1.0), loss=st.floats(0, 0.5), noise=st.sampled_from([0.5, 1.0, 3.0]))
@settings(max_examples=30, deadline=None)
def test_the_verdict_follows_from_its_numbers(promised, loss, noise):
    check = judge(Performance(max_loss=loss), promised=promised, **window(rows=300, noise=noise))
    numbers = check.numbers
    assert numbers["low"] <= numbers["score"] <= numbers["high"]
    assert (check.verdict is PASS) == (numbers["score"] >= numbers["limit"])
    assert (check.verdict is FAIL) == (numbers["high"] < numbers["limit"])


def test_the_configuration_refuses_nonsense():
    assert Performance(window="14d").window.days == 14
    for wrong in [{"window": "0d"}, {"max_loss": -0.1}, {"min_label_share": 1.1}, {"confidence": 95}, {"loss": 0.1}]:
        with pytest.raises(ValidationError):
            Performance(**wrong)


def shaken(days, seed=0, rows_per_day=60, noise=1.0):
    """Thirty days of a champion that ranks well, and the wrong way round on some of them."""
    rng = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(30), rows_per_day)
    truth = rng.normal(size=len(blocks))
    seen = np.where(np.isin(blocks, list(days)), -truth, truth) + noise * rng.normal(size=len(blocks))
    return {"actual": (truth > 0.5).astype(int), "predicted": 1 / (1 + np.exp(-seen)), "blocks": blocks}


@pytest.mark.parametrize(("days", "verdict", "told"), [
    (range(15, 30), UNKNOWN, "it only begins"),
    (range(15), UNKNOWN, "it has passed again"),
    (range(5, 14), UNKNOWN, "it has passed again"),
    (range(5, 25), FAIL, "beyond the limit"),
    (range(30), FAIL, "beyond the limit"),
    ((), PASS, "within the limit"),
])  # fmt: skip
@pytest.mark.parametrize("seed", [0, 1])
def test_a_breach_in_one_half_of_its_window_waits_and_one_that_stays_fails(days, verdict, told, seed):
    found = judge(promised=0.85, **shaken(days, seed))
    assert found.verdict is verdict, found.reason
    assert told in found.reason
    if verdict is UNKNOWN:
        assert found.numbers["waiting"] is True
        assert {"older_half", "newer_half"} <= set(found.numbers)


def test_a_shock_is_told_for_a_metric_of_which_less_is_better_too():
    rows = window(problem="regression", noise=0.1, rows=1200)
    rows["predicted"] = np.where(rows["blocks"] >= 15, rows["predicted"] + 3, rows["predicted"])
    older = rows["blocks"] < 15
    level = score("mae", rows["actual"][older], rows["predicted"][older])
    within_noise = level * 0.99 / 1.1  # the limit, 10 % above the promise, is a little below what the older half gives
    assert "it only begins" in judge(metric="mae", promised=within_noise, **rows).reason
    assert "it only begins" in judge(metric="mae", promised=0.1, **rows).reason
    rows["predicted"] = rows["predicted"][::-1]
    rows["actual"] = rows["actual"][::-1]
    assert "it has passed again" in judge(metric="mae", promised=0.1, **rows).reason


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_an_even_decay_is_rarely_taken_for_a_shock_and_too_few_rows_for_halves_change_nothing(seed):
    """Once in a hundred even decays the halves differ so much by chance; here none is at its limit."""
    decayed = shaken((), seed, noise=3.0)
    assert judge(promised=0.85, **decayed).verdict is FAIL
    small = judge(Performance(min_rows=1000), promised=0.85, **shaken(range(15, 30), seed))
    assert small.verdict is FAIL, "halves of 900 rows carry no score of their own where 1000 are asked for"


def test_halves_that_cannot_carry_a_score_change_nothing():
    """A target that stood still in the older half has no r2 there; over the whole window the promise is broken."""
    rng = np.random.default_rng(0)
    blocks = np.repeat(np.arange(30), 40)
    actual = np.where(blocks < 15, 1.0, rng.normal(size=len(blocks)))
    found = judge(metric="r2", promised=0.9, actual=actual, predicted=rng.normal(size=len(blocks)), blocks=blocks)
    assert (found.verdict, "beyond the limit" in found.reason) == (FAIL, True)
