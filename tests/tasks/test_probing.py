"""The training flow with its probe, on a real registry, store and journal, without Prefect's engine or a server.

The ground is that of the failing vendors: a champion of day 40, a world that turned on day 45.
"""

import json
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import numpy as np
import pytest

from benchmarks.ground import DAY, PIPELINE, SECOND, START, prepare
from config.load import load_pipeline
from config.settings import load_settings
from flows import training as flow
from tasks import probing, training
from tasks.adapters import registry
from tasks.core import championship, fitting
from tasks.core.errors import ServerUnavailable
from tasks.core.explanation import came_from, explanation_page
from tasks.core.features import EVENT_TIME
from tasks.core.results import Decision, Verdict, Window
from tasks.probing import Stretch
from tasks.versions import facts_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Searching(Exception):
    """The search began."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("probing"))


@pytest.fixture
def ground(prepared):
    prepared.restore("whole")
    with prepared.inside(), prepared.run(), mock.patch.object(flow, "_search", side_effect=Searching):
        yield prepared


def breach(ground, as_of, limit=0.75):
    """What monitoring writes down about a champion that broke its promise, and the token that it sends."""
    told = {"verdict": "fail", "reason": "beyond the limit", "name": "performance", "numbers": {"limit": limit}}
    session = ground.session(as_of)
    for kind, outcome in (("monitoring", "triggered"), ("trigger", "sent")):
        session.record(Decision(
            f"{kind}:{as_of:%j}", PIPELINE, kind, Verdict.FAIL, outcome, "why", as_of, Window(as_of - 20 * DAY, as_of),
            {"token": "t", "version": 1, "performance": told, "remedy": "retrain"},
        ))  # fmt: skip
    return "t"


def last(ground, kind):
    return ground.session(SECOND).journal.last(kind)


def test_a_breach_that_no_row_to_learn_from_shows_is_postponed_before_any_search(ground):
    """On day 53 the evaluation part begins on day 43; on the days before it the champion does well."""
    as_of = START + 53 * DAY
    assert flow.training_flow.fn(PIPELINE, as_of, "performance", breach(ground, as_of)) == (0, "postponed")
    probe, training = last(ground, "probe").decision, last(ground, "training").decision
    assert (probe.outcome, training.outcome) == ("would not help", "postponed")
    assert START + 35 * DAY <= probe.window.start < probe.window.end <= START + 43 * DAY
    assert probe.evidence["seconds"] > 0
    assert training.evidence["cpu_seconds"] is not None
    entries = ground.session(SECOND).journal.entries()
    assert [one.outcome for one in championship.past_trainings(entries, live=False)] == ["postponed"]
    assert ground.session(SECOND).journal.verify() == []
    story = came_from(entries, last(ground, "training"))
    assert [one.decision.kind for one in story][-3:] == ["monitoring", "trigger", "probe"]
    page = explanation_page(entries, last(ground, "training"))
    assert "too early" in page
    assert "a later check asks again" in page
    assert "auc" in explanation_page(entries, last(ground, "probe"))


def test_a_retraining_that_would_help_begins_its_search_and_the_answer_is_written_down(ground):
    with pytest.raises(Searching):
        flow.training_flow.fn(PIPELINE, SECOND, "performance", breach(ground, SECOND))
    probe = last(ground, "probe").decision
    assert (probe.outcome, probe.evidence["champion"]) == ("would help", 1)
    assert probe.evidence["probe"]["numbers"]["low"] > 0.3


def test_where_no_refit_gains_what_the_duel_asks_for_the_training_is_spared(ground):
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text() + "gates: [{kind: beats_champion, margin: 0.9}]\n")
    as_of = START + 53 * DAY
    assert flow.training_flow.fn(PIPELINE, as_of, "age", breach(ground, as_of, limit=0.99)) == (0, "spared")
    assert "would not help" in last(ground, "training").decision.reason


@pytest.mark.parametrize(("token", "more"), [(None, "search: {"), ("t", "search: {probe: never, ")])
def test_a_run_by_hand_and_a_pipeline_that_wants_none_are_not_probed(ground, token, more):
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text().replace("search: {", more))
    as_of = START + 53 * DAY
    breach(ground, as_of)
    with pytest.raises(Searching):
        flow.training_flow.fn(PIPELINE, as_of, "by hand", token)
    assert last(ground, "probe") is None


def test_a_first_training_is_not_probed(ground):
    with mock.patch.object(flow.promotion, "read_champion", return_value=None), pytest.raises(Searching):
        flow.training_flow.fn(PIPELINE, SECOND, "no champion", breach(ground, SECOND))
    assert last(ground, "probe") is None


def test_a_breach_is_probed_and_answered_once_however_often_its_training_runs(ground):
    as_of = START + 53 * DAY
    token = breach(ground, as_of)
    for _ in range(2):
        with ground.run():
            assert flow.training_flow.fn(PIPELINE, as_of, "performance", token) == (0, "postponed")
    journal = ground.session(SECOND).journal
    assert [len(journal.entries(kind)) for kind in ("probe", "training")] == [1, 1]


def test_the_champion_is_asked_about_no_row_that_it_has_learnt_from(ground):
    """As of day 45 the tuning part begins before the champion's rows end."""
    session, champion = ground.session(START + 45 * DAY), registry.champion_of(PIPELINE)
    config = load_pipeline(PIPELINE, load_settings())
    recipe, until = flow._open_recipe(config, 0), facts_of(champion).trained_until
    snapshot = training.take_snapshot.fn(session, config.split)
    rows = training.labelled_rows(session.store, snapshot)
    tuning = fitting.parts_of(rows, config.split).tuning
    fresh = tuning[rows[EVENT_TIME].iloc[tuning] > until]
    assert 0 < len(fresh) < len(tuning)
    stretch = probing.ask_champion.fn(session, snapshot, recipe, champion, "t")
    assert list(stretch.positions) == list(fresh)
    times = rows[EVENT_TIME].iloc[fresh]
    assert (stretch.window.start, stretch.window.end) == (times.min(), times.max() + timedelta(microseconds=1))
    assert len(stretch.champion) == len(fresh)


def test_every_part_of_a_probe_is_part_of_its_key(ground):
    champion, config = registry.champion_of(PIPELINE), load_pipeline(PIPELINE, load_settings())
    stretch = Stretch(np.arange(3), np.zeros(3), None, 1, champion.sha256, 0.75)
    snapshot, recipe = facts_of(champion).snapshot, flow._open_recipe(config, 0)
    given = {"stretch": stretch, "snapshot": snapshot, "recipes": [recipe], "code_digest": "code", "margin": 0.1}
    changes = [
        {"stretch": replace(stretch, sha256="other")},
        {"stretch": replace(stretch, limit=0.7)},
        {"stretch": replace(stretch, limit=None)},
        {"snapshot": replace(snapshot, digest="other")},
        {"recipes": [recipe, replace(recipe, seed=9)]},
        {"recipes": [replace(recipe, parameters={"strength": 2.0})]},
        {"code_digest": "other"},
        {"margin": 0.2},
    ]
    assert len({probing.key_of(**{**given, **change}) for change in [{}, {}, *changes]}) == len(changes) + 1


def test_a_champion_whose_recipe_cannot_be_read_is_not_probed_and_blocks_no_retraining(ground, caplog):
    kept = json.loads(registry.champion_of(PIPELINE).tags["keepfit.recipe"]) | {"family": {"kind": "gone"}}
    registry.tag_version(PIPELINE, 1, {"keepfit.recipe": json.dumps(kept)})
    with pytest.raises(Searching):
        flow.training_flow.fn(PIPELINE, SECOND, "performance", breach(ground, SECOND))
    assert last(ground, "probe") is None
    assert "recipe of version 1 cannot be read" in caplog.text


def test_a_registry_that_does_not_answer_is_not_an_answer(ground):
    silence = mock.patch.object(flow.promotion, "read_champion", side_effect=ServerUnavailable("nothing was changed"))
    with silence, pytest.raises(ServerUnavailable):
        flow.training_flow.fn(PIPELINE, SECOND, "performance", breach(ground, SECOND))
    assert (last(ground, "probe"), last(ground, "training").decision.outcome) == (None, "failed")
