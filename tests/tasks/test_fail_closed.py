"""Fail closed: whatever vendor fails at whatever call, nothing moves or starts on a guess; it is told, and mended.

A spread of the calls; all of them, for good, once and with a lost answer: `python -m benchmarks --only failures`.
"""

import pytest

from benchmarks import failures
from benchmarks.failing import MODES, VENDORS
from benchmarks.ground import DAYS, PER_DAY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Stage, vendor, every how many calls it goes down for good, and calls that matter, which have to be among those: the
# question for the champion, the receipt, the aliases, the decision and its sending, the scores.
DOWN = [
    ("training", "tracking", 6, {"get_experiment_by_name", "log_artifacts"}),
    ("retraining", "registry", 4, {"get_model_version_download_uri", "create_registered_model"}),
    ("promotion", "registry", 4, {"get_registered_model", "download_artifacts"}),
    ("promotion", "registry", 11, {"set_registered_model_alias"}),
    ("promotion", "store", 5, {"open", "read"}),
    ("promotion", "journal", 25, {"open", "write"}),
    ("monitoring", "registry", 2, {"get_registered_model", "get_model_version"}),
    ("monitoring", "store", 11, {"open", "read"}),
    ("monitoring", "journal", 23, {"open", "write"}),
    ("monitoring", "orchestrator", 1, {"read_flow_runs", "run_deployment", "create_markdown_artifact"}),
    ("scoring", "store", 11, {"open", "write"}),
    ("scoring", "leases", 7, {"begin"}),
    ("reconciliation", "leases", 8, {"begin"}),
]
PASSING = [
    ("training", "tracking", 7, "once", "log_artifacts"),
    ("retraining", "journal", 20, "answer lost", "write"),
    ("promotion", "registry", 1, "once", "get_registered_model"),
    ("promotion", "registry", 12, "once", "set_registered_model_alias"),
    ("promotion", "store", 4, "once", "open"),
    ("promotion", "journal", 12, "once", "read"),
    ("promotion", "journal", 26, "answer lost", "write"),
    ("monitoring", "registry", 1, "once", "get_registered_model"),
    ("monitoring", "journal", 17, "once", "open"),
    ("monitoring", "journal", 24, "answer lost", "write"),
    ("monitoring", "orchestrator", 3, "answer lost", "run_deployment"),
]
# What a stage comes to when nothing fails.
DONE = {
    "training": lambda state: state.champion == 3,
    "retraining": lambda state: (state.champion, state.probes) == (3, 1),
    "promotion": lambda state: (state.champion, state.previous, len(state.started)) == (2, 1, 0),
    "monitoring": lambda state: (state.champion, len(state.started)) == (1, 1),
    "scoring": lambda state: (state.champion, state.predictions) == (1, DAYS * PER_DAY),
    "reconciliation": lambda state: (state.champion, len(state.started)) == (2, 1),
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return failures.prepare(tmp_path_factory.mktemp("failures"))


@pytest.fixture(scope="module")
def undisturbed(ground):
    """How each stage ends when nothing fails: the tests below would see it."""
    ended = {stage: failures.run(ground, stage, "store", 0, "once") for stage in failures.STAGES}
    for stage, one in ended.items():
        assert (one.where, one.error, one.alerts) == ("", None, ())
        assert DONE[stage](one.then)
    return ended


@pytest.mark.parametrize("case", DOWN, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_a_vendor_that_is_down_moves_nothing_starts_nothing_is_told_and_mended(ground, undisturbed, case):
    stage, vendor, step, calls = case
    failed = list(failures.in_turn(ground, stage, vendor, "for good", step))
    assert len(failed) >= 2
    assert all(one.where for one in failed)
    assert calls <= {one.where for one in failed}, "the calls that matter are not met"
    assert [line for one in failed for line in one.wrong(undisturbed[stage])] == []
    assert all(one.alerts for one in failed)
    # What was decided and done before the outage stands, and could only not be shown.
    assert all(one.error for one in failed if not DONE[stage](one.then)), "an outage ends the run"
    # Before the first decision stands in the journal nothing can have moved or started.
    assert all(one.then.champion == 1 for one in failed if not {2, 3} & set(one.then.receipts))
    assert all(not one.then.started for one in failed if len(one.then.decided) == 0)
    assert failed[0].error
    assert failed[0].then.champion == 1
    assert failed[0].then.started == ()
    assert all(DONE[stage](one.later) for one in failed)


@pytest.mark.parametrize("case", PASSING, ids=lambda case: "-".join(map(str, case)))
def test_what_passes_or_whose_answer_is_lost_changes_nothing(ground, undisturbed, case):
    stage, vendor, at, mode, call = case
    ended = failures.run(ground, stage, vendor, at, mode)
    assert (ended.where, ended.error, ended.wrong(undisturbed[stage])) == (call, None, [])


def test_every_vendor_stage_and_mode_is_in_the_spread():
    assert {vendor for _, vendor, *_ in DOWN} == set(VENDORS)
    assert {stage for stage, *_ in DOWN} == set(failures.STAGES)
    assert {"for good", *(mode for _, _, _, mode, _ in PASSING)} == set(MODES)
