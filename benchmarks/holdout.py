"""A holdout attacked with 1 000 random candidates: how often is one promoted that is not better on unseen data?

    python -m benchmarks.holdout [--candidates 1000] [--holdouts 200]

Three judges: "higher score" promotes what scores higher on the holdout, "duel alone" is the gate without its ledger,
"keepfit" is the gate as it stands. An attack on a holdout ends with the first promotion.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from benchmarks.results import Row, load, show
from tasks.core.gates import BeatsChampion, GateEvidence
from tasks.core.gates.contest import LOOKS
from tasks.core.ledger import Look, times_looked
from tasks.core.metrics import MetricName, gain, score
from tasks.core.results import Number, Window

ROWS, DAYS, UNSEEN, GOAL = 2_000, 40, 50_000, 0.05
START = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = pd.DataFrame({
    "_row_id": np.arange(ROWS).astype(str),
    "_event_time": [START + timedelta(days=DAYS * place / ROWS) for place in range(ROWS)],
})  # fmt: skip
BLOCKS = np.arange(ROWS) * DAYS // ROWS
WINDOW = Window(START, START + timedelta(days=DAYS))
JUDGES = ("higher score", "duel alone", "keepfit")


@dataclass
class Attack:
    """One holdout under attack: `ask(last)` gives the next candidate's predictions, `learn` hears the gain it showed.

    `better(candidate)` says whether a promoted candidate is truly better than the champion.
    """

    metric: MetricName
    actual: np.ndarray
    champion: np.ndarray
    ask: Callable[[bool], np.ndarray]
    learn: Callable[[np.ndarray, float], None] = lambda _candidate, _gain: None
    better: Callable[[], bool] = lambda: False


def equals(rng: np.random.Generator) -> Attack:
    """Models of the champion's own quality, with errors of their own that are alike within a day."""
    actual = rng.normal(size=ROWS)

    def model(_last: bool = False) -> np.ndarray:
        return np.asarray(actual + np.sqrt(0.5) * (rng.normal(size=ROWS) + rng.normal(size=DAYS)[BLOCKS]))

    return Attack("mae", actual, model(), model)


def coins(rng: np.random.Generator) -> Attack:
    """Guesses of coin flips, against a guess: nothing can be better on unseen data."""
    actual = rng.integers(0, 2, ROWS)
    return Attack("accuracy", actual, rng.random(ROWS), lambda _last: rng.random(ROWS))


def boosting(rng: np.random.Generator) -> Attack:
    """Guess, keep what scored well, turn what scored badly, submit the majority at last (Blum & Hardt 2015)."""
    base = coins(rng)
    heard: list[tuple[np.ndarray, float]] = []

    def ask(last: bool) -> np.ndarray:
        if not (last and heard):
            return rng.random(ROWS)
        votes = np.sum([np.sign(told) * (guess - 0.5) for guess, told in heard], axis=0)
        return np.asarray(1 / (1 + np.exp(-votes)))

    return replace(base, ask=ask, learn=lambda guess, told: heard.append((guess, told)))


def trees(rng: np.random.Generator) -> Attack:
    """Trees of random shape on random columns and rows, fitted; "better" is measured on 50 000 unseen rows."""
    from sklearn.tree import DecisionTreeRegressor

    def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(size=(count, 8))
        return x, x[:, 0] + np.sin(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3] + rng.normal(size=count)

    (x, y), (held, actual), (unseen, truth) = rows(1_000), rows(ROWS), rows(UNSEEN)

    def fit(depth: int, leaf: int, columns: np.ndarray) -> tuple[DecisionTreeRegressor, np.ndarray]:
        drawn = rng.integers(0, len(x), len(x))
        return DecisionTreeRegressor(max_depth=depth, min_samples_leaf=leaf).fit(
            x[drawn][:, columns], y[drawn]
        ), columns

    def random_tree() -> tuple[DecisionTreeRegressor, np.ndarray]:
        columns = np.sort(rng.choice(8, rng.integers(5, 9), replace=False))
        return fit(int(rng.integers(4, 8)), int(rng.integers(5, 20)), columns)

    def error(model: tuple[DecisionTreeRegressor, np.ndarray]) -> float:
        return score("mae", truth, model[0].predict(unseen[:, model[1]]))

    champion = min((random_tree() for _ in range(50)), key=error)  # good, so that few candidates are better
    newest = [champion]

    def ask(_last: bool) -> np.ndarray:
        newest[0] = random_tree()
        return np.asarray(newest[0][0].predict(held[:, newest[0][1]]))

    return Attack(
        "mae", actual, champion[0].predict(held[:, champion[1]]), ask, better=lambda: error(newest[0]) < error(champion)
    )


ATTACKS: dict[str, Callable[[np.random.Generator], Attack]] = {
    "equal models": equals, "coin flips": coins, "boosted coin flips": boosting, "fitted trees": trees,
}  # fmt: skip


def promoted(attack: Attack, judge: str, candidates: int, seed: int) -> int | None:
    """The place (from 1) of the first candidate that is promoted, or None; the ledger is kept as promotions keep it."""
    limit = LOOKS if judge == "keepfit" else candidates
    gate, looks, blank = BeatsChampion(margin=0.0, looks=limit), [], np.zeros(ROWS)
    base = GateEvidence(attack.metric, attack.actual, blank, attack.champion, "present", blank, BLOCKS, None, seed)
    for place in range(1, candidates + 1):
        candidate = attack.ask(place == limit)
        if judge == "higher score":
            scores = [score(attack.metric, attack.actual, each) for each in (candidate, attack.champion)]
            gained = gain(attack.metric, *scores)
            told: Number = gained
            passed = gained > 0
        else:
            check = gate.judge(replace(base, candidate=candidate))
            told, passed = check.numbers["difference"], check.passed
        if isinstance(told, float):
            attack.learn(candidate, told)
            if judge == "keepfit":
                looks.append(Look(place, 0, WINDOW))
                base = replace(base, looks=times_looked(FRAME, looks, version=candidates + 1, replaces=0))
        if passed:
            return place
    return None


def measure(candidates: int, holdouts: int) -> Iterator[Row]:
    for name, make in ATTACKS.items():
        false = dict.fromkeys(JUDGES, 0)
        asked = {"higher score": holdouts, "duel alone": max(1, holdouts // 4), "keepfit": holdouts}
        if make is trees:
            asked = {judge: max(1, count // 10) for judge, count in asked.items()}
        for judge, count in asked.items():
            for seed in range(count):
                attack = make(np.random.default_rng([seed, 11]))
                won = promoted(attack, judge, candidates, seed)
                false[judge] += won is not None and not attack.better()
        told = {judge: f"{false[judge]} of {count} ({false[judge] / count:.1%})" for judge, count in asked.items()}
        yield Row(
            f"{candidates:,} {name} against a holdout: a model that is not better is promoted", told["keepfit"],
            f"{told['higher score']} higher score; {told['duel alone']} duel without ledger", "", f"<= {GOAL:.0%}",
            false["keepfit"] <= GOAL * asked["keepfit"], load(),
        )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.holdout")
    parser.add_argument("--candidates", type=int, default=1_000)
    parser.add_argument("--holdouts", type=int, default=200)
    options = parser.parse_args()
    show(list(measure(options.candidates, options.holdouts)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
