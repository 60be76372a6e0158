"""Duels with known truth: how often does an equal, a better, a worse candidate become champion, here and the usual way?

    python -m benchmarks.duels [--seeds 500]

The usual way: the candidate's score on a random fifth of all its rows against the score that the champion had on a
random fifth of its own, stored when it was trained. Both ways judge equally many rows of the same world.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.results import Row, load, show
from tasks.core.gates import BeatsChampion, GateEvidence
from tasks.core.metrics import MetricName, gain, problem_of, score

PART = 5  # one row in five judges, both ways
GATE = BeatsChampion(margin=0.0)


@dataclass(frozen=True)
class Data:
    """Actual values, predictions of champion and candidate, and the day of each row, all of shape (rows,)."""

    actual: np.ndarray
    champion: np.ndarray
    candidate: np.ndarray
    days: np.ndarray

    def take(self, kept: np.ndarray) -> "Data":
        return Data(self.actual[kept], self.champion[kept], self.candidate[kept], self.days[kept])


@dataclass(frozen=True)
class Case:
    """`noise`: errors of champion and candidate; `goal`: bound on the share that is counted, by `wanted`."""

    name: str
    metric: MetricName
    rows: int
    days: int
    noise: tuple[float, float]
    goal: float
    wanted: str = "pass"
    at_least: bool = False
    alike: float = 0.5


def drawn(case: Case, rng: np.random.Generator, parts: int = 1) -> Data:
    """Both see the truth through noise of their own, the share `alike` of its variance common to the rows of a day."""
    rows, days = parts * case.rows, parts * case.days
    day = np.arange(rows) * days // rows
    truth = rng.normal(size=rows)
    champion, candidate = (
        truth + size * (np.sqrt(1 - case.alike) * rng.normal(size=rows)
                        + np.sqrt(case.alike) * rng.normal(size=days)[day])
        for size in case.noise
    )  # fmt: skip
    if problem_of(case.metric) == "regression":
        return Data(truth, champion, candidate, day)
    happens = (truth + 0.5 * rng.normal(size=rows) > 0.5).astype(int)
    return Data(happens, 1 / (1 + np.exp(-champion)), 1 / (1 + np.exp(-candidate)), day)


def keepfit(metric: MetricName, data: Data, seed: int) -> str:
    """The gate's verdict on rows that both models meet for the first time."""
    evidence = GateEvidence(
        metric, data.actual, data.candidate, data.champion, "present", data.champion, data.days, None, seed
    )
    return str(GATE.judge(evidence).verdict)


def usual(metric: MetricName, old: Data, new: Data, rng: np.random.Generator) -> str:
    """Promoted when the new score on a random fifth beats the stored one."""
    old, new = (each.take(rng.choice(len(each.days), len(each.days) // PART, replace=False)) for each in (old, new))
    stored = score(metric, old.actual, old.champion)
    return "pass" if gain(metric, score(metric, new.actual, new.candidate), stored) > 0 else "fail"


def contests(case: Case, seeds: int) -> Iterator[tuple[str, str]]:
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 5])
        ours = keepfit(case.metric, drawn(case, rng), seed)
        yield ours, usual(case.metric, drawn(case, rng, PART), drawn(case, rng, PART), rng)


def memorisers(case: Case, seeds: int) -> Iterator[tuple[str, str]]:
    """Fitted trees: the candidate alone is given the number of the day, and learns its days by heart.

    On rows of days it was trained on it looks better; on new days it is worse.
    """
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 6])
        ours = keepfit(case.metric, trees(case, rng, by_time=True), seed)
        old, new = (trees(case, rng, by_time=False) for _ in ("the champion's rows", "the candidate's"))
        stored = score(case.metric, old.actual, old.champion)
        yield ours, "pass" if gain(case.metric, score(case.metric, new.actual, new.candidate), stored) > 0 else "fail"


def trees(case: Case, rng: np.random.Generator, *, by_time: bool) -> Data:
    """The rows held back, the newest or random ones, as predicted by trees that were fitted on the others."""
    from sklearn.tree import DecisionTreeRegressor

    rows, days = PART * case.rows, PART * case.days
    day = np.arange(rows) * days // rows
    x = rng.normal(size=(rows, 3))
    y = x.sum(axis=1) + rng.normal(size=days)[day] + 0.5 * rng.normal(size=rows)
    order = np.arange(rows) if by_time else rng.permutation(rows)
    fitted, held = np.split(order, [rows - case.rows])
    plain, memory = (
        DecisionTreeRegressor(min_samples_leaf=8, random_state=0).fit(table[fitted], y[fitted]).predict(table[held])
        for table in (x, np.column_stack([x, day]))
    )
    return Data(y[held], plain, memory, day[held])


SETUPS: tuple[tuple[MetricName, float], ...] = (("roc_auc", 0.0), ("roc_auc", 0.5), ("mae", 0.5))
RUN: dict[str, Callable[[Case, int], Iterator[tuple[str, str]]]] = {"memorises its days": memorisers}


def cases() -> Iterator[Case]:
    for metric, alike in SETUPS:
        yield Case("equally good", metric, 600, 30, (1.0, 1.0), 0.05, alike=alike)
        yield Case("truly better", metric, 3_000, 60, (1.0, 0.75), 0.9, at_least=True, alike=alike)
        yield Case("worse", metric, 600, 30, (0.9, 1.0), 0.01, alike=alike)
        yield Case("equal, too few rows", metric, 150, 30, (1.0, 1.0), 1.0, "unknown", at_least=True, alike=alike)
        yield Case("equal, too few days", metric, 600, 4, (1.0, 1.0), 1.0, "unknown", at_least=True, alike=alike)
    yield Case("memorises its days", "mae", 400, 20, (0.0, 0.0), 0.01)


def measure(seeds: int) -> Iterator[Row]:
    for case in cases():
        answers = list(RUN.get(case.name, contests)(case, seeds))
        ours = sum(mine == case.wanted for mine, _ in answers)
        theirs = sum(other == "pass" for _, other in answers)
        word = "promoted" if case.wanted == "pass" else "not enough evidence"
        met = ours >= case.goal * seeds if case.at_least else ours <= case.goal * seeds
        yield Row(
            f"{case.name}: {case.metric}, {case.rows} rows in {case.days} days{_truth(case)}",
            f"{word} {ours} of {seeds} ({ours / seeds:.1%})", f"promoted {theirs} ({theirs / seeds:.1%})", "",
            f"{'>=' if case.at_least else '<='} {case.goal:.0%}", met, load(),
        )  # fmt: skip


def _truth(case: Case) -> str:
    if case.name in RUN:
        return ", fitted trees"
    data = drawn(Case("", case.metric, 200_000, 20_000, case.noise, 0, alike=case.alike), np.random.default_rng(1))
    scores = [score(case.metric, data.actual, each) for each in (data.candidate, data.champion)]
    told = f", true gain {gain(case.metric, *scores):+.3f}" if case.noise[0] != case.noise[1] else ", true gain 0"
    return told + (f", {case.alike:.0%} of the error alike within a day" if case.alike else "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.duels")
    parser.add_argument("--seeds", type=int, default=500)
    show(list(measure(parser.parse_args().seeds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
