"""Records of ours in which somebody wrote: nothing runs, and each is made anew or refused with one of our messages."""

import json
import sys
import zlib
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.opening import open_pipeline
from config.settings import stack_addresses
from deployments.commands import runs
from deployments.serving import verified
from deployments.serving.following import Follower
from deployments.stack.state import StackState, read_state, try_lock, write_state
from tasks import online, verification
from tasks.adapters import answers, erasure_requests, fits, rehearsals
from tasks.adapters.journal import Journal
from tasks.adapters.registry import MODEL_FILE, ModelVersion, file_sha256
from tasks.adapters.sources import fetched
from tasks.adapters.store import Store
from tasks.core import rehearsal
from tasks.core.championship import Reign, reign
from tasks.core.columns import Column
from tasks.core.errors import ArtefactMismatch, ConfigInvalid, KeepfitError
from tasks.core.invariants import breaches_answered, receipt_passes
from tasks.core.online import Answer, log_line, silent_line
from tasks.core.privacy.erasure import Plan
from tasks.core.privacy.protection import Protection
from tasks.core.results import Decision, Snapshot, Verdict, Window
from tasks.core.schema_changes import columns_before
from tasks.session import Session
from tasks.versions import facts_of, recipe_of, tags_of
from tests.tasks.adapters.hostile import EVIL, damaged, hostile, spoilt
from tests.tasks.adapters.test_fits import KEY, RECIPE
from tests.tasks.adapters.test_fits import rows as fitted_rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=9), NOW)
SNAPSHOT = Snapshot("p", 3, 4, WINDOW, NOW, 300, "digest")


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    """A module `evil` can be imported, and leaves a mark."""
    (tmp_path / "evil.py").write_text(EVIL.format(mark=str(tmp_path / "executed")))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    yield
    assert not (tmp_path / "executed").exists()


def refusal(act, *given):
    """What we say instead; "" where it is done."""
    try:
        act(*given)
    except KeepfitError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    store = Store(str(tmp_path_factory.mktemp("made")), "p")
    return store, fits.make(store, KEY, fitted_rows(), RECIPE)


def test_a_fit_is_found_whole_or_not_at_all(made):
    store, fitted = made
    path = store.cache_path("fits", KEY) / "fit.json"
    sound = path.read_bytes()
    for name, content in hostile(json.loads(sound)).items():
        path.write_bytes(content)
        found = fits.find(store, KEY, RECIPE)
        if found is not None:
            tags = tags_of(found.sha256, found, SNAPSHOT, RECIPE)
            assert facts_of(ModelVersion(1, "run", tags)).key == KEY, name
    path.write_bytes(sound)
    assert fits.find(store, KEY, RECIPE) == fitted


def test_what_a_fit_predicted_is_read_whole_or_not_at_all(made):
    store, _ = made
    path = store.cache_path("fits", KEY) / "evaluation.parquet"
    sound = path.read_bytes()
    for content in [*damaged({}).values(), sound[:-9], sound[: len(sound) // 2]]:
        path.write_bytes(content)
        assert fits.evaluation(store, KEY) is None
    for table in ({"a": [1]}, {"_row_id": ["r"], "prediction": ["evil.Thing"], "dummy": [0.5]}):
        pq.write_table(pa.table(table), path)
        assert fits.evaluation(store, KEY) is None
    path.write_bytes(sound)
    assert len(fits.evaluation(store, KEY)) > 0


def test_a_rehearsal_that_cannot_be_read_is_fitted_anew(tmp_path, made, monkeypatch):
    store, _ = made
    folder = tmp_path / "rehearsal"
    monkeypatch.setattr(rehearsal, "train", lambda *_: pytest.fail("fitted"))
    rehearsals._keep(folder, rehearsal.Trained(fits.load(store, KEY), RECIPE, 1.0), 0, 1.0)
    sound = json.loads((folder / "fit.json").read_bytes())
    assert rehearsals._find(folder, [RECIPE]).seconds == 1.0
    for content in hostile(sound).values():
        (folder / "fit.json").write_bytes(content)
        found = rehearsals._find(folder, [RECIPE])
        assert found is None or found.recipe == RECIPE


def test_tags_are_read_whole_or_refused(made):
    _, fitted = made
    tags = tags_of(fitted.sha256, fitted, SNAPSHOT, RECIPE)
    refused = 0
    for tag, text in tags.items():
        sound = json.loads(text) if text.startswith("{") else text
        contents = hostile(sound) if isinstance(sound, dict) else damaged({})
        for content in contents.values():
            version = ModelVersion(1, "run", tags | {tag: content.decode("utf-8", "surrogateescape")})
            if told := refusal(recipe_of, version):
                assert "keepfit run training" in told
                refused += 1
                continue
            facts, recipe = facts_of(version), recipe_of(version)
            assert isinstance(facts.snapshot.events_version, int)
            assert facts.snapshot.window.start < facts.snapshot.as_of + timedelta(days=10**5)
            assert recipe.metric == "roc_auc"
            assert recipe.as_text()
    assert refused > 200


def test_what_stands_beside_a_served_copy_is_believed_whole_or_fetched_anew(tmp_path, made):
    store, fitted = made
    folder = tmp_path / "models"
    folder.mkdir()
    path = folder / f"{fitted.sha256}.skops"
    path.write_bytes((store.cache_path("fits", KEY) / MODEL_FILE).read_bytes())
    told = {"number": 1, "run_id": "r", "tags": tags_of(fitted.sha256, fitted, SNAPSHOT, RECIPE)}
    wanted, beside = Reign(1, None, file_sha256(path), 1), path.with_suffix(".json")
    for content in [json.dumps(told).encode(), *hostile(told).values()]:
        beside.write_bytes(content)
        found = verified._kept(folder, wanted)
        assert found is None or facts_of(found[1]).features == RECIPE.features
    beside.write_bytes(json.dumps(told).encode())
    assert verified._kept(folder, wanted) is not None


def change(journal, of="promotion", **changed):
    """Put other values into the file of the journal's entry of a kind."""
    files = sorted(Path(journal.store.uri("decisions")).glob("*.parquet"))
    file = next(one for one in files if pq.read_table(one)["kind"].to_pylist() == [of])
    table = pq.read_table(file)
    pq.write_table(pa.Table.from_pylist([table.to_pylist()[0] | changed], schema=table.schema), file)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(Store(str(tmp_path / "store"), "p"))
    for number, kind in enumerate(["monitoring", "promotion"]):
        evidence = {"version": 1, "sha256": "a" * 64, "replaces": None, "gates": [], "rows": 3}
        told = Decision(f"k{number}", "p", kind, Verdict.PASS, "promoted", "better", NOW, WINDOW, evidence, "run")
        journal.record(told, NOW)
    return journal


def test_an_entry_that_was_changed_makes_nobody_champion(journal):
    sound = dict(journal.entries()[-1].decision.evidence)
    assert reign(journal.entries()).champion == 1
    texts = {name: content.decode("utf-8", "replace") for name, content in hostile(sound).items()
             if content != json.dumps(sound).encode()}  # fmt: skip
    # Deep enough for our walk over it, and not for the parser: which depth that is differs from one Python to the next.
    texts |= {f"{depth} deep": '{"a":' * depth + "1" + "}" * depth for depth in (400, 470, 900)}
    columns = [{"evidence": text} for text in texts.values()]
    columns += [{name: None} for name in ("key", "pipeline", "kind", "verdict", "outcome", "reason", "evidence", "hash",
                                          "previous_hash", "as_of", "recorded_at", "sequence")]  # fmt: skip
    columns += [{"verdict": "evil.Thing"}, {"outcome": "x"}, {"hash": "x"}, {"window_end": None}, {"sequence": 7}]
    files = {file: file.read_bytes() for file in Path(journal.store.uri("decisions")).glob("*.parquet")}
    for changed in columns:
        change(journal, **changed)
        told = journal.verify()
        assert told, changed
        assert all(len(line) < 400 for line in told)
        with pytest.raises(ArtefactMismatch, match=r"Restore the store from a backup"):
            reign(journal.entries())
        for file, content in files.items():
            file.write_bytes(content)
    assert journal.verify() == []


@pytest.mark.parametrize("kind", ["monitoring", "promotion"])
def test_a_changed_entry_is_one_message_wherever_people_look(kind, tmp_path, monkeypatch, capsys):
    for name in ("HOME", "STORE"):
        monkeypatch.setenv(f"KEEPFIT_{name}", str(tmp_path / name.lower()))
    told = Decision(
        "t", "subscriptions", "monitoring", Verdict.FAIL, "triggered", "x", NOW, WINDOW, {"token": "t"}, "run"
    )
    whole = Journal(Store(str(tmp_path / "store"), "subscriptions"))
    outcomes = {"monitoring": "triggered", "promotion": "promoted"}
    for number, one in enumerate(outcomes):
        evidence = {"version": 1, "sha256": "a" * 64, "token": "t", "remedy": "retrain", "gates": []}
        whole.record(replace(told, key=f"k{number}", kind=one, outcome=outcomes[one], evidence=evidence), NOW)
    config, session = open_pipeline("subscriptions", NOW, "run")
    follower = Follower(config, session, tmp_path / "models" / "champions")
    sound = dict(whole.entries()[0].decision.evidence)
    for content in hostile(sound).values():
        change(whole, kind, evidence=content.decode("utf-8", "replace"))
        checks = [
            verification._answer("I8", lambda s: breaches_answered(s.journal.entries()), session),
            verification._answer("I10", lambda s: s.journal.verify(), session),
            verification._answer("I3", lambda s: receipt_passes(*verification._entries_and_reign(s)), session),
        ]
        if checks[1].passed:
            assert json.loads(content) == sound
            continue
        said = refusal(runs.explain, "subscriptions", "1") or " ".join(capsys.readouterr().out.split())
        assert "was changed" in said or "cannot be read" in said, said
        if kind == "promotion":
            follower.look()
            assert "backup" in follower.standing.why
            assert (follower.current, follower.standing.champion) == (None, None)
            assert checks[2].verdict is Verdict.FAIL


def told_columns(text):
    import pandas as pd

    return pd.DataFrame({"kind": ["events"], "accepted": [1], "columns": [text], "_ingested_at": [NOW]})


def test_what_columns_held_before_is_left_out_where_it_cannot_be_read():
    assert columns_before(told_columns('{"a": "numbers"}')) == [{"a": "numbers"}]
    for content in hostile({"a": "numbers"}).values():
        for found in columns_before(told_columns(content.decode("utf-8", "replace"))):
            assert all(isinstance(told, str) for told in found.values())


COLUMNS = (
    Column(name="id", role="id", type="string"),
    Column(name="at", role="time", type="datetime"),
    Column(name="spent", role="feature", type="number"),
    Column(name="plan", role="feature", type="category"),
)


def group_of(home, lines):
    folder = answers.folder_of(home, "p") / "group-a"
    folder.mkdir(parents=True)
    whole = (b"%08x %b\n" % (zlib.crc32(line), line) for line in lines if b"\n" not in line)
    (folder / "a.log").write_bytes(b"".join(whole))


def test_a_line_that_is_no_answer_is_set_aside_and_the_others_are_taken_up(tmp_path):
    given = [Answer(f"a{n}", f"r{n}", NOW, 0.5, None, None, [None, NOW, 1.5, "plus"], 1) for n in range(3)]
    line = json.loads(json.dumps(log_line(given, COLUMNS, 1, NOW), default=str))
    silent = json.loads(json.dumps(silent_line(given, [0.4, None, 0.6], {1: "why"}, 2, NOW)))
    session = Session(Store(str(tmp_path / "store"), "p"), "", NOW, "run")
    bad = [json.dumps(told).encode() for sound in (line, silent) for _, told in spoilt(sound)]
    twice = json.dumps(line | {"columns": ["id", "spent", "spent"]}).encode()
    assert online._read([json.dumps(line).encode(), twice], COLUMNS, "x")[1] == 1
    bad += [content for content in damaged(line).values() if b"\n" not in content]
    group_of(tmp_path, [json.dumps(line).encode(), *bad, json.dumps(silent).encode()])
    taken = online.take_up_answers.fn(session, COLUMNS, Protection(), tmp_path)
    assert taken >= 3
    assert set(session.store.read("predictions")["_answer_id"]) >= {"a0", "a1", "a2", "a0@2", "a2@2"}
    (entry,) = session.journal.entries("online")
    assert entry.decision.evidence["damaged"] > 20
    assert list((answers.folder_of(tmp_path, "p") / "damaged").glob("*/*.log"))
    assert not list(answers.folder_of(tmp_path, "p").glob("group-*"))


def test_an_erasure_goes_on_by_its_plan_or_says_that_it_is_damaged(tmp_path):
    store = Store(str(tmp_path / "store"), "p")
    plan = Plan("k1.x", 0, ("ann",), ("r1",), ("who",), None, {"f" * 64: (1, 2)}, (("b", "events", 1),), (("b", 1),),
                ((1, "a", "b", 1),))  # fmt: skip
    assert erasure_requests.request(store, "k1.x", "ann") is None
    assert erasure_requests.planned(store, "k1.x", lambda: plan) == plan
    (path,) = (tmp_path / "store").rglob("*.plan")
    sound, refused = path.read_bytes(), 0
    for content in hostile(json.loads(sound)).values():
        path.write_bytes(content)
        if told := refusal(lambda: erasure_requests.planned(store, "k1.x", lambda: plan)):
            assert "Restore it from a backup" in told
            refused += 1
    assert refused > 100
    path.write_bytes(sound)
    assert erasure_requests.planned(store, "k1.x", lambda: plan) == plan
    path.with_suffix(".request").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigInvalid, match="again"):
        erasure_requests.requested(store, "k1.x")


def test_what_is_remembered_of_the_stack_is_read_whole_or_forgotten(tmp_path):
    state = StackState(addresses={"mlflow": "http://127.0.0.1:1"}, ports={"mlflow": 1})
    write_state(tmp_path, state)
    sound = json.loads((tmp_path / "stack.json").read_bytes())
    with try_lock(tmp_path):
        assert stack_addresses(tmp_path) == state.addresses
        for content in hostile(sound).values():
            (tmp_path / "stack.json").write_bytes(content)
            assert isinstance(read_state(tmp_path), StackState)
            assert all(isinstance(told, str) for told in stack_addresses(tmp_path).values())


def test_what_a_source_said_last_is_read_whole_or_forgotten(tmp_path):
    fetched.private(tmp_path / "inbox")
    fetched.note(tmp_path / "inbox", {"etag": "x"})
    for content in damaged({"etag": "x"}).values():
        (tmp_path / "inbox" / fetched._SEEN).write_bytes(content)
        assert isinstance(fetched.seen(tmp_path / "inbox"), dict)


def test_there_are_enough_of_them():
    assert len(damaged({})) >= 15
    assert len(hostile(asdict(replace(SNAPSHOT, as_of=None, window=None)))) >= 80
