"""Which recipe a training fits: the champion's own where the strategy says so, and otherwise the best of a search."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.load import load_file
from config.settings import PROJECT
from flows import training
from tasks.adapters import orchestrator
from tasks.adapters.fits import Fitted
from tasks.adapters.registry import ModelVersion
from tasks.adapters.store import Store
from tasks.adapters.tracking import Trial
from tasks.core.errors import ServerUnavailable, StoreConflict
from tasks.core.results import Snapshot, Window
from tasks.core.strategies import SameRecipe
from tasks.searching import Tried
from tasks.session import Session
from tasks.versions import tags_of

CONFIG = load_file(PROJECT / "config" / "pipelines" / "subscriptions.yaml")
SAME = CONFIG.model_copy(update={"strategy": SameRecipe()})
MOMENT = datetime(2025, 1, 1, tzinfo=UTC)
SESSION = Session(None, "", MOMENT, "test")
SNAPSHOT = Snapshot("p", 3, 4, Window(MOMENT - timedelta(days=9), MOMENT), MOMENT, 100, "digest")
FITTED = Fitted("key", "sha", {f"evaluation_{CONFIG.metric}": 0.8}, MOMENT.isoformat(), MOMENT.isoformat())


@pytest.fixture
def champion(monkeypatch):
    """The champion, in a list that a test may empty; searches are noted and give two trials."""
    recipe = replace(training._open_recipe(CONFIG, 0), parameters={"strength": 3.0}, seed=5)
    searches, found = [], [ModelVersion(1, "run", tags_of("sha", FITTED, SNAPSHOT, recipe))]
    monkeypatch.setattr(training.promotion, "read_champion", lambda _: found[0] if found else None)

    def search(_config, _session, _snapshot, recipes):
        searches.append(len(recipes))
        return [Tried(Trial("linear", n, {}, 0.6 + n / 10, 1.0), recipe) for n, recipe in enumerate(recipes)]

    monkeypatch.setattr(training, "_search", search)
    return found, searches


def test_the_same_recipe_is_one_fit_without_a_search(champion):
    best, tried = training._choose(SAME, SESSION, None)
    assert (best.family.kind, best.parameters, best.seed) == ("linear", {"strength": 3.0}, CONFIG.search.seed)
    assert (tried, champion[1]) == ([], [])


def test_without_a_champion_and_by_default_it_searches(champion, monkeypatch):
    best, tried = training._choose(CONFIG, SESSION, None)
    assert (best.family.kind, len(tried)) == ("random_forest", 3)
    champion[0].clear()
    assert len(training._choose(SAME, SESSION, None)[1]) == 3
    assert champion[1] == [3, 3]

    def refuse(_):
        raise AssertionError("the registry was asked for nothing")

    monkeypatch.setattr(training.promotion, "read_champion", refuse)
    assert training._choose(CONFIG, SESSION, None)[1]


def without_family(version):
    """A champion of a family kind that is gone from the code."""
    kept = json.loads(version.tags["keepfit.recipe"]) | {"family": {"kind": "gone"}}
    return replace(version, tags={**version.tags, "keepfit.recipe": json.dumps(kept)})


def test_a_champion_whose_recipe_cannot_be_read_is_followed_by_a_search_and_the_log_says_so(champion, caplog):
    champion[0][0] = without_family(champion[0][0])
    assert len(training._choose(SAME, SESSION, None)[1]) == 3
    assert "recipe of version 1 cannot be read" in caplog.text


def test_a_champion_without_a_receipt_is_no_champion_to_follow(champion, monkeypatch):
    def refuse(_):
        raise StoreConflict("the registry's alias and the journal differ")

    monkeypatch.setattr(training.promotion, "read_champion", refuse)
    with pytest.raises(StoreConflict):
        training._choose(SAME, SESSION, None)


@pytest.mark.parametrize("succeeded", [False, True])
def test_a_failed_training_is_told_with_its_token_unless_another_run_took_it_over(tmp_path, monkeypatch, succeeded):
    session = replace(SESSION, store=Store(str(tmp_path / "store"), "p"), control_url=f"sqlite:///{tmp_path}/c.db")

    def lost(_config, _session, _reason, token, _meter):
        if succeeded:
            name = f"training/{session.pipeline}"
            session.leases.release(session.leases.holder(name))  # as if it had expired while this process was paused
            session.leases.acquire(name, "the next", 60)
            training.training.record_training.fn(replace(session, run_id="the next"), "promoted", "", {}, token)
        raise ServerUnavailable("no answer")

    monkeypatch.setattr(orchestrator, "sign_flow_run", lambda _run: None)
    monkeypatch.setattr(training, "begin_run", lambda *_: (CONFIG, session))
    monkeypatch.setattr(training, "reconcile", lambda _: None)
    monkeypatch.setattr(training, "_train", lost)
    with pytest.raises(ServerUnavailable):
        training.training_flow.fn("p", session.as_of, "a breach", "a-breach")
    (entry,) = session.journal.entries("training")
    assert entry.decision.outcome == ("promoted" if succeeded else "failed")
    assert entry.decision.key.startswith("training:a-breach:")
