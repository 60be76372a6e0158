"""Proposals stay in their space and depend on the seed and on earlier scores alone, so that a search can resume."""

from typing import get_args

import pytest

from tasks.adapters.search import HISTORY, Study, parameters_of
from tasks.core.estimators import Candidate, Range
from tasks.core.features import Features

FAMILIES = get_args(get_args(Candidate)[0])
HISTORIES = ("60d", "expanding")


def run(space, answers, seed=1, greater=True):
    study, proposals = Study(space, HISTORIES, greater_is_better=greater, seed=seed), []
    for score in answers:
        trial, proposal = study.ask()
        proposals.append(proposal)
        study.tell(trial, score)
    return proposals


@pytest.mark.parametrize("family", FAMILIES)
def test_proposals_lie_in_the_space_and_build_a_model(family):
    space = family().space()
    for proposal in run(space, [0.1 * n for n in range(12)]):
        assert proposal[HISTORY] in HISTORIES
        parameters = parameters_of(proposal)
        assert set(parameters) == set(space)
        for name, bounds in space.items():
            assert bounds.low <= parameters[name] <= bounds.high
            assert isinstance(parameters[name], int if bounds.whole else float)
        family().build("binary", parameters, Features(("x",), ()), 0)


ANSWERS = [0.1, None, 0.5, 0.3, 0.2, 0.9, 0.4, None, 0.6, 0.7]


def test_the_same_seed_and_the_same_answers_give_the_same_proposals():
    space = FAMILIES[1]().space()
    whole = run(space, ANSWERS)
    assert run(space, ANSWERS) == whole
    # A search that was killed proposes again what it had proposed.
    assert run(space, ANSWERS[:6]) == whole[:6]
    assert run(space, ANSWERS, seed=2) != whole


def test_answers_steer_the_search_in_the_direction_of_the_metric():
    space = {"x": Range(0.0, 1.0)}

    def late(greater):
        study, seen = Study(space, ("60d",), greater_is_better=greater, seed=0), []
        for _ in range(40):
            trial, proposal = study.ask()
            seen.append(proposal["x"])
            study.tell(trial, proposal["x"])
        return sum(seen[20:]) / 20

    assert late(greater=True) > 0.7
    assert late(greater=False) < 0.3
