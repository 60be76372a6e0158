"""With `smallest_group` no page, plot, report or model tells of fewer rows: three categories of twelve, played whole.

One is in what the champion learned and in the window, one is new in the window, one is gone from it.
"""

import re
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from benchmarks.ground import PIPELINE, Ground
from tests.e2e.leaks import stands_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
START, DAY = datetime(2024, 1, 1, tzinfo=UTC), timedelta(days=1)
PER_DAY, BEFORE, WINDOW, FEW = 30, 60, 20, 12
STAYS, IS_NEW, IS_GONE = "Hallig Suedfall", "Hallig Habel", "Hallig Norderoog"
COUNTED = f"new category ({FEW} of {PER_DAY * WINDOW} rows)"
WANTED = re.compile("|".join(map(re.escape, (STAYS, IS_NEW, IS_GONE, COUNTED))).encode())
TABLES = [f"store/{PIPELINE}/{name}" for name in ("events", "raw", "cache/references")]
CONFIG = """
pipeline: p
problem: regression
source: {kind: folder, path: in, settle: 0s}
columns:
  - {name: id, role: id, type: string}
  - {name: at, role: time, type: datetime}
  - {name: x, role: feature, type: number}
  - {name: place, role: feature, type: category}
  - {name: y, role: target, type: number}
split: {history: [45d], tuning: 7d, evaluation: 10d, min_rows: 50}
search: {trials: 1}
candidates: [{kind: linear}]
metric: mae
gates: [{kind: sanity}, {kind: beats_dummy}, {kind: beats_champion, margin: 0.0}, {kind: clean_process},
        {kind: slices, columns: [place], search: true}]
drift: {window: 20d}
performance: {window: 20d}
triggers: [{kind: performance}]
validation: {sentinel: warn}
"""


def rows(first: int, days: int, few: dict[str, range]) -> pd.DataFrame:
    """Some days of rows; of the rare places each stands where it is told."""
    rng, count = np.random.default_rng(first), days * PER_DAY
    place = rng.choice(["Kiel", "Bonn", "Ulm"], count).astype(object)
    for name, where in few.items():
        place[list(where)] = name
    x = rng.normal(size=count)
    at = [(START + (first + n / PER_DAY) * DAY).isoformat() for n in range(count)]
    return pd.DataFrame({"id": [f"r{first}-{n}" for n in range(count)], "at": at, "x": x, "place": place,
                         "y": 2 * x + (place == "Kiel") + rng.normal(0, 0.1, count)})  # fmt: skip


def spread(begin: int, step: int) -> range:
    return range(begin, begin + FEW * step, step)


LEARNED = rows(0, BEFORE, {STAYS: spread(480, 80), IS_GONE: spread(481, 80)})  # in the 35 days that are learned from
SEEN = rows(BEFORE, WINDOW, {STAYS: spread(300, 10), IS_NEW: spread(1, 10)})  # the new one is learned from next


@contextmanager
def with_pictures(home):
    """Flows without servers, with all that they show: reports and plots as ever, pages as files of the home."""
    from tasks import reporting
    from tasks.adapters import drift_metrics, drift_reports, plots

    pages = home / "pages"
    pages.mkdir()

    def page(text, **_):
        (pages / f"{len(list(pages.iterdir()))}.md").write_text(text, "utf-8")

    left_out = ((plots, "draw"), (drift_metrics, "measure_drift"), (drift_reports, "save_html"),
                (drift_reports, "publish_report"))  # fmt: skip
    as_ever = [(owner, name, getattr(owner, name)) for owner, name in left_out]
    ground = Ground(home, home.parent)
    with ground.inside(), ExitStack() as stack:
        for owner, name, value in (*as_ever, (reporting, "create_markdown_artifact", page)):
            stack.enter_context(mock.patch.object(owner, name, value))
        yield ground


def play(home, more: str) -> None:
    """Train, deliver the window, score, check, train again, draw the board."""
    from config.board import write_board
    from config.settings import load_settings
    from flows.ingestion import ingestion_flow
    from flows.monitoring import monitoring_flow
    from flows.scoring import scoring_flow
    from flows.training import training_flow

    (home / "in").mkdir(parents=True)
    (home / "p.yaml").write_text(CONFIG + more, "utf-8")
    first, second = START + BEFORE * DAY, START + (BEFORE + WINDOW) * DAY
    with with_pictures(home) as ground:

        def run(flow, moment):
            with ground.run():
                return flow.fn(PIPELINE, moment)

        LEARNED.to_csv(home / "in" / "one.csv", index=False)
        assert run(ingestion_flow, first) == ["one.csv: accepted"]
        assert run(training_flow, first) == (1, "promoted")
        SEEN.to_csv(home / "in" / "two.csv", index=False)
        assert run(ingestion_flow, second) == ["two.csv: accepted"]
        run(scoring_flow, second)
        run(monitoring_flow, second)
        assert run(training_flow, second)[0] == 2
        write_board(load_settings(), second, home / "board.html")


def shown(home) -> dict[str, set[bytes]]:
    """Where any of the wanted stands, outside of the deliveries and the tables that hold their rows."""
    return stands_in(home, WANTED, without=("in", *TABLES))


def test_where_the_file_names_no_smallest_group_the_search_finds_all_that_it_looks_for(tmp_path):
    play(tmp_path / "home", "")
    found = shown(tmp_path / "home")
    assert {one.decode() for seen in found.values() for one in seen} == {STAYS, IS_NEW, IS_GONE, COUNTED}
    for place in ("evidently/", "evidently.html", "model.skops", "pages/", "store/p/decisions"):
        assert any(place in name for name in found), place


def test_with_a_smallest_group_of_twenty_nothing_tells_of_twelve_rows(tmp_path):
    home = tmp_path / "home"
    play(home, "privacy: {smallest_group: 20}\n")
    assert shown(home) == {}
    said = stands_in(home, re.compile(rb"new category \(fewer than 20 of 600 rows\)"))
    assert any(name.startswith("pages/") for name in said), "it is found all the same"
    (report,) = home.glob("evidently/*/snapshots/*.json")
    pictures = report.read_text("utf-8")
    assert "Kiel" in pictures, "what may be shown is shown"
    assert "(other)" in pictures
