"""Fail closed: while registry or store fail, no alias moves and nothing retrains that was not decided, and it is told.

Some of the calls; all of them, each once and for good: `python -m benchmarks --only failures`.
"""

import pytest

from benchmarks import failures

# Every vendor and stage; the steps meet the question for the champion, the receipt, the aliases and the decision.
CASES = [("promotion", "registry", 4), ("promotion", "store", 5), ("monitoring", "registry", 3),
         ("monitoring", "store", 11)]  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return failures.prepare(tmp_path_factory.mktemp("failures") / "home")


@pytest.mark.parametrize(("stage", "vendor", "step"), CASES)
def test_a_vendor_that_fails_for_good_moves_nothing_starts_nothing_and_is_told(ground, stage, vendor, step):
    *failed, untouched = failures.in_turn(ground, stage, vendor, outage=True, step=step)
    assert len(failed) >= 2
    assert [line for one in failed for line in one.wrong] == []
    assert all(one.error for one in failed), "an outage ends the run"
    # Before the first decision stands in the journal nothing can have moved or started.
    assert all(one.aliases["champion"] == 1 for one in failed if 2 not in one.receipts)
    assert all(not one.started for one in failed if not one.decided)
    assert failed[0].aliases["champion"] == 1
    assert failed[0].started == []
    # The same run without a failure does both: the test would see it.
    assert (untouched.aliases["champion"], len(untouched.started)) == ((2, 0) if stage == "promotion" else (1, 1))


@pytest.mark.parametrize("stage", ["promotion", "monitoring"])
def test_one_lost_answer_while_repairing_is_told_and_the_rest_is_judged_on_whole_evidence(ground, stage):
    found = failures.run(ground, stage, failures.failing_registry, 1, outage=False)
    assert (found.fired, found.wrong) == (True, [])
    assert found.error or found.alerts
