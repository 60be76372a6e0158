"""Promotion on a real registry: what is judged is what was registered, on rows that neither contestant has learnt from.

The registry is MLflow on a database of this test's own, in this process; no server is needed.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks import evidence, promotion, rollback, training
from tasks.adapters import registry
from tasks.adapters.store import Store
from tasks.core.championship import reign
from tasks.core.errors import (
    ArtefactMismatch,
    LeaseLost,
    NoReceipt,
    NoSuchChoice,
    NotFound,
    ServerUnavailable,
    StoreConflict,
    TransientError,
)
from tasks.core.estimators import Linear
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.gates import BeatsChampion, BeatsDummy, CleanProcess, Sanity
from tasks.core.results import Check, Decision, Verdict
from tasks.core.splits import Split
from tasks.session import Session

START, DAYS, PER_DAY = datetime(2026, 1, 1, tzinfo=UTC), 60, 40
GATES = (Sanity(), BeatsDummy(), BeatsChampion(margin=0.0, min_rows=50), CleanProcess())
EARLY = Split(history=("20d",), tuning="5d", evaluation="20d")
LATE = Split(history=("20d",), tuning="5d", evaluation="8d")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promotion")
    rng, count = np.random.default_rng(0), DAYS * PER_DAY
    x = rng.normal(size=count)
    times = [START + timedelta(hours=24 / PER_DAY * number) for number in range(count)]
    ids = [f"r{number}" for number in range(count)]
    store = Store(str(folder / "store"), "p")
    events = pd.DataFrame({"_row_id": ids, "_batch_id": "b", "_event_time": times, "_ingested_at": START, "x": x})
    label = (x + rng.normal(0, 0.7, count) > 0).astype(float)
    known = [time + timedelta(hours=1) for time in times]
    store.append("events", events, "b")
    store.append("labels", pd.DataFrame({"_row_id": ids, "_batch_id": "b", "label": label, "known_at": known}), "b")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where MLflow puts files when no server says otherwise
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield Session(store, f"sqlite:///{folder}/control.db", START + timedelta(days=DAYS), "run")


def trained(session, split):
    """A version as the training flow registers it; another split is another version."""
    snapshot = training.take_snapshot.fn(session, split)
    recipe = Recipe("binary", "roc_auc", Features(("x",), ()), split, Linear(), {"strength": 1.0}, split.history[0], 0)
    fitted = training.fit_candidate.fn(session, snapshot, recipe, recipe.key(snapshot.digest, ""))
    run_id = training.open_run.fn(session, {})
    return training.register_candidate.fn(session, run_id, snapshot, recipe, fitted, {})


@pytest.fixture(scope="module")
def contestants(session):
    """A candidate that waits, judged on 20 days, and a champion that learnt from 12 of them."""
    return trained(session, EARLY), trained(session, LATE)


def evidence_of(session, candidate, champion):
    return evidence.gather_evidence.fn(session, candidate, champion, "roc_auc", GATES, 0)


def judged(found):
    """The answer and every gate's own."""
    judgement = promotion.judge_candidate.fn(GATES, found, "when_gates_pass")
    return judgement.answer, judgement.gates


def test_rows_that_the_champion_has_learnt_from_are_out_of_the_duel(session, contestants):
    candidate, champion = contestants
    alone, duel = evidence_of(session, candidate, None), evidence_of(session, candidate, champion)
    assert len(np.unique(alone.blocks)) in {20, 21}
    assert len(np.unique(duel.blocks)) in {8, 9}
    assert duel.blocks.max() == alone.blocks.max()
    assert len(duel.actual) == len(duel.candidate) == len(duel.champion) == len(duel.dummy)
    assert np.isfinite([duel.candidate, duel.champion, duel.dummy]).all()
    answer, gates = judged(duel)
    assert [gate.name for gate in gates if not gate.passed] == ["beats_champion"], "both rank by x: nothing is gained"
    assert answer.verdict is Verdict.FAIL


def test_without_a_row_that_is_fresh_to_both_nothing_is_known(session, contestants, monkeypatch):
    """An old version, judged again, whose evaluation rows have all been learnt from since."""
    candidate, champion = contestants
    monkeypatch.setattr(evidence, "seen_ids", lambda _session, facts: labelled_ids(session, facts))
    answer, gates = judged(evidence_of(session, candidate, champion))
    assert answer.verdict is Verdict.UNKNOWN
    assert [gate.verdict for gate in gates] == [Verdict.UNKNOWN] * len(GATES)
    assert "0 rows" in next(gate.reason for gate in gates if gate.name == "beats_champion")


def labelled_ids(session, facts):
    return training.labelled_rows(session.store, facts.snapshot)["_row_id"]


def test_one_fit_is_one_version_however_often_it_is_registered(session):
    assert trained(session, EARLY).number == trained(session, EARLY).number


def test_one_changed_byte_in_the_registered_file_refuses_the_promotion(session):
    candidate = trained(session, judged_on("6d"))
    good, _ = judged(evidence_of(session, candidate, None))
    assert good.verdict is Verdict.PASS
    path = registered_file(candidate)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    answer, gates = judged(evidence_of(session, candidate, None))
    assert answer.verdict is Verdict.FAIL
    assert "SHA-256" in next(gate.reason for gate in gates if gate.name == "clean_process")
    with pytest.raises(ArtefactMismatch, match="It is not loaded"):
        registry.fetch("p", candidate, path.parents[1] / "elsewhere")


def test_another_model_under_the_same_version_is_not_the_judged_one(session):
    candidate, other = trained(session, judged_on("7d")), trained(session, judged_on("9d"))
    registered_file(candidate).write_bytes(registered_file(other).read_bytes())
    answer, gates = judged(evidence_of(session, candidate, None))
    assert answer.verdict is Verdict.FAIL
    clean = next(gate for gate in gates if gate.name == "clean_process")
    assert (clean.verdict, clean.numbers["sha_matches"]) == (Verdict.FAIL, False), "though it would load and predict"


def test_no_champion_is_an_answer_and_no_registry_is_not(session, monkeypatch):
    assert promotion.read_champion.fn(session) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ServerUnavailable, match="nothing was changed"):
        promotion.read_champion.fn(session)


def test_a_champion_without_a_receipt_is_final_and_one_that_is_being_promoted_is_asked_for_again(session, contestants):
    number = contestants[0].number
    registry.move_alias("p", registry.CHAMPION, number)
    try:
        with pytest.raises(NoReceipt, match=f"version {number} by the registry's alias and none by the journal"):
            promotion.read_champion.fn(session)
        with session.leases.hold("promotion/p", "another run"), pytest.raises(StoreConflict, match="is at work on"):
            promotion.read_champion.fn(session)
        with session.leases.hold("promotion/p", session.run_id), pytest.raises(NoReceipt):
            promotion.read_champion.fn(session)
    finally:
        registry.client().delete_registered_model_alias("p", registry.CHAMPION)
    assert not issubclass(NoReceipt, TransientError), "trying again cannot give it a receipt"


def test_a_tenth_version_is_later_than_a_ninth(session):
    one = registry.client().get_model_version("p", str(trained(session, EARLY).number))
    source = one.source.removeprefix("models:/")
    made = [registry.register("many", one.run_id, source, {"keepfit.key": "same"}) for _ in range(10)]
    assert [version.number for version in made] == list(range(1, 11))
    assert registry.find_version("many", "keepfit.key", "same").number == 1
    registry.move_alias("many", registry.CHAMPION, 10)
    assert registry.champion_of("many").number == 10
    assert registry.aliases("many") == {"champion": 10}


def test_who_lost_the_lease_writes_no_receipt_and_takes_nobody_back(session, contestants):
    candidate, _ = contestants
    judgement = promotion.Judgement(Check("promotion", Verdict.PASS, "every gate passed"), (), None)
    lease = session.leases.acquire("promotion/p", "paused", 60)
    session.leases.release(lease)
    taken = session.leases.acquire("promotion/p", "the next", 60)
    given = (session, candidate, None, judgement)
    with pytest.raises(LeaseLost, match="publishes nothing more"):
        promotion.record_promotion.fn(*given, lease)
    assert session.journal.entries("promotion") == []
    assert promotion.record_promotion.fn(*given, taken).outcome == "promoted"
    with pytest.raises(LeaseLost, match="publishes nothing more"):
        rollback.roll_back.fn(session, candidate.number, "somebody", "a drill", lease)
    assert session.journal.entries("rollback") == []
    session.leases.release(taken)


@pytest.mark.parametrize("to", [None, 1])
def test_a_rollback_whose_answer_was_lost_is_one_rollback(tmp_path, monkeypatch, to):
    store = Store(str(tmp_path / "store"), "p")
    session = Session(store, f"sqlite:///{tmp_path}/control.db", START, "this run")
    for number, replaces in ((1, None), (2, 1)):
        told = {"version": number, "sha256": f"s{number}", "replaces": replaces, "gates": []}
        session.record(
            Decision(f"k{number}", "p", "promotion", Verdict.PASS, "promoted", "", START, None, told, f"run {number}")
        )
    monkeypatch.setattr(registry, "version_of", lambda _, number: registry.ModelVersion(number, "", {}))
    monkeypatch.setattr(registry, "fetch", lambda *_: None)
    lease = session.leases.acquire("promotion/p", "this run", 60)
    first, again = (rollback.roll_back.fn(session, to, "ann", "odd", lease) for _ in range(2))
    assert again == first
    assert [entry.decision.kind for entry in session.journal.entries()] == ["promotion", "promotion", "rollback"]


@pytest.mark.parametrize(("to", "kind"), [(9, NoSuchChoice), (None, NotFound)], ids=["asked for", "gone"])
def test_a_version_that_the_registry_does_not_have_is_a_typo_or_a_loss(tmp_path, monkeypatch, to, kind):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    session = Session(Store(str(tmp_path / "store"), "p"), f"sqlite:///{tmp_path}/control.db", START, "this run")
    for number, replaces in ((1, None), (2, 1)):
        told = {"version": number, "sha256": f"s{number}", "replaces": replaces, "gates": []}
        session.record(Decision(f"k{number}", "p", "promotion", Verdict.PASS, "promoted", "", START, None, told))
    lease = session.leases.acquire("promotion/p", "this run", 60)
    with pytest.raises(NotFound, match=f"p has no version {to or 1} in the registry") as raised:
        rollback.roll_back.fn(session, to, "ann", "odd", lease)
    assert type(raised.value) is kind
    assert session.journal.entries("rollback") == []


@pytest.mark.timeout(100)  # MLflow's own retries take minutes
def test_without_the_registry_a_former_champion_is_gone_back_to_by_its_receipt_and_no_other_version(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    session = Session(Store(str(tmp_path / "store"), "p"), f"sqlite:///{tmp_path}/control.db", START, "this run")
    for number, replaces in ((1, None), (2, 1)):
        told = {"version": number, "sha256": f"s{number}", "replaces": replaces, "gates": []}
        session.record(Decision(f"k{number}", "p", "promotion", Verdict.PASS, "promoted", "", START, None, told))
    trained = Decision("t", "p", "training", Verdict.PASS, "promoted", "", START, None, {"version": 1})
    session.record(trained)  # a training says how it ended, too, and holds no receipt
    lease = session.leases.acquire("promotion/p", "this run", 60)
    with pytest.raises(ServerUnavailable, match="version 7 of p was never champion"):
        rollback.roll_back.fn(session, 7, "ann", "odd", lease)
    done = rollback.roll_back.fn(session, None, "ann", "odd", lease)
    assert (done.evidence["version"], done.evidence["sha256"], done.evidence["verified"]) == (1, "s1", False)
    assert reign(session.journal.entries()).champion == 1


def judged_on(evaluation):
    return Split(history=("20d",), tuning="5d", evaluation=evaluation)


def registered_file(version):
    """The file in MLflow's own artefact folder."""
    found = registry.client().get_model_version("p", str(version.number))
    model = registry.client().get_logged_model(found.source.removeprefix("models:/"))
    return Path(model.artifact_location.removeprefix("file://")) / registry.MODEL_FILE
