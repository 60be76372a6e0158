"""A challenger beside the champion on the real server: its share of the answers, its silence, and how it ends.

Real registry, store and journal (benchmarks.ground): version 3 is the better one, and waits for evidence.
"""

import asyncio
import json
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from benchmarks.ground import DAY, PIPELINE, SECOND, START, prepare, rows
from benchmarks.serving_trial import EARLY, wait_for_evidence
from benchmarks.serving_world import mlflow, server, wait_until
from config.load import load_pipeline
from config.serving import Serving
from config.settings import load_settings
from deployments.serving import following, verified
from deployments.serving import trying as trying_room
from deployments.serving.canary import Canary
from deployments.serving.following import Follower
from deployments.serving.rounds import Rounds
from deployments.serving.shadow import Shadow, Unheard
from deployments.serving.trying import Trial, Trying
from deployments.serving.verified import Loaded
from flows import monitoring
from flows.trial import review_trial
from tasks import online
from tasks.adapters import cleanroom, registry, tracking
from tasks.adapters.answers import AnswerLog, folder_of, lines_of, taking
from tasks.core.errors import ServerUnavailable
from tasks.core.estimators import predict
from tasks.core.features import design_matrix
from tasks.core.governor import Governor
from tasks.core.online import Answer, silent_line
from tasks.core.requests import asked_of
from tasks.core.results import Verdict
from tasks.core.terms import Approval, Freeze
from tasks.core.trial import place
from tasks.verification import verify_invariants
from tasks.versions import facts_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LATER = EARLY + 9 * DAY


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    prepared = prepare(tmp_path_factory.mktemp("ground"))
    with prepared.inside():
        prepared.restore("whole")
        wait_for_evidence(prepared, "{shadow: 0.7, canary: 0.3}")
        prepared.keep("waiting")
        yield prepared


@pytest.fixture(scope="module")
def asked():
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=(2, 640)).tolist()
    times = [(EARLY + (number + 0.5) / 80 * DAY).isoformat() for number in range(640)]
    return [{"id": f"live{number}", "x": x[number], "z": z[number], "when": times[number]} for number in range(640)]


def said_by(version, rows):
    """What a version's registered file says of the rows, asked directly."""
    found = registry.version_of(PIPELINE, version)
    with TemporaryDirectory() as folder:
        model = cleanroom.load_model(registry.fetch(PIPELINE, found, Path(folder)))
    frame = pd.DataFrame(rows).assign(_event_time=pd.to_datetime([row["when"] for row in rows], utc=True))
    return predict(model, design_matrix(frame, facts_of(found).features), "binary")


def take_up(ground):
    config = load_pipeline(PIPELINE, load_settings())
    return online.take_up_answers.fn(ground.session(LATER), config.columns, config.suite.protection, ground.home)


def test_a_challenger_answers_its_share_scores_the_rest_in_silence_and_is_stopped_by_live_rows(ground, asked):
    expected = {version: said_by(version, asked) for version in (1, 3)}
    artefact = next(path for path in ground.home.rglob("model.skops")
                    if registry.file_sha256(path) == registry.version_of(PIPELINE, 3).sha256)  # fmt: skip
    whole = artefact.read_bytes()
    artefact.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with mlflow(ground) as (url, _), server(ground, url) as served:
        wait_until(lambda: "SHA-256" in ((served.ready()["trial"] or {}).get("why") or ""), 20)
        assert served.one().json()["model_version"] == 1, "a challenger that was changed costs no answer"
        artefact.write_bytes(whole)
        wait_until(lambda: served.ready()["trial"]["version"] == 3, 40)
        told = served.ready()["trial"]
        assert (told["canary"], told["shadow"], told["why"]) == (0.3, 0.7, "")
        given = served.client.post(f"/{PIPELINE}/predict/batch", json={"rows": asked}).json()["answers"]
        again = served.client.post(f"/{PIPELINE}/predict", json=asked[3]).json()
        assert (again["model_version"], again["score"]) == (given[3]["model_version"], given[3]["score"])
        for number, one in enumerate(given):
            version = 3 if place(one["row_id"]) < 0.3 else 1
            score = pytest.approx(expected[version][number], abs=1e-12)
            assert (one["model_version"], one["score"]) == (version, score)
        assert 150 < sum(one["model_version"] == 3 for one in given) < 230
        nothing = f'keepfit_shadow_rows{{pipeline="{PIPELINE}"}} 0.0'
        wait_until(lambda: nothing not in served.client.get("/metrics").text, 9)
        page = served.client.get("/metrics").text
        assert f'keepfit_canary_share{{pipeline="{PIPELINE}"}} 0.3' in page
        assert f'keepfit_rows_total{{outcome="answered",pipeline="{PIPELINE}",version="3"}}' in page
        taken = 0

        def all_are_taken_up():
            nonlocal taken
            taken += take_up(ground)
            return taken == len(asked) + 2  # and two single rows

        wait_until(all_are_taken_up, 30)
        check_what_stands_in_the_tables(ground, given, expected)
        with ground.run(), mock.patch.object(monitoring, "is_step", return_value=True):
            monitoring.monitoring_flow.fn(PIPELINE, LATER)
            assert not ground.session(LATER).journal.entries("trial"), "no labels yet"
            score_what_was_learnt(ground)
            deliver_otherwise(ground, given)
            say_the_champion_was_right(ground, given, expected[1])
            monitoring.monitoring_flow.fn(PIPELINE, LATER)
            monitoring.monitoring_flow.fn(PIPELINE, LATER)  # again: the same rows are worth no second look
        (entry,) = ground.session(LATER).journal.entries("trial")
        ended = entry.decision
        assert (ended.outcome, ended.evidence["version"]) == ("trial stopped", 3), ended.reason
        assert ended.evidence["rows"] == sum(place(one["row_id"]) < 0.7 for one in given)
        assert registry.CHALLENGER not in registry.aliases(PIPELINE)
        wait_until(lambda: served.ready()["trial"] is None, 15)
        assert {served.one(id=f"after{n}").json()["model_version"] for n in range(20)} == {1}


def check_what_stands_in_the_tables(ground, given, expected):
    """Each answer once, beside it what the other version said of the row, and the row itself once."""
    store = ground.session(LATER).store
    found = store.read("predictions").dropna(subset=["_answer_id"]).set_index("_answer_id")
    assert found.index.is_unique
    for number, one in enumerate(given):
        mine = found.loc[one["answer_id"]]
        assert (mine["prediction"], mine["model_version"]) == (one["score"], one["model_version"])
        other, silent = 4 - one["model_version"], f"{one['answer_id']}@{4 - one['model_version']}"
        assert (silent in found.index) == (place(one["row_id"]) < 0.7)
        assert f"{one['answer_id']}@{one['model_version']}" not in found.index
        if silent in found.index:
            assert found.loc[silent, "prediction"] == pytest.approx(expected[other][number], abs=1e-12)
            assert found.loc[silent, "_row_id"] == one["row_id"]
    rows = store.read("requests")
    assert rows["id"].str.startswith("live").sum() == len(given) + 1  # one was asked about twice
    check = next(one for one in verify_invariants.fn(ground.session(LATER)) if one.name.startswith("I5"))
    assert check.passed, check.reason


def score_what_was_learnt(ground):
    """Rows of the training, labelled, that both have scored within the trial: they say nothing about either."""
    learnt = [f"r{number}" for number in range(40)]
    for version in (1, 3):
        scores = pd.DataFrame({"_row_id": learnt, "_event_time": pd.Timestamp(EARLY + DAY), "_batch_id": "learnt",
                               "prediction": 0.5, "model_version": version, "scored_at": pd.Timestamp(EARLY + DAY),
                               "_answer_id": [name if version == 1 else f"{name}@3" for name in learnt]})  # fmt: skip
        ground.session(LATER).store.append("predictions", scores, f"learnt {version}")


def deliver_otherwise(ground, given):
    """The rows are delivered, too, with other values, and the champion scores these: the trial is not about them."""
    scores = pd.DataFrame({"_row_id": [one["row_id"] for one in given], "_event_time": pd.Timestamp(EARLY + DAY),
                           "_batch_id": "delivered", "prediction": [1 - one["score"] for one in given],
                           "model_version": 1, "scored_at": pd.Timestamp(SECOND + 999 * DAY)})  # fmt: skip
    ground.session(LATER).store.append("predictions", scores, "delivered@1")


def say_the_champion_was_right(ground, given, scores):
    labels = pd.DataFrame({"_row_id": [one["row_id"] for one in given], "label": (scores > 0.5).astype(float),
                           "known_at": pd.Timestamp(LATER - DAY), "_batch_id": "live labels"})  # fmt: skip
    ground.session(LATER).store.append("labels", labels, "live labels")


def loaded(number, function, features):
    """A model of which the first step is a function that may raise or wait."""
    steps = make_pipeline(FunctionTransformer(function, validate=False), LogisticRegression())
    steps.steps[-1][1].fit(pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "z": [0.0] * 4}), [0, 1, 0, 1])
    return Loaded(number, "", 0, steps, features, None, START)


def refuse_negative(matrix):
    if (matrix["x"] < 0).any():
        raise ValueError("no")
    return matrix[["x", "z"]]


@pytest.fixture
def follower(ground, tmp_path):
    ground.restore("waiting")
    return Follower(load_pipeline(PIPELINE, load_settings()), ground.session(LATER), tmp_path / "models")


@pytest.fixture
def answered(follower, tmp_path):
    """Ask a champion that takes every row, with a challenger that does what it is told, three rows at a time."""
    config, session = follower.config, ground_session(follower)
    log = AnswerLog(tmp_path / "answers", durable=False)
    rounds = Rounds(follower, asked_of(config.columns, PIPELINE, 10), log, session.keys)
    follower.current = loaded(1, lambda matrix: matrix[["x", "z"]], config.features)

    def ask(function, features=None, sha256="one"):
        now = follower.trying.current
        if now is None or now.loaded.sha256 != sha256 or now.canary:
            challenger = replace(loaded(3, function, features or config.features), sha256=sha256)
            follower.trying.current = Trial(challenger, 1, 1.0, 1.0)
        rows = [["a", EARLY, 1.0, 0.0], ["b", EARLY, -1.0, 0.0], ["c", EARLY, 2.0, 0.0]]
        found = asyncio.run(rounds.answer(rows)).answers
        assert all(one.prediction is not None for one in found)
        return [one.version for one in found]

    ask.rounds = rounds
    yield ask
    rounds.close()


def ground_session(follower):
    return follower._session


def test_where_the_challenger_has_no_answer_the_champion_s_stands(answered):
    assert answered(refuse_negative) == [3, 1, 3]
    assert answered.rounds.canary.fell_back == 1


def fails(_):
    raise MemoryError


def takes_all(matrix):
    return matrix[["x", "z"]]


OURS, THEIRS = [1] * 3, [3] * 3


def test_a_challenger_that_fails_three_rounds_in_a_row_answers_nobody_and_the_next_one_begins_anew(answered):
    rounds = [fails, fails, takes_all, fails, takes_all, fails, fails, fails, takes_all, takes_all]
    told = [answered(function) for function in rounds]
    assert told == [OURS, OURS, THEIRS, OURS, THEIRS, OURS, OURS, OURS, OURS, OURS]
    assert answered.rounds.follower.trying.current.canary == 0.0
    others = [answered(function, sha256="another") for function in (fails, fails, takes_all)]
    assert others == [OURS, OURS, THEIRS]
    assert [answered(fails, sha256=name) for name in ("b", "b", "c", "c")] == [OURS] * 4
    assert answered.rounds.follower.trying.current.canary == 1.0, "two faults of each are not three of one"


@pytest.mark.parametrize(("seconds", "answers"), [(1.0, [THEIRS] * 5), (1.001, [THEIRS] * 3 + [OURS] * 2)])
def test_a_challenger_that_takes_over_a_second_answers_nobody_after_three_rounds(answered, seconds, answers):
    rounds = answered.rounds
    moments = (seconds * number for number in count())  # the clock is asked when a round begins and when it ends
    rounds.canary = Canary(rounds.follower.trying, rounds._scored, lambda: next(moments))
    assert [answered(takes_all) for _ in range(5)] == answers


def test_a_challenger_that_needs_what_requests_do_not_hold_costs_no_answer(answered):
    features = answered.rounds.follower.config.features
    assert answered(refuse_negative, replace(features, numerical=("x", "new"))) == [1, 1, 1]


def test_one_that_is_tried_beside_another_champion_than_the_one_that_answers_answers_nobody(answered):
    answered(refuse_negative)
    trying = answered.rounds.follower.trying
    trying.current = replace(trying.current, replaces=2, canary=0.0)
    answered.rounds.follower.trying.current = replace(trying.current, canary=1.0)
    rows = [["a", EARLY, 1.0, 0.0]]
    assert [one.version for one in asyncio.run(answered.rounds.answer(rows)).answers] == [1]


def test_in_doubt_about_the_champion_nobody_is_tried(follower):
    follower.look()
    assert follower.trying.current.loaded.number == 3
    registry.move_alias(PIPELINE, registry.CHAMPION, 2)  # by hand, without a receipt
    follower.look()
    assert follower.trying.current is None
    registry.move_alias(PIPELINE, registry.CHAMPION, 1)
    follower.look()
    assert follower.trying.current.loaded.number == 3


def unheard(challenger, rows=500):
    frame = pd.DataFrame({"x": [1.0] * rows, "z": [0.0] * rows, "_event_time": pd.Timestamp(EARLY)})
    return Unheard(challenger, frame, [Answer(f"a{n}", f"r{n}", EARLY, 0.5, [], None, [], 1) for n in range(rows)])


@pytest.mark.timeout(120)
def test_a_shadow_that_cannot_follow_leaves_rows_out_and_nobody_waits(follower, tmp_path):
    log, gate = AnswerLog(tmp_path / "answers", durable=True), threading.Event()

    def waits(matrix):
        gate.wait(300)
        return matrix[["x", "z"]]

    shadow, slow = Shadow(log, "binary"), loaded(3, waits, follower.config.features)
    for _ in range(130):
        shadow.offer(unheard(slow))
    assert shadow.dropped >= (130 * 500) - 20_000 - 2 * 2_000
    gate.set()
    wait_until(lambda: shadow.scored + shadow.dropped == 130 * 500, 20)
    shadow.close()
    log.close()
    with taking(tmp_path / "answers") as groups:
        lines = [json.loads(line) for group in groups for line in lines_of(group)[0]]
    assert sum(len(line["silent"]) for line in lines) == shadow.scored


@pytest.mark.timeout(120)
def test_a_shadow_that_hangs_is_left_behind_and_writes_into_no_log_that_is_closed(follower, tmp_path):
    log, gate = AnswerLog(tmp_path / "answers", durable=False), threading.Event()

    def waits(matrix):
        gate.wait(300)
        return matrix[["x", "z"]]

    shadow = Shadow(log, "binary")
    for _ in range(60):
        shadow.offer(unheard(loaded(3, waits, follower.config.features)))
    shadow.close()
    log.close()
    assert shadow._thread.is_alive()
    others = AnswerLog(tmp_path / "others", durable=False)  # takes the descriptor that has become free
    gate.set()
    shadow._thread.join(20)
    others.write(b"{}")
    others.close()
    with taking(tmp_path / "others") as (group,):
        assert lines_of(group) == ([b"{}"], 0)
    assert shadow.failed > 0


def test_where_no_thread_is_to_be_had_answers_are_given_and_the_next_rows_ask_again(follower, tmp_path, monkeypatch):
    log = AnswerLog(tmp_path / "answers", durable=False)
    shadow, fine = Shadow(log, "binary"), loaded(3, lambda matrix: matrix[["x", "z"]], follower.config.features)

    def none(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none)
        shadow.offer(unheard(fine, 5))
    assert shadow.dropped == 5
    shadow.offer(unheard(fine, 7))
    wait_until(lambda: shadow.scored == 7, 20)
    shadow.close()
    log.close()


def test_what_was_said_beside_an_answer_that_is_gone_is_not_taken_up(ground):
    ground.restore("waiting")
    gone = Answer("b" * 32, "b" * 32, EARLY, 0.5, [], None, [], 1)
    log = AnswerLog(folder_of(ground.home, PIPELINE), durable=False)
    log.write(json.dumps(silent_line([gone], [0.5], {}, 3, EARLY)).encode())
    log.close()
    take_up(ground)
    found = ground.session(LATER).store.read("predictions")
    assert "_answer_id" not in found or not found["_answer_id"].notna().any()


def test_a_trial_that_cannot_be_looked_at_is_told_and_harms_no_check(ground):
    ground.restore("waiting")
    told = rows().tail(400)
    for version in (1, 3):
        ids = [name if version == 1 else f"{name}@3" for name in told["_row_id"]]
        scores = pd.DataFrame({"_row_id": told["_row_id"], "_event_time": pd.Timestamp(EARLY + DAY), "_answer_id": ids,
                               "_batch_id": "online-x", "prediction": 0.5, "model_version": version,
                               "scored_at": pd.Timestamp(EARLY)})  # fmt: skip
        ground.session(LATER).store.append("predictions", scores, f"x{version}")
    tracking.client().delete_model_version(PIPELINE, "3")
    with ground.run():
        (check,) = review_trial(load_pipeline(PIPELINE, load_settings()), ground.session(SECOND))
    assert (check.verdict, "version 3 cannot be looked at" in check.reason) == (Verdict.UNKNOWN, True)


@pytest.fixture
def trying(ground, tmp_path):
    """Who is tried, by the pipeline's file as `changes` leave it, where the journal's entries are these."""
    ground.restore("waiting")
    session, here = ground.session(LATER), load_pipeline(PIPELINE, load_settings())

    def look(entries=None, champion=1, answers=True, **changes):
        found = Trying(here.model_copy(update=changes), session, tmp_path)
        found.read(session.journal.entries() if entries is None else entries)
        beside = loaded(champion, refuse_negative, here.features) if champion else None
        found.look(beside, registry_answers=answers)
        return found.current and (found.current.loaded.number, found.current.canary, found.current.shadow), found.why

    return look


def judged_otherwise(ground, **gates):
    """The journal in which a gate of the last judgement said something else."""
    *before, last = ground.session(LATER).journal.entries()
    told = [gate | {"verdict": gates.get(gate["name"], gate["verdict"])} for gate in last.decision.evidence["gates"]]
    return [*before, replace(last, decision=replace(last.decision, evidence=last.decision.evidence | {"gates": told}))]


def test_who_is_tried_and_with_which_share(ground, trying):
    always = Freeze(begins="Mon 00:00", ends="Sun 23:59"), Freeze(begins="Sun 12:00", ends="Mon 12:00")
    assert trying() == ((3, 0.3, 0.7), "")
    assert trying(serving=Serving()) == (None, "")
    assert trying(serving=Serving(shadow=0.2)) == ((3, 0.0, 0.2), "")
    assert trying(serving=Serving(canary=0.2)) == ((3, 0.2, 0.2), "")
    assert trying(champion=2) == (None, "version 3 waits to be tried beside version 1")
    assert trying(champion=None)[0] is None
    who, why = trying(judged_otherwise(ground, clean_process="unknown"))
    assert (who, "clean_process" in why) == ((3, 0.0, 0.7), True)
    who, why = trying(governor=Governor(approval=Approval(freeze=always)))
    assert (who, "freeze" in why) == ((3, 0.0, 0.7), True)
    assert trying(answers=False) == ((3, 0.3, 0.7), ""), "the verified copy on this disk"
    here = load_pipeline(PIPELINE, load_settings())
    who, why = trying(columns=[column for column in here.columns if column.name != "z"])
    assert (who, "needs z" in why) == (None, True)


def test_a_banned_version_is_not_tried(ground, trying):
    entries = ground.session(LATER).journal.entries()
    receipt = next(one for one in entries if one.decision.outcome == "promoted")
    told = {"version": 1, "replaces": 3, "banned": True, "sha256": ""}
    banned = replace(receipt.decision, kind="rollback", outcome="rolled back", evidence=told)
    assert trying([entries[0], replace(entries[0], decision=banned), *entries]) == (None, "")


def test_without_a_copy_and_without_mlflow_nobody_is_tried(trying):
    who, why = trying(answers=False)
    assert who is None
    assert "no verified copy" in why


def test_champion_and_challenger_that_were_refused_are_asked_for_again_after_the_same_wait(follower, monkeypatch):
    def down(_):
        raise ServerUnavailable("no answer")

    clock = [1000.0]
    for room in (following, trying_room):
        monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with monkeypatch.context() as unreachable:
        unreachable.setattr(registry, "aliases", down)
        follower.look()
    beside = loaded(1, takes_all, follower.config.features)
    follower.trying.look(beside, registry_answers=False)
    for clock[0], who in ((1000.0 + verified.AGAIN_SECONDS - 0.01, None), (1000.0 + verified.AGAIN_SECONDS, 3)):
        follower.trying.look(beside, registry_answers=True)
        now = follower.trying.current
        assert (now and now.loaded.number) == who
        if who is None:
            assert "no verified copy" in follower.trying.why
            follower.look()
            assert follower.current is None
            assert "no verified copy" in follower.standing.why
    follower.look()
    assert follower.current.number == 1
