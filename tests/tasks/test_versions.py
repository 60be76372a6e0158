"""A registered version's tags: what registration writes is what later decisions read, for every recipe."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.fits import Fitted
from tasks.adapters.registry import ModelVersion
from tasks.core.errors import ArtefactMismatch
from tasks.core.estimators import Linear
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.results import Snapshot, Window
from tasks.core.splits import Split
from tasks.core.strategies import Expanding, RecencyWeighted, Sliding, TrainingRows
from tasks.versions import facts_of, recipe_of, tags_of

MOMENT = datetime(2024, 3, 1, 12, 30, 0, 7, UTC)
SNAPSHOT = Snapshot("p", 3, 4, Window(MOMENT - timedelta(days=9), MOMENT), MOMENT, 100, "digest")
FITTED = Fitted("key", "sha", {"evaluation_roc_auc": 0.8125}, MOMENT.isoformat(), MOMENT.isoformat())
LENGTHS = st.timedeltas(timedelta(seconds=1), timedelta(days=2000))
ROWS = st.one_of(
    LENGTHS.map(lambda length: Sliding(length=length)),
    LENGTHS.map(lambda length: RecencyWeighted(half_life=length)),
    st.just(Expanding()),
)


def recipe(split: Split, history: TrainingRows) -> Recipe:
    features = Features(("x",), ("plan",), ("weekday",), "Europe/Berlin")
    return Recipe("binary", "roc_auc", features, split, Linear(), {"strength": 0.1}, history, seed=3)


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), st.one_of(LENGTHS, st.floats(0.01, 0.5)), ROWS)
def test_what_is_registered_is_read_back(histories, part, history):
    split = Split(history=tuple(histories), tuning=part, evaluation=part)
    made = recipe(split, history)
    worth = {"x": 0.875, "plan": 0.125, "weekday": 0.0}
    version = ModelVersion(1, "run", tags_of("sha", replace(FITTED, importance=worth), SNAPSHOT, made))
    facts = facts_of(version)
    assert recipe_of(version) == made
    assert (facts.split, facts.history, facts.features) == (split, history, made.features)
    assert (facts.snapshot, facts.key, facts.promised) == (SNAPSHOT, "key", 0.8125)
    assert facts.trained_until == facts.evaluated_until == MOMENT
    assert facts.importance == worth


def test_a_version_from_before_importances_were_kept_is_read():
    split = Split(history=(timedelta(days=9),), tuning=0.2, evaluation=0.2)
    tags = tags_of("sha", FITTED, SNAPSHOT, recipe(split, Sliding(length=timedelta(days=9))))
    assert facts_of(ModelVersion(1, "run", tags)).importance == {}
    del tags["keepfit.importance"]
    assert facts_of(ModelVersion(1, "run", tags)).importance == {}


@pytest.mark.parametrize(
    "changed",
    [{"keepfit.recipe": "{}"}, {"keepfit.promised": "much"}, {"keepfit.snapshot": "["}, {"keepfit.importance": "[1]"}],
)
def test_tags_of_another_hand_are_refused(changed):
    split = Split(history=(timedelta(days=9),), tuning=0.2, evaluation=0.2)
    tags = tags_of("sha", FITTED, SNAPSHOT, recipe(split, Sliding(length=timedelta(days=9))))
    with pytest.raises(ArtefactMismatch, match="not registered by Keepfit"):
        facts_of(ModelVersion(1, "run", {**tags, **changed}))


def test_a_version_of_before_the_strategies_is_still_read():
    split = Split(history=(timedelta(days=9),), tuning=0.2, evaluation=0.2)
    tags = tags_of("sha", FITTED, SNAPSHOT, recipe(split, Sliding(length=timedelta(days=9))))
    kept = json.loads(tags["keepfit.recipe"])
    kept |= {"history": 777_600.0, "split": {"history": ["9d"], "tuning": 0.2, "evaluation": 0.2, "min_rows": 50}}
    facts = facts_of(ModelVersion(1, "run", {**tags, "keepfit.recipe": json.dumps(kept)}))
    assert (facts.split, facts.history) == (split, Sliding(length="9d"))
