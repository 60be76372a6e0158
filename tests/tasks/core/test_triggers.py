import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks.core.errors import DataRejected
from tasks.core.results import Check, Verdict, Window
from tasks.core.triggers import (
    Age,
    All,
    AnyOf,
    AtLeast,
    DataDrift,
    EstimatedPerformance,
    MultivariateDrift,
    NewLabels,
    PerformanceDecay,
    PredictionDrift,
    Trigger,
    TriggerEvidence,
    choose_remedy,
    fire_token,
)

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
MONTH = timedelta(days=30)
DRIFTS = (DataDrift, PredictionDrift, MultivariateDrift)
EVERY = (PerformanceDecay(), *(kind() for kind in DRIFTS), Age(longest=MONTH), NewLabels(at_least=100))
WINDOW = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))

verdicts = st.sampled_from(Verdict)
kinds = st.sampled_from(
    [
        *EVERY,
        *(kind(when_unlabelled_only=False) for kind in DRIFTS),
        Age(longest="1d"),
    ]
)


def evidence(
    data=PASS,
    drift=PASS,
    predictions=PASS,
    performance=PASS,
    together=PASS,
    *,
    age=timedelta(0),
    labels=0,
    waiting=False,
):
    return TriggerEvidence(
        Check("signals", data, "data reason"),
        Check("drift", drift, "drift reason"),
        Check("prediction", predictions, "prediction reason"),
        Check("performance", performance, "performance reason", {"waiting": waiting}),
        age,
        labels,
        multivariate_drift=None if together is None else Check("multivariate", together, "multivariate reason"),
    )


any_evidence = st.builds(
    evidence,
    data=verdicts,
    drift=verdicts,
    predictions=verdicts,
    performance=verdicts,
    together=st.none() | verdicts,
    age=st.none() | st.just(timedelta(0)) | st.just(MONTH * 2),
    labels=st.none() | st.just(0) | st.just(100),
    waiting=st.booleans(),
)


@given(triggers=st.lists(kinds, max_size=6), found=any_evidence)
@settings(deadline=None, max_examples=600)
def test_every_row_of_the_table_over_all_verdicts(triggers, found):
    fired = [trigger.fires(found) for trigger in triggers]
    asked = {check.name for check in fired if check.verdict is FAIL}
    drifts = [
        found.data_drift,
        found.prediction_drift,
        *([found.multivariate_drift] if found.multivariate_drift else []),
    ]
    signals = (*drifts, found.performance)
    others_unknown = [*(c for c in fired if c.name != "performance"), *drifts]
    remedy = choose_remedy(triggers, found)
    if found.data.verdict is FAIL:
        assert (remedy.kind, remedy.signal) == ("quarantine", "data")
    elif found.data.verdict is UNKNOWN:
        assert (remedy.kind, remedy.signal) == ("alert", "data")
    elif asked:
        assert (remedy.kind, remedy.signal) == ("retrain", "+".join(sorted(asked)))
    elif found.performance.verdict is FAIL:
        assert (remedy.kind, remedy.signal) == ("alert", "performance")
    elif any(check.verdict is UNKNOWN for check in others_unknown):
        assert remedy.kind == "alert"
    elif found.performance.verdict is UNKNOWN:
        assert remedy.kind == ("wait" if found.performance.numbers["waiting"] else "alert")
    elif any(check.verdict is FAIL for check in signals):
        assert remedy.kind == "note"
    else:
        assert (remedy.kind, remedy.signal) == ("none", None)


@given(triggers=st.lists(kinds, max_size=6), found=any_evidence)
@settings(deadline=None, max_examples=600)
def test_unknown_alone_never_retrains_and_is_never_silent(triggers, found):
    signals = [found.data, found.data_drift, found.prediction_drift, found.performance]
    signals += [found.multivariate_drift] if found.multivariate_drift else []
    remedy = choose_remedy(triggers, found)
    surely = any(check.verdict is FAIL for check in signals) or found.champion_age or found.new_labels
    if not surely:
        assert remedy.kind != "retrain"
    if any(check.verdict is UNKNOWN for check in signals):
        assert remedy.kind not in {"none", "note"}


@pytest.mark.parametrize("rest", list(product([PASS, FAIL, UNKNOWN], repeat=3)))
@pytest.mark.parametrize("data", [FAIL, UNKNOWN])
def test_broken_or_unjudged_data_never_retrain(data, rest):
    assert choose_remedy(EVERY, evidence(data, *rest, age=MONTH * 2, labels=10**6)).kind in {"quarantine", "alert"}


def test_drift_that_harms_nothing_is_noted_and_drift_without_labels_is_answered():
    assert choose_remedy(EVERY, evidence(drift=FAIL)).kind == "note"
    waiting = choose_remedy(EVERY, evidence(drift=FAIL, performance=UNKNOWN, waiting=True))
    assert (waiting.kind, waiting.signal) == ("retrain", "data_drift")
    assert "drift reason" in waiting.reason
    always = choose_remedy((DataDrift(when_unlabelled_only=False),), evidence(drift=FAIL))
    assert always.kind == "retrain"


def test_signals_without_a_trigger_retrain_nothing_and_are_said():
    assert choose_remedy((), evidence(performance=FAIL)).kind == "alert"
    assert choose_remedy((), evidence(drift=FAIL)).kind == "note"
    assert choose_remedy((), evidence(drift=FAIL, performance=UNKNOWN, waiting=True)).kind == "wait"


def test_a_remedy_carries_all_answers_and_names_every_signal():
    remedy = choose_remedy(EVERY, evidence(performance=FAIL, age=MONTH * 2))
    assert remedy.signal == "age+performance"
    assert "performance reason" in remedy.reason
    assert "60.0 days" in remedy.reason
    assert [check.name for check in remedy.checks] == [
        *("signals", "drift", "prediction", "performance", "multivariate"),
        *(f"trigger {trigger.kind}" for trigger in EVERY),
    ]


def test_two_triggers_of_one_kind_do_not_hide_each_other():
    short, long = Age(longest=timedelta(days=1)), Age(longest=MONTH)
    for triggers in [(short, long), (long, short)]:
        remedy = choose_remedy(triggers, evidence(age=timedelta(days=2)))
        assert (remedy.kind, remedy.signal) == ("retrain", "age")
        assert "may reach 1d" in remedy.reason


@pytest.mark.parametrize(
    ("trigger", "found", "verdict"),
    [
        (Age(longest=MONTH), {"age": MONTH}, PASS),
        (Age(longest=MONTH), {"age": MONTH + timedelta(seconds=1)}, FAIL),
        (Age(longest=MONTH), {"age": None}, UNKNOWN),
        (NewLabels(at_least=5), {"labels": 4}, PASS),
        (NewLabels(at_least=5), {"labels": 5}, FAIL),
        (NewLabels(at_least=5), {"labels": None}, UNKNOWN),
        (PredictionDrift(), {"predictions": FAIL}, PASS),
        (PredictionDrift(), {"predictions": FAIL, "performance": FAIL}, FAIL),
        (PredictionDrift(), {"drift": FAIL, "performance": UNKNOWN}, PASS),
        (DataDrift(), {"drift": UNKNOWN}, UNKNOWN),
        (PerformanceDecay(), {"performance": FAIL}, FAIL),
        (PerformanceDecay(), {"performance": UNKNOWN}, UNKNOWN),
    ],
)
def test_each_kind_at_its_edge(trigger, found, verdict):
    check = trigger.fires(evidence(**found))
    assert (check.name, check.verdict) == (trigger.kind, verdict)


def test_the_union_is_chosen_by_kind_and_refuses_what_it_does_not_know():
    triggers = TypeAdapter(list[Trigger])
    members = [
        *EVERY,
        EstimatedPerformance(),
        AnyOf(of=EVERY),
        All(of=EVERY),
        AtLeast(breaches=1, checks=2, trigger=All(of=EVERY)),
    ]
    assert triggers.validate_json(triggers.dump_json(members)) == members
    kinds = {member.model_fields["kind"].default for member in get_args(get_args(Trigger)[0])}
    assert kinds == {trigger.kind for trigger in members}
    for wrong in [
        {"kind": "age"},
        {"kind": "age", "longest": "0d"},
        {"kind": "new_labels", "at_least": 0},
        {"kind": "x"},
    ]:
        with pytest.raises(ValidationError):
            triggers.validate_python([wrong])


def test_the_token_is_the_same_for_ever():
    """The value of `sha256sum` over the JSON list of the parts; a change would send every open breach again."""
    written = "eb56661e01665fcbe6643ea0110faf3b44abe8ae92eca7975d50c37df08fcb5c"
    assert fire_token("subscriptions", 3, WINDOW, "performance") == written


def test_the_token_is_the_same_in_every_process_and_zone_and_for_either_type_of_version():
    plus_two = timezone(timedelta(hours=2))
    moved = Window(WINDOW.start.astimezone(plus_two), WINDOW.end.astimezone(plus_two))
    assert fire_token("p", "3", moved, "age") == fire_token("p", 3, WINDOW, "age")
    code = (
        "from datetime import UTC, datetime; from tasks.core.results import Window; from tasks.core.triggers import *;"
        "print(fire_token('p', 3, Window(datetime(2024,1,1,tzinfo=UTC), datetime(2024,2,1,tzinfo=UTC)), 'age'))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == fire_token("p", 3, WINDOW, "age")


parts = st.text('ab|,"[] ', max_size=4)
versions = st.none() | st.integers(1, 20) | st.just("None")
moments = st.datetimes(datetime(2024, 1, 1), datetime(2024, 1, 3), timezones=st.just(UTC))  # noqa: DTZ001 - bounds of hypothesis
breaches = st.tuples(parts, versions, st.builds(Window, moments, moments), parts)


@settings(deadline=None)
@given(breaches, breaches)
def test_different_breaches_have_different_tokens(first, second):
    assert (fire_token(*first) == fire_token(*second)) == (first == second)


def test_a_window_without_a_zone_has_no_token():
    with pytest.raises(DataRejected, match="time zone"):
        fire_token("p", 1, Window(datetime(2024, 1, 1), WINDOW.end), "age")  # noqa: DTZ001 - the case under test


def test_a_classifier_that_cannot_tell_is_noted_by_itself_and_alerts_whoever_asks_for_it():
    blind = Check("multivariate", UNKNOWN, "rows too much alike", {"noted": True})
    seen = replace(evidence(), multivariate_drift=blind)
    assert choose_remedy((PerformanceDecay(),), seen).kind == "note"
    assert choose_remedy((PerformanceDecay(), MultivariateDrift()), seen).kind == "alert"
    assert choose_remedy((), replace(seen, multivariate_drift=replace(blind, numbers={}))).kind == "alert"
