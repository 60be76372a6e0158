from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.core.gates import (
    BeatsChampion,
    BeatsDummy,
    CleanProcess,
    Floor,
    Gate,
    Groups,
    Sanity,
    Slices,
    columns_named,
    judge_all,
)
from tasks.core.results import overall
from tests.tasks.core.gates.evidence import CLEAN, EVERY, FAIL, PASS, UNKNOWN, evidence


def test_a_good_candidate_passes_every_gate():
    assert [(check.name, check.verdict) for check in judge_all(EVERY, evidence())] == [
        (gate.kind, PASS) for gate in EVERY
    ]


def test_every_gate_is_asked_though_the_first_one_refuses():
    poor = evidence(noise=20.0, clean=replace(CLEAN, loaded=False, reason="no such class"))
    answers = {check.name: check.verdict for check in judge_all(EVERY, poor)}
    assert set(answers) == {gate.kind for gate in EVERY}
    assert answers["floor"] is answers["beats_champion"] is answers["clean_process"] is FAIL
    assert answers["sanity"] is PASS


@pytest.mark.parametrize(
    "broken",
    [
        {"candidate": np.full(1500, np.nan)},
        {"candidate": np.zeros(3)},
        {"actual": np.full(1500, 7)},
        {"blocks": np.zeros(3, dtype=int)},
    ],
)
def test_broken_evidence_is_an_answer_of_every_gate_and_never_a_pass_of_all(broken):
    checks = judge_all(EVERY, evidence(**broken))
    assert len(checks) == len(EVERY)
    assert overall(checks) is not PASS
    assert any(check.verdict is UNKNOWN and f"gate {check.name} could not judge" in check.reason for check in checks)


def test_nothing_about_the_data_passes_on_zero_rows():
    empty = evidence(rows=0)
    answers = {check.name: check.verdict for check in judge_all(EVERY, empty)}
    assert {name for name, verdict in answers.items() if verdict is PASS} == {"clean_process", "resources"}


def test_an_error_that_is_not_ours_is_not_swallowed():
    with pytest.raises(TypeError):
        judge_all((Sanity(),), evidence(candidate=[object()]))


@pytest.mark.parametrize(
    ("floor", "metric", "verdict"),
    [
        ({"at_least": 0.9}, "roc_auc", PASS),
        ({"at_least": 0.99}, "roc_auc", FAIL),
        ({"at_most": 0.3}, "brier", PASS),
        ({"at_most": 0.01}, "brier", FAIL),
        ({"at_most": 0.99}, "roc_auc", UNKNOWN),
        ({"at_least": 0.01}, "brier", UNKNOWN),
    ],
)
def test_the_floor_follows_the_direction_of_the_metric(floor, metric, verdict):
    assert Floor(**floor).judge(evidence(metric=metric)).verdict is verdict


def test_a_score_on_the_floor_passes():
    score = Floor(at_least=0).judge(evidence()).numbers["score"]
    assert Floor(at_least=score).judge(evidence()).verdict is PASS


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0.5, "at_most": 0.9}, {"at_least": float("nan")}])
def test_a_floor_has_exactly_one_finite_bound(bounds):
    with pytest.raises(ValidationError):
        Floor(**bounds)


def test_the_dummy_is_beaten_by_more_than_the_margin_or_not_at_all():
    assert BeatsDummy(margin=0.3).judge(evidence()).verdict is PASS
    assert BeatsDummy(margin=0.49).judge(evidence()).verdict is FAIL
    assert BeatsDummy().judge(evidence(candidate=evidence().dummy)).verdict is FAIL
    assert BeatsDummy().judge(evidence(rows=20)).verdict is UNKNOWN


def test_a_candidate_without_skill_seldom_beats_the_dummy():
    """At a confidence of 0.95 in at most 2.5 %, but for one test run in ten thousand."""
    coins = [np.random.default_rng(1000 + seed).random(400) for seed in range(200)]
    answers = [BeatsDummy().judge(evidence(rows=400, candidate=coin, seed=seed)) for seed, coin in enumerate(coins)]
    assert sum(check.verdict is PASS for check in answers) <= 14


def test_no_champion_and_no_answer_are_different_answers():
    gate = BeatsChampion(margin=0.01)
    none = gate.judge(evidence(champion=None, champion_state="none"))
    assert (none.verdict, none.reason) == (PASS, "no champion: the first-champion rule applies")
    assert gate.judge(evidence(champion=None, champion_state="unknown")).verdict is UNKNOWN
    assert gate.judge(evidence(champion_state="unknown")).verdict is UNKNOWN
    assert gate.judge(evidence(champion=None)).verdict is UNKNOWN
    assert gate.judge(evidence(champion_state="none")).verdict is UNKNOWN


def test_the_duel_decides_and_accept_widens_it_to_equivalent_only():
    better, equal = evidence(), evidence(champion=evidence().candidate)
    worse = evidence(candidate=better.champion, champion=better.candidate)
    strict, lenient = BeatsChampion(margin=0.01), BeatsChampion(margin=0.01, accept=("better", "equivalent"))
    assert [strict.judge(case).verdict for case in (better, equal, worse)] == [PASS, FAIL, FAIL]
    assert [lenient.judge(case).verdict for case in (better, equal, worse)] == [PASS, PASS, FAIL]
    assert lenient.judge(evidence(rows=199)).verdict is UNKNOWN
    assert strict.judge(better).numbers["answer"] == "better"
    for accept in [("worse",), ("not enough evidence",), ()]:
        with pytest.raises(ValidationError):
            BeatsChampion(margin=0.01, accept=accept)


@pytest.mark.parametrize(
    ("clean", "verdict"),
    [
        (CLEAN, PASS),
        (None, UNKNOWN),
        (replace(CLEAN, loaded=False), FAIL),
        (replace(CLEAN, sha_matches=False), FAIL),
        (replace(CLEAN, largest_difference=1e-8), FAIL),
        (replace(CLEAN, largest_difference=float("nan")), FAIL),
        (replace(CLEAN, largest_difference=None), UNKNOWN),
    ],
)
def test_the_artefact_is_the_judged_one_in_a_clean_process(clean, verdict):
    assert CleanProcess().judge(evidence(clean=clean)).verdict is verdict


@pytest.mark.parametrize(
    ("metric", "predicted", "verdict", "told"),
    [
        ("roc_auc", [0.1, 0.9, 0.5], PASS, "finite, varied and in range"),
        ("roc_auc", [0.1, np.nan, 0.5], FAIL, "not_finite 1"),
        ("mae", [0.1, np.inf, 0.5], FAIL, "not_finite 1"),
        ("roc_auc", [0.5, 0.5, 0.5], FAIL, "constant"),
        ("roc_auc", [0.5, 1.5, -0.5], FAIL, "outside_0_1 2"),
        ("mae", [0.5, 1.5, -0.5], PASS, "finite"),
        ("mae", [0.5, 1.5], FAIL, "shape_differs"),
        ("mae", [np.nan] * 3, FAIL, "not_finite 3"),
        ("mae", [], UNKNOWN, "0 predictions"),
    ],
)
def test_predictions_are_sane(metric, predicted, verdict, told):
    check = Sanity().judge(evidence(metric=metric, actual=np.array([0, 1, 1]), candidate=np.array(predicted)))
    assert check.verdict is verdict
    assert told in check.reason


def test_the_union_is_chosen_by_kind_and_refuses_what_it_does_not_know():
    gates = TypeAdapter(list[Gate])
    assert gates.validate_python(gates.dump_python(list(EVERY))) == list(EVERY)
    assert {member.model_fields["kind"].default for member in get_args(get_args(Gate)[0])} == {g.kind for g in EVERY}
    for wrong in [
        {"kind": "beats_champion", "margn": 0.1},
        {"kind": "vibes"},
        {"kind": "beats_champion", "margin": -1},
    ]:
        with pytest.raises(ValidationError):
            gates.validate_python([wrong])


@pytest.mark.parametrize("gate", EVERY)
def test_every_member_is_frozen_and_says_what_it_asks(gate):
    assert type(gate).__doc__
    with pytest.raises(ValidationError, match="frozen"):
        gate.kind = "other"


def test_no_gates_promote_nothing():
    assert overall(judge_all((), evidence())) is UNKNOWN


def test_what_was_not_gathered_is_never_a_pass():
    bare = evidence(features=None, columns=None, footprint=None, champion_footprint=None)
    answers = {check.name: check.verdict for check in judge_all(EVERY, bare)}
    gathered = ("slices", "groups", "suspicious_features", "resources")
    assert {name: answers[name] for name in gathered} == dict.fromkeys(gathered, UNKNOWN)


def test_the_columns_that_gates_name_are_asked_for_once():
    gates = (Slices(columns=("plan", "age")), Groups(columns=("sex", "age"), max_gap=0.1), Floor(at_least=0.5))
    assert columns_named(gates) == ("plan", "age", "sex")
