"""Each of the 28 tests is earned by a record and by nothing else; the card tells what is on record, and no more."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.markdown import table
from tasks.core.ml_test_score import SECTIONS, Known, Setup, ml_test_score
from tasks.core.model_card import model_card
from tasks.core.results import Decision, JournalEntry, Verdict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GATES = ("sanity", "beats_dummy", "slices", "groups", "suspicious_features", "resources", "clean_process")
TAGS = {
    "keepfit.code": "a" * 40, "keepfit.lock": "b" * 64, "keepfit.code_digest": "c" * 64, "keepfit.sha256": "d" * 64,
    "keepfit.strategy": "new_search", "keepfit.promised": "0.8", "keepfit.reason": "on demand",
    "keepfit.importance": json.dumps({"x": 0.7, "z": 0.3}), "keepfit.trained_until": "2025-12-01",
    "keepfit.features": json.dumps({"numerical": ["x"], "categorical": ["z"], "calendar": []}),
    "keepfit.snapshot": json.dumps({"rows": 4321, "digest": "e" * 64, "window": {"start": "2025", "end": "2026"}}),
    "keepfit.recipe": json.dumps({"problem": "binary", "metric": "roc_auc", "seed": 0, "parameters": {"depth": 3},
                                  "family": {"kind": "linear"}, "history": {"kind": "sliding", "length": "30d"}}),
}  # fmt: skip
SETUP = Setup("Who cancels?", 3, ("linear", "random_forest"), frozenset({"age"}), ("mail",), ("sex",), notifies=True)


def entry(sequence, kind, outcome="done", verdict=Verdict.PASS, **evidence):
    told = Decision(f"{kind}{sequence}", "p", kind, verdict, outcome, "because", NOW + timedelta(days=sequence),
                    evidence=evidence)  # fmt: skip
    return JournalEntry(sequence, told, NOW, "", "")


def judged(verdict="pass", names=GATES):
    return [{"name": name, "verdict": verdict, "reason": f"{name} said so"} for name in names]


def checked(version, score=0.8):
    return {"version": version, "champion_age_s": 5.0, "performance": {"numbers": {"score": score}}}


WHOLE = [
    entry(1, "ingestion", "accepted"),
    entry(2, "monitoring", **checked(1)),
    entry(3, "training", "promoted", version=2),
    entry(4, "promotion", "promoted", version=2, replaces=1, gates=judged()),
    entry(5, "scoring", version=2),
    entry(6, "monitoring", **checked(2)),
    entry(7, "monitoring", **checked(2)),
    entry(8, "rollback", "rolled back", version=1, replaces=2),
    entry(9, "reproduction", version=2),
]


def known(entries=tuple(WHOLE), tags=TAGS, setup=SETUP, version=2):
    return Known("p", version, tags, list(entries), setup)


def worth(found):
    return {mark: point.worth for points in ml_test_score(found).points.values() for mark, point in points.items()}


def test_there_are_four_sections_of_seven_and_the_least_one_counts():
    assert [len(tests) for tests in SECTIONS.values()] == [7, 7, 7, 7]
    card = ml_test_score(known())
    assert card.sections == {"features and data": 4, "model development": 6, "infrastructure": 4.5, "monitoring": 7}
    assert (card.score, card.meaning) == (4, "strong levels of automated testing and monitoring")


def test_without_records_nothing_is_earned_but_what_the_code_itself_does():
    bare = known((), {}, Setup())
    assert {mark for mark, points in worth(bare).items() if points} == {"Data 4", "Data 5"}
    assert ml_test_score(bare).score == 0
    assert ml_test_score(bare).meaning == "more a research project than a product"


@given(st.sets(st.integers(0, len(WHOLE) - 1)), st.sets(st.sampled_from(sorted(TAGS))))
def test_fewer_records_never_earn_more(entries, tags):
    some = known([WHOLE[at] for at in sorted(entries)], {name: TAGS[name] for name in tags})
    whole = worth(known())
    assert all(points <= whole[mark] for mark, points in worth(some).items())


@given(st.sets(st.sampled_from(GATES)))
def test_a_gate_that_was_not_passed_earns_nothing(passed):
    gates = [*judged(names=sorted(passed)), *judged("unknown", sorted(set(GATES) - passed))]
    found = worth(known([*WHOLE[:3], entry(4, "promotion", "refused", version=2, replaces=1, gates=gates), *WHOLE[4:]]))
    earned = {"slices": "Model 6", "groups": "Model 7", "resources": "Monitor 6", "sanity": "Monitor 5",
              "clean_process": "Monitor 3"}  # fmt: skip
    assert {gate: found[mark] for gate, mark in earned.items()} == {gate: float(gate in passed) for gate in earned}
    assert found["Infra 4"] == 0


def test_another_versions_records_earn_nothing_for_this_one():
    other = worth(known(version=7))
    assert {mark for mark, points in other.items() if points and mark.startswith("Monitor")} == {"Monitor 1"}
    assert other["Infra 1"] == 0.5, "recorded, and not proven"


@pytest.mark.parametrize("code", ["unknown", "a" * 40 + "+changes"])
def test_code_that_no_revision_names_is_not_reviewed(code):
    assert worth(known(tags={**TAGS, "keepfit.code": code}))["Model 1"] == 0


def test_the_card_tells_what_is_on_record():
    text = model_card(known())
    for told in ("Who cancels?", "4321", "depth = 3", "sliding (length = 30d)", "promised 0.8", "slices said so",
                 "was **promoted** against champion 1", "**4** of 7", "`keepfit explain p 4`", "`sex`", "rolled back",
                 ):  # fmt: skip
        assert told in text, told
    assert len(model_card(known(), brief=True)) < 5_000
    assert "Monitor 7" not in model_card(known(), brief=True)


def test_a_card_without_records_says_so_and_does_not_break():
    text = model_card(Known("p", 1, {"keepfit.recipe": "[", "keepfit.snapshot": "3"}, []))
    assert "No gate has judged it yet." in text
    assert "was not judged yet" in text
    assert "does not say" in text
    assert "Nothing has happened to it yet." in text


def test_what_comes_from_data_stays_in_its_cell():
    evil = "x | y\n# z <b>"
    text = model_card(known(setup=Setup(description=evil), tags={**TAGS, "keepfit.reason": evil}))
    assert "\n# z" not in text
    assert "<b>" not in text
    assert table(("a",), [(evil,)]).count("\n") == 2
