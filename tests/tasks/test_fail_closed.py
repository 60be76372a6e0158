"""Fail closed: whatever vendor fails at whatever call, nothing moves or starts on a guess; it is told, and mended.

A spread of the calls; all of them, for good, once and with a lost answer: `python -m benchmarks --only failures`.
"""

import pytest

from benchmarks import failures
from benchmarks.failing import VENDORS
from benchmarks.ground import DAYS, PER_DAY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Each vendor and each stage, at calls that matter: the receipt, the question to the champion, the candidate after a
# probe, the aliases, the decision and its sending, the scores.
DOWN = [
    ("training", "tracking", 7),
    ("retraining", "registry", 5),
    ("retraining", "registry", 9),
    ("promotion", "journal", 18),
    ("promotion", "registry", 12),
    ("monitoring", "orchestrator", 3),
    ("scoring", "store", 10),
    ("reconciliation", "leases", 5),
]
LOST = [("retraining", "journal", 14), ("promotion", "journal", 18), ("monitoring", "journal", 16)]
# What a stage comes to, sooner or later.
DONE = {
    "training": lambda state: state.champion == 3,
    "retraining": lambda state: (state.champion, state.probes) == (3, 1),
    "promotion": lambda state: state.champion == 2,
    "monitoring": lambda state: len(state.started) == 1,
    "scoring": lambda state: state.predictions == DAYS * PER_DAY,
    "reconciliation": lambda state: state.champion == 2 and len(state.started) == 1,
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return failures.prepare(tmp_path_factory.mktemp("failures"))


@pytest.mark.parametrize(("stage", "vendor", "at"), DOWN)
def test_a_vendor_that_is_down_moves_nothing_starts_nothing_is_told_and_mended(ground, stage, vendor, at):
    ended = failures.run(ground, stage, vendor, at, "for good")
    assert ended.fired, "the flow makes fewer calls than that"
    assert ended.wrong(ended) == []
    assert ended.error or ended.alerts
    assert not DONE[stage](ended.then)
    assert ended.then.champion == 1
    assert DONE[stage](ended.later)


@pytest.mark.parametrize(("stage", "vendor", "at"), LOST)
def test_an_answer_that_is_lost_once_changes_nothing(ground, stage, vendor, at):
    undisturbed = failures.run(ground, stage, vendor, 0, "once")
    assert (undisturbed.fired, DONE[stage](undisturbed.then)) == (False, True)
    ended = failures.run(ground, stage, vendor, at, "answer lost")
    assert (ended.fired, ended.error, ended.wrong(undisturbed)) == (True, None, [])


def test_every_vendor_and_every_stage_is_in_the_spread():
    assert {vendor for _, vendor, _ in DOWN + LOST} == set(VENDORS)
    assert {stage for stage, _, _ in DOWN} == set(failures.STAGES)
