"""Two sources make one table of events through the real flow: exactly, once, and wherever the process is killed."""

import json
import shutil
import subprocess
import sys

import pytest

from benchmarks.ground import PIPELINE
from config.load import load_pipeline
from config.opening import open_pipeline
from config.settings import PROJECT, load_settings
from tasks import erasure, verification
from tasks.adapters import erasures
from tasks.adapters.faults import JOIN_POINTS
from tasks.lineage import lineage_of, row_named
from tests.flows import joined_home
from tests.flows.joined_home import FIRST, SECOND

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
POINTS = [*JOIN_POINTS, "ingestion.published:1", "ingestion.published.batches:2", "ingestion.published.events"]
WANTED = {
    "before": (None, None), "measured, not published": (None, None), "at its publication": (1.5, "clear"),
    "newer not known": (1.5, "clear"), "newer known": (4.5, "rain"), "other place": (7.25, None),
    "too old": (None, None), "nowhere": (None, None),
}  # fmt: skip


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    home = tmp_path_factory.mktemp("joined") / "home"
    joined_home.build(home)
    joined_home.ingest(home, FIRST)
    return home


@pytest.fixture
def home(ingested, tmp_path):
    return shutil.copytree(ingested, tmp_path / "home")


def state(home):
    """What the tables say that does not depend on when or how often the flow ran, and whether all of it adds up."""
    with joined_home.running(home):
        session = open_pipeline(PIPELINE, FIRST, "reading")[1]
        assert verification._check_batches(session) == []
        assert session.store.staged() == []
        events = session.store.read("events").sort_values("id")
        names = ["kind", "delivered", "accepted", "quarantined"]
        told = events[["id", "degrees", "sky"]].astype(object)
        return {
            "events": told.where(told.notna(), None).to_numpy().tolist(),
            "joined": sorted(session.store.read("joined_weather")["_row_id"]),
            "labels": len(session.store.read("labels")),
            "quarantine": sorted(session.store.read("quarantine")["rule"]),
            "batches": sorted(map(tuple, session.store.read("batches", names).to_records(index=False).tolist())),
            "journal": sorted(one.decision.key for one in session.journal.entries("ingestion")),
        }  # fmt: skip


def test_each_event_gets_the_newest_row_that_was_there_and_known_and_each_source_adds_up(ingested):
    found = state(ingested)
    assert {name: (degrees, sky) for name, degrees, sky in found["events"]} == WANTED
    assert found["batches"] == [("events", 8, 8, 0), ("joined_weather", 7, 3, 4)]
    assert found["quarantine"] == [
        "ExpectCompoundColumnsToBeUnique", "ExpectCompoundColumnsToBeUnique", "required:place", "type:temperature",
    ]  # fmt: skip
    assert len(found["journal"]) == 2


def test_killed_between_publications_and_run_again_everything_stands_once(ingested, tmp_path):
    homes = {point: tmp_path / str(number) / "home" for number, point in enumerate(POINTS)}
    for home in homes.values():
        joined_home.build(home)
    given = json.dumps({point: str(home) for point, home in homes.items()})
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.joined_home", given],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split() for line in done.stdout.splitlines() if line.startswith("ingestion.")] == [
        [point, str(run), code] for point in POINTS for run, code in enumerate(("-9", "0", "0"))
    ]
    for point, home in homes.items():
        assert state(home) == state(ingested), point
        assert (home / "told-2").read_text("utf-8") == "", point


def test_a_row_that_comes_late_changes_no_event_that_is_in_and_is_there_for_those_that_follow(home):
    late = "place;measured;published;temperature;sky\nsouth;2024-01-01 10:00;2024-01-01 11:00;9.75;fog\n"
    (home / "weather" / "late.csv").write_text(late, "utf-8")
    joined_home.put(home, "two.csv", [("again", "2024-01-01T19:00:00Z", "south", "5")])
    assert joined_home.ingest(home, SECOND) == ["late.csv: accepted", "two.csv: accepted"]
    found = {name: (degrees, sky) for name, degrees, sky in state(home)["events"]}
    assert found == WANTED | {"again": (9.75, "fog")}
    with joined_home.running(home):
        config, session = open_pipeline(PIPELINE, SECOND, "reading")
        steps = lineage_of(session, row_named(session, config.columns, "again"))
    at = [name for name, _ in steps].index("joined weather")
    assert "delivery late.csv" in steps[at][1]
    assert steps[at + 1][0] == "raw file"


def test_an_event_without_a_row_is_set_aside_where_the_file_says_so(tmp_path):
    home = tmp_path / "home"
    joined_home.build(home)
    text = (home / "p.yaml").read_text("utf-8")
    (home / "p.yaml").write_text(text.replace("max_age: 3d", "max_age: 3d\n    missing: quarantine"), "utf-8")
    joined_home.ingest(home, FIRST)
    found = state(home)
    assert {name for name, *_ in found["events"]} == {name for name, (degrees, _) in WANTED.items() if degrees}
    assert found["quarantine"].count("join:weather") == 4


def test_no_delivery_passes_of_which_no_event_finds_a_row(tmp_path):
    home = tmp_path / "home"
    joined_home.build(home)
    (home / "weather" / "jan.csv").unlink()
    assert joined_home.ingest(home, FIRST) == ["one.csv: quarantined"]
    joined_home.build(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "weather" / "jan.csv", home / "weather")
    assert joined_home.ingest(home, SECOND) == ["jan.csv: accepted"]


@pytest.mark.parametrize("policy", ["refuse", "by_id", "by_name"])
def test_what_comes_again_of_a_key_and_time_counts_as_the_file_says(home, policy):
    text = (home / "p.yaml").read_text("utf-8")
    more = f"max_age: 3d\n    corrections: {policy}"
    (home / "p.yaml").write_text(text.replace("max_age: 3d", more), "utf-8")
    again = "place;measured;published;temperature;sky\nnorth;2024-01-01 12:00;2024-01-01 20:00;-3;snow\n"
    (home / "weather" / "jan.csv").write_text(again, "utf-8")
    joined_home.put(home, "two.csv", [("a", "2024-01-01T19:00:00Z", "north", "5"),
                                      ("b", "2024-01-01T12:00:00Z", "north", "5")])  # fmt: skip
    joined_home.ingest(home, SECOND)
    found = {name: degrees for name, degrees, _ in state(home)["events"]}
    assert (found["a"], found["b"]) == {"refuse": (4.5, 1.5), "by_id": (-3, 1.5), "by_name": (-3, None)}[policy]
    assert found["newer known"] == 4.5  # what is in keeps what was known when it came


def test_a_person_who_is_the_key_leaves_the_joined_table_and_its_raw_delivery(tmp_path, monkeypatch):
    home, who = tmp_path / "home", "customer-0017"
    joined_home.build(home)
    text = (home / "p.yaml").read_text("utf-8")
    (home / "p.yaml").write_text(text.replace("metric: mae", "metric: mae\nprivacy: {subject: station}"), "utf-8")
    for folder in ("trips", "weather"):
        for path in (home / folder).iterdir():
            path.write_text(path.read_text("utf-8").replace("north", who), "utf-8")
    joined_home.ingest(home, FIRST)
    monkeypatch.setenv("KEEPFIT_PRIVACY_KEYS", "k1:" + "s" * 32)
    with joined_home.running(home):
        config, session = load_pipeline(PIPELINE, load_settings()), open_pipeline(PIPELINE, SECOND, "erase")[1]
        traces = erasure.traces_of(session, who, config.columns, "station", config.labels, config.suite.joins)
        readers = {"events": config.source.read, "joined_weather": config.joins[0].source.read}
        assert len(list((session.store.folder / "raw").iterdir())) == 2
        plan = erasures.plan(session.store, "k1.x", 0, traces, readers, {})
        assert plan.rows() == {"events": 6, "labels": 6, "joined_weather": 2}
        erasures.carry_out(session.store, plan, readers, home / "answers")
        assert len(session.store.read("joined_weather")) == 1
        assert len(session.store.read("events")) == 2
        held = b"".join(path.read_bytes() for path in session.store.folder.rglob("*") if path.is_file())
        assert who.encode() not in held
    state(home)
