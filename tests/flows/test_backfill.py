"""Many deliveries in one run, examined side by side, become to the letter what they become one after the other."""

import json
import logging
import os
import re
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from benchmarks.ground import PIPELINE, Ground
from config.opening import open_pipeline
from config.settings import PROJECT
from flows import ingestion as flow
from tasks import verification
from tasks.core.errors import SourceUnavailable
from tasks.reconciliation import Repairs, _batches
from tests.flows.pools import Pool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MOMENT = datetime(2024, 4, 1, tzinfo=UTC)
CONFIG = """
pipeline: p
problem: binary
positive: "yes"
source: {{kind: folder, path: trips, pattern: "*/*.csv", settle: 0s}}
labels: {{kind: folder, path: labels, pattern: "*/*.csv", settle: 0s, id: trip, label: late, known_at: known}}
columns:
  - {{name: id, role: id, type: string}}
  - {{name: at, role: time, type: datetime}}
  - {{name: station, role: feature, type: category}}
  - {{name: degrees, role: feature, type: number, join: weather.temperature}}
  - {{name: minutes, role: feature, type: number}}
  - {{name: rider, role: protected, type: string, privacy: mail}}
joins:
  - name: weather
    source: {{kind: folder, path: weather, pattern: "*/*.csv", settle: 0s}}
    key: {{station: place}}
    time: {{name: measured}}
    max_quarantined_share: 1
split: {{history: [45d], tuning: 7d, evaluation: 10d}}
validation:
  max_quarantined_share: 0.6
  corrections: {corrections}
  expectations:
    - expect: ExpectColumnValuesToBeBetween
      arguments: {{column: minutes, min_value: 0, max_value: 500}}
    - expect: ExpectColumnMeanToBeBetween
      arguments: {{column: minutes, min_value: 0, max_value: 90}}
      on_fail: warn
metric: roc_auc
runner: {{kind: {kind}, workers: {workers}}}
"""
ELEMENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How Great Expectations names the parts of a page, each time anew."""
TABLES = ("events", "labels", "joined_weather", "quarantine", "batches", "superseded")


def trips(first, seed, rows=150, day=1):
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.uniform(day, day + 9, rows), unit="D")
    return pd.DataFrame({
        "id": [f"t{n}" for n in range(first, first + rows)], "at": times.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "station": rng.choice(["north", "south"], rows), "minutes": rng.gamma(4, 5, rows).round(3).astype(str),
        "rider": [f"rider{n}@example.org" for n in rng.integers(0, 40, rows)],
    })  # fmt: skip


def labels(first, rows, seed):
    rng = np.random.default_rng(seed)
    ids = [f"t{n}" for n in range(first, first + rows)]
    return pd.DataFrame({"trip": ids, "late": rng.choice(["yes", "no"], rows), "known": "2024-03-01T00:00:00Z"})


def weather(seed):
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=60, tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    return pd.concat(
        pd.DataFrame({"place": place, "measured": days, "temperature": rng.normal(seed, 3, 60).round(2)})
        for place in ("north", "south")
    )


def deliveries():
    """By folder and file, in the order of their names: sound and broken, again, corrected, changed, unreadable."""
    bad = trips(1_000, 2, day=10)
    bad.loc[bad.index[:40], "minutes"] = ["soon", "-4", "9999", ""] * 10
    widened = trips(3_000, 4, day=30).assign(operator="acme")
    lost = trips(4_000, 5, day=31).rename(columns={"minutes": "minutes_in_all"})
    tables = {
        "trips/01/jan.csv": trips(0, 1), "trips/02/bad.csv": bad, "trips/03/again.csv": trips(0, 1),
        "trips/04/jan.csv": trips(0, 1).assign(minutes="7.5", station="north"),
        "trips/05/known.csv": pd.concat([trips(1_080, 3, rows=60, day=12), trips(2_000, 6, rows=60, day=12)]),
        "trips/07/widened.csv": widened, "trips/08/lost.csv": lost,
        "trips/09/odd.csv": trips(5_000, 7, day=40).assign(minutes="400"),
        "trips/10/last.csv": trips(6_000, 8, day=45).assign(operator="acme"),
        "labels/1/l1.csv": labels(0, 150, 1), "labels/2/l2.csv": labels(100, 1_100, 2).replace("no", ""),
        "labels/3/l3.csv": labels(1_000, 150, 3), "labels/4/l1.csv": labels(0, 150, 4),
        "weather/1/w1.csv": weather(1), "weather/2/w2.csv": weather(2).replace({"place": {"south": "east"}}),
        "weather/3/w1.csv": weather(3),
    }  # fmt: skip
    texts = {name: table.to_csv(index=False) for name, table in tables.items()}
    texts["trips/06/torn.csv"] = '"id","at"\n"never closed\n'
    return dict(
        sorted(texts.items(), key=lambda one: (["weather", "trips", "labels"].index(one[0].split("/")[0]), one))
    )


@dataclass
class Home:
    """A home of its own in which the real flow runs on a real store, with a pool in the place of Prefect's."""

    folder: Path
    pool: Pool
    runs: int = 0
    keys: str = "k1:" + "a" * 40

    def declare(self, workers=2, corrections="by_id"):
        self.folder.mkdir(parents=True)
        for name in ("trips", "labels", "weather"):
            (self.folder / name).mkdir()
        text = CONFIG.format(kind=self.pool.kind, workers=workers, corrections=corrections)
        (self.folder / f"{PIPELINE}.yaml").write_text(text, "utf-8")
        return self

    def put(self, texts):
        for name, text in texts.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text, "utf-8")

    @contextmanager
    def inside(self):
        ground = Ground(self.folder, self.folder.parent, runs=self.runs)
        self.runs += 1
        with (
            ground.inside(), ground.run(), mock.patch.dict(os.environ, {"KEEPFIT_PRIVACY_KEYS": self.keys}),
            mock.patch.object(flow, "task_runner", self.pool),
            mock.patch.object(flow, "reconcile", lambda session: Repairs(tuple(_batches(session)), ())),
            mock.patch("tasks.ingestion.get_run_logger", return_value=logging.getLogger("tasks.ingestion")),
        ):  # fmt: skip
            yield

    def ingest(self):
        with self.inside():
            return flow.ingestion_flow.fn(PIPELINE, MOMENT)

    def state(self):
        """Every table but its order of rows, every decision in order, and every page of the Data Docs."""
        with self.inside():
            session = open_pipeline(PIPELINE, MOMENT, "reading")[1]
            assert verification._check_batches(session) == []
            assert session.store.staged() == []
            tables = {}
            for name in TABLES:
                rows = session.store.read(name)
                tables[name] = rows.sort_values(list(rows), ignore_index=True)[sorted(rows)]
            journal = [_told(one.decision) for one in session.journal.entries("ingestion")]
            pages = self.folder / "data_docs" / PIPELINE / "pages"
            docs = {
                str(path.relative_to(pages)): ELEMENT.sub("", path.read_text("utf-8")) for path in pages.rglob("*.html")
            }
            return tables, journal, docs


def _told(one):
    return [one.key, str(one.verdict), one.outcome, one.reason, one.as_of, str(one.window),
            json.dumps(one.evidence, default=str, sort_keys=True)]  # fmt: skip


def same(one, other):
    for name in TABLES:
        pd.testing.assert_frame_equal(one[0][name], other[0][name])
    assert one[1] == other[1]
    assert one[2].keys() == other[2].keys()
    assert [name for name in one[2] if one[2][name] != other[2][name]] == []
    return True


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    """What each way of correcting makes of the deliveries in as many runs, in the flow's own process."""
    found = {}

    def states(corrections):
        if corrections not in found:
            home = Home(tmp_path_factory.mktemp(corrections) / "home", Pool()).declare(corrections=corrections)
            for name, text in deliveries().items():
                home.put({name: text})
                home.ingest()
            assert home.pool.started == 0, "one delivery at a time needs no pool"
            found[corrections] = home.state()
        return found[corrections]

    return states


def test_what_is_compared_holds_every_kind_of_outcome(one_by_one):
    tables, journal, docs = one_by_one("by_id")
    rules = " ".join(tables["quarantine"]["rule"])
    for rule in ("type:minutes", "ExpectColumnValuesToBeBetween:minutes", "batch:columns", "batch:", "required:late"):
        assert rule in rules, rule
    assert len(journal) == len(deliveries()) - 1, "the same content is taken in once"
    reasons = " ".join(told[3] for told in journal)
    for words in ("operator is new", "renamed?", "warning"):
        assert words in reasons, words
    assert len(tables["superseded"])
    assert tables["events"]["degrees"].notna().any()
    assert tables["events"]["rider"].str.startswith("k1.").all()
    assert len(docs) > 10


@pytest.mark.parametrize(("corrections", "workers"), [("by_id", 2), ("by_name", 3), ("refuse", 2)])
def test_threads_give_to_the_letter_what_one_run_per_delivery_gives(one_by_one, tmp_path, corrections, workers):
    pool = Pool("threads", workers)
    home = Home(tmp_path / "home", pool).declare(workers, corrections)
    home.put(deliveries())
    home.ingest()
    assert same(home.state(), one_by_one(corrections))
    assert len(pool.asked) == len(deliveries()) - 1
    assert max(pool.held) <= workers + 1, "as many as there are workers, and the one that is judged"
    assert (pool.started, pool.ended) == (1, 1)
    assert home.ingest() == []


def test_processes_give_it_too(one_by_one, tmp_path):
    pool = Pool("processes")
    home = Home(tmp_path / "home", pool).declare()
    home.put(deliveries())
    home.ingest()
    assert same(home.state(), one_by_one("by_id"))
    assert max(pool.held) <= 3
    assert (pool.started, pool.ended) == (1, 1)


def test_a_slow_first_delivery_is_waited_for(one_by_one, tmp_path):
    pool = Pool(after={"jan.csv": "bad.csv"})
    home = Home(tmp_path / "home", pool).declare()
    home.put(deliveries())
    home.ingest()
    assert pool.answered.index("bad.csv") < pool.answered.index("jan.csv"), "the second one was ready first"
    assert same(home.state(), one_by_one("by_id"))


def test_what_fails_ahead_fails_in_its_turn_and_the_next_run_goes_on(one_by_one, tmp_path):
    pool = Pool("threads", 3, failing={"widened.csv": BrokenProcessPool("a worker died")})
    home = Home(tmp_path / "home", pool).declare(3)
    home.put(deliveries())
    with pytest.raises(BrokenProcessPool):
        home.ingest()
    with home.inside():
        session = open_pipeline(PIPELINE, MOMENT, "reading")[1]
        taken = list(session.store.read("batches")["name"])
        assert sorted(taken) == ["bad.csv", "jan.csv", "jan.csv", "known.csv", "torn.csv", "w1.csv", "w1.csv", "w2.csv"]
        assert "odd.csv" in pool.asked, "it was asked about already"
        assert session.leases.live() == []
    assert (pool.started, pool.ended) == (1, 1)
    pool.failing = {}
    assert home.ingest()[0] == "widened.csv: accepted"
    tables, journal, docs = home.state()
    assert same((tables, [one for one in journal if one[2] != "failed"], docs), one_by_one("by_id"))


@pytest.mark.parametrize("point", ["ingestion.raw_kept:6", "ingestion.validated:5", "ingestion.published.events:2"])
def test_killed_anywhere_and_run_again_everything_stands_once(one_by_one, tmp_path, point):
    home = Home(tmp_path / "home", Pool("threads", 3)).declare(3)
    home.put(deliveries())
    program = "import sys; from tests.flows.test_backfill import killed; killed(sys.argv[1])"
    died = subprocess.run(
        [sys.executable, "-c", program, str(home.folder)], cwd=PROJECT, env=os.environ | {"KEEPFIT_FAULT": point},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert died.returncode == -9, died.stderr[-4000:]
    home.runs = 1  # another run than the one that was killed
    home.ingest()
    assert same(home.state(), one_by_one("by_id"))


def killed(folder):
    """In a process of its own: the ingestion of the home that stands there."""
    home = Home(Path(folder), Pool("threads", 3))
    home.ingest()


def test_a_delivery_that_cannot_be_kept_fails_after_those_before_it(tmp_path):
    home = Home(tmp_path / "home", Pool("threads", 3)).declare(3)
    home.put({name: text for name, text in deliveries().items() if name.startswith(("weather/1", "trips/"))})
    with home.inside():
        config, session = open_pipeline(PIPELINE, MOMENT, "me")
        ready = list(config.source.listing(home.folder).ready)[:4]
        ready.insert(2, home.folder / "trips" / "gone.csv")
        with (
            session.leases.hold(f"ingestion/{PIPELINE}", "me") as lease,
            flow.Ahead(lambda: home.pool, home.pool.workers) as ahead,
            pytest.raises(SourceUnavailable),
        ):
            list(flow._ingest_events(flow._Run(config, session, lease, ahead=ahead), ready))
        assert set(session.store.read("batches")["name"]) == {"jan.csv", "bad.csv"}
        assert home.pool.ended == 1


@pytest.mark.parametrize(("workers", "keys"), [(1, "k1:" + "a" * 40), (2, "k2:" + "b" * 40 + ",k1:" + "a" * 40)])
def test_in_turn_where_one_worker_is_asked_for_and_where_people_may_have_an_older_name(tmp_path, workers, keys):
    home = Home(tmp_path / "home", Pool(), keys=keys).declare(workers)
    home.put({name: text for name, text in deliveries().items() if name.startswith(("trips/01", "trips/02", "labels"))})
    assert len(home.ingest()) == 6
    assert home.pool.asked == []
    assert home.pool.started == 0
