"""A version is made again from its records in a fresh folder; what was changed since is named; a row is followed home.

The registry is MLflow on a database of this test's own, in this process; no server is needed.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks import lineage, reproduction, training, versions
from tasks.adapters import provenance, registry, tracking
from tasks.adapters.store import Store
from tasks.carding import known_of
from tasks.core import reproduction as rules
from tasks.core.batches import row_id_of
from tasks.core.columns import Column
from tasks.core.errors import NotFound
from tasks.core.estimators import Linear
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.ml_test_score import Setup, ml_test_score
from tasks.core.privacy.keys import canonical, read_keys
from tasks.core.reproduction import Records
from tasks.core.results import Decision, Verdict
from tasks.core.splits import Split
from tasks.session import Session

START, DAYS, PER_DAY = datetime(2026, 1, 1, tzinfo=UTC), 60, 40
SPLIT = Split(history=("20d",), tuning="5d", evaluation="8d")
RAW = b"id,x\nr7,1\n"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduction")
    rng, count = np.random.default_rng(0), DAYS * PER_DAY
    x = rng.normal(size=count)
    times = [START + timedelta(hours=24 / PER_DAY * number) for number in range(count)]
    ids = [f"r{number}" for number in range(count)]
    store = Store(str(folder / "store"), "p")
    (folder / "2026.csv").write_bytes(RAW)
    sha = store.keep_raw(folder / "2026.csv")
    kept = {"_batch_id": "b", "_ingested_at": START}
    events = pd.DataFrame({"_row_id": ids, "_event_time": times, "x": x, **kept})
    label = (x + rng.normal(0, 0.7, count) > 0).astype(float)
    known = [time + timedelta(hours=1) for time in times]
    store.append("events", events, "b")
    store.append("labels", pd.DataFrame({"_row_id": ids, "_batch_id": "b", "label": label, "known_at": known}), "b")
    batch = {"_batch_id": ["b"], "name": ["2026.csv"], "sha256": [sha], "accepted": [count], "delivered": [count]}
    store.append("batches", pd.DataFrame(batch), "b")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where MLflow puts files when no server says otherwise
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        yield Session(store, f"sqlite:///{folder}/control.db", START + timedelta(days=DAYS), "run")


def trained(session, family, parameters):
    """A version as the training flow registers it, with the parameters of its run."""
    snapshot = training.take_snapshot.fn(session, SPLIT)
    recipe = Recipe("binary", "roc_auc", Features(("x",), ()), SPLIT, family, parameters, SPLIT.history[0], 7)
    fitted = training.fit_candidate.fn(session, snapshot, recipe, recipe.key(snapshot.digest, provenance.code_digest()))
    tags = training.provenance_tags(session, "config", "a test", 7, "new_search")
    run_id = training.open_run.fn(session, tags)
    told = {"family": family.kind, "history": recipe.history.label, **parameters}
    tracking.log(run_id, told, fitted.scores, tags)
    return training.register_candidate.fn(session, run_id, snapshot, recipe, fitted, tags)


@pytest.fixture(scope="module")
def version(session):
    return trained(session, Linear(), {"strength": 1.0})


def proof(session, version):
    return reproduction.reproduce_version.fn(session, version.number)


def test_a_version_is_made_again_from_its_records_and_predicts_the_same(session, version):
    cached = session.store.cache_path("fits")
    before = {path: path.stat().st_mtime_ns for path in cached.rglob("*")}
    check = proof(session, version)
    assert check.verdict is Verdict.PASS, check.reason
    assert check.numbers["rows"] == 320
    assert check.numbers["largest"] <= rules.TOLERANCE
    assert {path: path.stat().st_mtime_ns for path in cached.rglob("*")} == before, "the fresh folder is elsewhere"


def test_a_changed_row_is_named(session, version, monkeypatch):
    real = Store.read_snapshot
    monkeypatch.setattr(Store, "read_snapshot", lambda store, one: real(store, replace(one, digest="0" * 64)))
    check = proof(session, version)
    assert check.verdict is Verdict.FAIL
    assert check.reason.startswith("rows: their digest is changed")


def test_a_changed_parameter_is_named(session, version, monkeypatch):
    tags = dict(version.tags)
    tags["keepfit.recipe"] = tags["keepfit.recipe"].replace('"strength": 1.0', '"strength": 0.001')
    monkeypatch.setattr(registry, "version_of", lambda *_: replace(version, tags=tags))
    check = proof(session, version)
    assert check.verdict is Verdict.FAIL
    assert "parameter strength: 0.001 now, 1.0 on record" in check.reason
    assert "predictions: up to " in check.reason


def test_another_version_of_a_library_is_named(session, version, monkeypatch):
    now = [f"{line.split('==')[0]}==0.0.1" if line.startswith("scipy") else line
           for line in provenance.model_requirements()]  # fmt: skip
    monkeypatch.setattr(provenance, "model_requirements", lambda: now)
    check = proof(session, version)
    assert check.verdict is Verdict.FAIL
    assert check.reason.startswith("library scipy: 0.0.1 now, ")
    assert "predictions" not in check.reason


def test_a_changed_seed_is_named_though_no_parameter_shows_it(session, version):
    recipe = replace(versions.recipe_of(version), seed=8)
    then = reproduction._recorded(session, version)
    assert rules.differences(then, reproduction._standing(then, versions.recipe_of(version), then.snapshot)) == []
    (told,) = rules.differences(then, reproduction._standing(then, recipe, then.snapshot))
    assert told.startswith("recipe: its key is")


def test_a_model_file_that_fits_its_tag_and_not_its_records_is_seen(session, version):
    """Another model under the same records: the file's own digest agrees, its predictions do not."""
    other = trained(session, Linear(), {"strength": 0.0001})
    mixed = replace(version, number=other.number, tags={**version.tags, "keepfit.sha256": other.sha256})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "version_of", lambda *_: mixed)
        assert proof(session, mixed).reason.startswith("predictions: up to ")


def test_records_that_differ_in_several_things_name_each_of_them():
    then = Records("a" * 64, "k", {"depth": 3, "gone": 1}, {"numpy": "2.0"}, "code")
    now = Records("b" * 64, "l", {"depth": 4, "new": 2}, {"numpy": "2.1"}, "other")
    told = rules.differences(then, now)
    assert [one.split(":")[0] for one in told] == [
        "rows", "parameter depth", "parameter gone", "parameter new", "library numpy",
    ]  # fmt: skip
    assert rules.differences(then, then) == []
    assert rules.differences(then, replace(then, code="x"))[0].startswith("code: ")


@pytest.mark.parametrize(("apart", "verdict"), [(0, Verdict.PASS), (0.9e-6, Verdict.PASS), (1.1e-6, Verdict.FAIL)])
def test_predictions_are_equal_within_the_stated_tolerance(apart, verdict):
    then = np.array([100.0, -3.0])
    assert rules.judge_reproduction([], then, then + np.array([0, 100 * apart])).verdict is verdict
    assert rules.judge_reproduction([], np.array([]), np.array([])).verdict is Verdict.UNKNOWN
    assert rules.judge_reproduction([], then, np.array([np.nan, 1])).verdict is Verdict.FAIL


def test_a_row_is_followed_to_its_raw_file_and_its_prediction_to_what_taught_the_model(session, version):
    scored = pd.DataFrame({"_row_id": ["r7"], "_event_time": [START], "_batch_id": ["b"], "prediction": [0.25],
                           "model_version": [version.number], "scored_at": [START]})  # fmt: skip
    session.store.append("predictions", scored, f"b@{version.number}")
    for kind, key in (("training", "t"), ("promotion", "p")):
        told = {"version": version.number, "sha256": version.sha256, "replaces": None}
        session.record(Decision(key, "p", kind, Verdict.PASS, "promoted", "", START, None, told))
    steps = lineage.lineage_of(session, "r7")
    assert [name for name, _ in steps] == [
        "row", "batch", "raw file", "label", "label batch", "raw file", "prediction", "version", "run", "snapshot",
        "training batches",
    ]  # fmt: skip
    told = dict(steps)
    assert open(told["raw file"], "rb").read() == RAW  # noqa: PTH123, SIM115 - the very file
    assert hashlib.sha256(RAW).hexdigest() in told["raw file"]
    assert told["prediction"].startswith(f"0.25 by version {version.number}")
    assert version.run_id in told["run"]
    assert told["version"] == f"{version.number}, champion by decision 2, SHA-256 {version.sha256[:12]}…"
    assert told["training batches"] == "2026.csv"
    assert lineage.lineage_of(session, "r8")[-1] == ("prediction", "none: no version has scored this row")


@pytest.mark.parametrize("privacy", [None, "mail"], ids=["plain", "pseudonymised"])
def test_a_row_is_named_by_its_id_or_by_the_value_of_its_id_column_delivered_or_asked_about(session, tmp_path, privacy):
    keys, who = read_keys("k2:" + "t" * 32 + ",k1:" + "s" * 32), "Ann@Example.org"
    place = replace(session, store=Store(str(tmp_path / "store"), "p"), keys=keys)
    column = Column(name="who", role="id", type="string", privacy=privacy)
    stored = keys.pseudonym(canonical(who, "mail"), "mail", "k1") if privacy else who
    rows = {name: row_id_of(name) for name in (stored, "another")}
    kept = {"_event_time": START, "_ingested_at": START}
    place.store.append("events", pd.DataFrame({"_row_id": [rows["another"]], "_batch_id": "b", **kept}), "b")
    with pytest.raises(NotFound, match=r"no accepted row 'Ann@Example\.org'\. Name it by the value of its id column"):
        lineage.row_named(place, [column], who)
    place.store.append("requests", pd.DataFrame({"_row_id": [rows[stored]], "_batch_id": "online-1", **kept}), "c")
    for name in (who, rows[stored]):
        assert lineage.row_named(place, [column], name) == rows[stored]
    assert lineage.lineage_of(place, rows[stored]) == [
        ("request", f"{rows[stored]}, asked about online in online-1, {START:%Y-%m-%d %H:%M} UTC"),
        ("prediction", "none: no version has scored this row"),
    ]
    assert lineage.row_named(place, [], rows["another"]) == rows["another"], "also where no column names it"


def test_without_the_registry_the_rest_of_the_lineage_is_told(session, version, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    told = dict(lineage.lineage_of(session, "r7"))
    assert "its records are not known now" in told["version"]
    assert told["raw file"]


def test_what_came_of_it_stands_in_the_journal_as_a_proof_of_the_version(session, version):
    setup = Setup()
    before = ml_test_score(known_of(session, version, setup)).points["infrastructure"]["Infra 1"]
    reproduction.record_reproduction.fn(session, version.number, proof(session, version))
    after = ml_test_score(known_of(session, version, setup)).points["infrastructure"]["Infra 1"]
    assert (before.worth, after.worth) == (0.5, 1.0)
    assert "keepfit explain" in after.proof
