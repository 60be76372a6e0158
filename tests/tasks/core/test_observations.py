"""What a check saw becomes one decision: broken data first, no rows never pass, a breach is triggered or suppressed."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core import observations
from tasks.core.journal import canonical
from tasks.core.observations import FIRST, PREDICTION, Context, Observation, broken_data, decide, with_predictions
from tasks.core.results import Check, Verdict, Window
from tasks.core.triggers import Remedy, fire_token

NOW = datetime(2024, 5, 1, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=31), NOW)
CONTEXT = Context("p", 3, WINDOW, NOW, "run-1")
YES, NO = Check("governor", Verdict.PASS, "no rule objects"), Check("governor", Verdict.FAIL, "cooldown: too soon")
DUNNO = Check("governor", Verdict.UNKNOWN, "min_new_labels: not known")


def check(name, verdict=Verdict.PASS, **numbers):
    return Check(name, verdict, f"{name} says so", numbers)


SEEN = Observation(
    check("data"), check("data_drift", Verdict.FAIL, share=0.4), check("prediction_drift"), check("performance"),
    (check("age", distance=0.3), check("plan", Verdict.UNKNOWN)), 120,
)  # fmt: skip


def remedy(kind, signal="performance"):
    return Remedy(kind, signal, f"{kind} it is", ())


@given(st.lists(st.sampled_from(list(Verdict)), max_size=8), st.integers(0, 5))
def test_data_is_sound_only_when_rows_are_there_and_every_column_says_so(verdicts, rows):
    answer = broken_data([check(f"c{n}", verdict) for n, verdict in enumerate(verdicts)], rows)
    if rows == 0:
        expected = Verdict.UNKNOWN
    elif Verdict.FAIL in verdicts:
        expected = Verdict.FAIL
    else:
        expected = Verdict.PASS if verdicts and set(verdicts) == {Verdict.PASS} else Verdict.UNKNOWN
    assert answer.verdict is expected
    assert answer.numbers["rows"] == rows


def test_broken_columns_are_named_with_their_reasons_and_the_list_stays_short():
    answer = broken_data([check(f"c{n}", Verdict.FAIL) for n in range(30)], 5)
    assert answer.reason == "; ".join(f"c{n}: c{n} says so" for n in range(5))
    assert answer.numbers["columns"] == 30


OUTCOMES = {
    "none": ("quiet", Verdict.PASS), "note": ("noted", Verdict.PASS), "wait": ("waiting", Verdict.UNKNOWN),
    "alert": ("alerted", Verdict.UNKNOWN), "quarantine": ("broken data", Verdict.FAIL),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "expected"), OUTCOMES.items())
@pytest.mark.parametrize("governed", [None, YES])
def test_what_asks_for_no_retraining_never_triggers_one(kind, expected, governed):
    decision = decide(CONTEXT, SEEN, remedy(kind), governed)
    assert (decision.outcome, decision.verdict) == expected
    assert decision.reason == f"{kind} it is"
    assert "token" not in decision.evidence


@pytest.mark.parametrize("governed", [YES, NO, DUNNO, None])
def test_a_breach_is_triggered_only_when_the_governor_passes_and_else_suppressed_with_its_reason(governed):
    decision = decide(CONTEXT, SEEN, remedy("retrain"), governed)
    assert decision.outcome == ("triggered" if governed is YES else "suppressed")
    assert decision.verdict is Verdict.FAIL
    assert decision.evidence["token"] == fire_token("p", 3, WINDOW, "performance")
    if governed is not None:
        assert decision.evidence["governor"]["reason"] == governed.reason
    assert decision.reason.endswith(
        {id(YES): "it is", id(None): "?"}.get(id(governed), getattr(governed, "reason", "?"))
    )


def test_every_kind_of_remedy_has_an_outcome():
    from typing import get_args

    from tasks.core.triggers import RemedyKind

    assert set(get_args(RemedyKind)) == {*OUTCOMES, "retrain"}
    assert {kind: decide(CONTEXT, SEEN, remedy(kind), None).outcome for kind in OUTCOMES} == {
        kind: outcome for kind, (outcome, _) in OUTCOMES.items()
    }


def test_one_window_of_one_version_has_one_key_whatever_was_seen():
    keys = {decide(CONTEXT, seen, remedy(kind), None).key for kind in OUTCOMES for seen in (SEEN, None)}
    assert len(keys) == 1
    other = Context("p", 4, WINDOW, NOW, "run-2")
    assert decide(other, SEEN, remedy("none"), None).key not in keys


def test_without_a_champion_the_first_training_is_asked_for():
    decision = decide(CONTEXT, None, FIRST, YES)
    assert (decision.outcome, decision.evidence["signal"]) == ("triggered", "no champion")


def test_the_evidence_holds_the_answers_and_nothing_else_and_can_be_stored():
    decision = decide(CONTEXT, SEEN, remedy("retrain"), NO)
    assert set(decision.evidence) == {
        "data", "data_drift", "prediction_drift", "performance", "columns", "rows", "version", "signal", "remedy",
        "token", "governor",
    }  # fmt: skip
    assert set(decision.evidence["columns"][0]) == {"name", "verdict", "reason", "numbers"}
    assert json.loads(json.dumps(canonical(decision.evidence)))["data_drift"]["numbers"] == {"share": 0.4}


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 3))
def test_predictions_stand_beside_the_rows_as_values_and_never_invented(rows, count, seed):
    features = pd.DataFrame({"x": range(rows)}, index=range(100, 100 + rows))
    predictions = np.arange(count) / 10
    got = with_predictions(features, predictions, seed)
    assert got.index.equals(features.index)
    assert got["x"].tolist() == list(range(rows))
    kept = got[PREDICTION].dropna().tolist()
    assert len(kept) == min(rows, count)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(predictions)
    pd.testing.assert_frame_equal(with_predictions(features, predictions, seed), got)


def test_the_page_of_outcomes_knows_every_outcome():
    from tasks.core.next_steps import NEXT

    outcomes = {outcome for outcome, _ in OUTCOMES.values()} | {observations.TRIGGERED, observations.SUPPRESSED}
    outcomes |= {observations.PROPOSED, "approved once", "declined", "expired", "void", "denied"}
    outcomes |= {"kept", "unsure", "lost", "rolled back"}
    assert outcomes <= set(NEXT)
