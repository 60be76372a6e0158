"""Pictures of a drift report show no small group, what was measured stays, and without a number nothing changes."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tasks.adapters.drift_metrics import measure_drift
from tasks.adapters.drift_plots import without_small_groups
from tasks.adapters.drift_reports import save_html
from tasks.core.drift import Drift


def side(seed, few):
    rng = np.random.default_rng(seed)
    plan = rng.choice(["gold", "silver", "bronze"], 900).astype(object)
    plan[:few] = "Hallig"
    return pd.DataFrame({"plan": plan, "x": rng.normal(size=900), "flag": np.arange(900) < few, "one": 4.2})


@pytest.fixture(scope="module")
def measured():
    return measure_drift(
        side(1, 12), side(2, 7), numerical=["x", "flag", "one"], categorical=["plan"], config=Drift(), seed=1
    )


def bars(measured):
    """The counts of all bars, by column."""
    from evidently.legacy.utils import NumpyEncoder

    found = {}
    for result in measured.snapshot.to_snapshot_model().metric_results.values():
        text = json.loads(json.dumps([widget.dict() for widget in result.widget], cls=NumpyEncoder))
        traces = [trace for widget in text for tab in widget["tabs"] for trace in tab["widget"]["params"]["data"]]
        absolute = [trace for trace in traces if trace.get("visible") is not False]
        found[result.metric_value_location.metric.params["column"]] = [list(map(float, t["y"])) for t in absolute]
    return found


def test_every_bar_stands_for_enough_rows_or_none(measured):
    plain, shown = bars(measured), bars(without_small_groups(measured, 20))
    assert {name: len(sides) for name, sides in shown.items()} == {"plan": 2, "x": 2, "flag": 2, "one": 2}
    for name, sides in shown.items():
        for counts in sides:
            assert sum(counts) == 900, name
            assert not [count for count in counts if 0 < count < 20], name
    assert [0 < count < 20 for sides in plain.values() for counts in sides for count in counts].count(True) > 6


def test_distances_verdicts_and_texts_stay(measured, tmp_path):
    shown = without_small_groups(measured, 20)
    assert (shown.distances, shown.noise, shown.failures) == (measured.distances, measured.noise, measured.failures)
    assert shown.pairs is measured.pairs
    scores = []
    for name, answer in (("plain", measured), ("shown", shown)):
        save_html(answer, tmp_path / name)
        page = (tmp_path / name).read_text("utf-8")
        scores.append(re.findall(r"Drift score: [0-9.]+", page))
        assert ("Hallig" in page) == (name == "plain")
        assert "silver" in page
    assert scores[0] == scores[1]
    assert len(scores[0]) >= 4


def test_a_side_of_too_few_rows_has_no_picture(measured):
    few = measure_drift(side(1, 12), side(2, 7)[:40], numerical=["x"], categorical=["plan"], config=Drift(), seed=1)
    assert bars(without_small_groups(few, 41)) == {"plan": [], "x": []}
    assert len(bars(without_small_groups(few, 40))["x"]) == 2


def test_without_a_number_or_without_anything_measured_it_is_what_it_was(measured):
    assert without_small_groups(measured, 0) is measured
    nothing = measure_drift(side(1, 1), side(1, 1)[:0], numerical=["x"], categorical=[], config=Drift(), seed=1)
    assert without_small_groups(nothing, 20) is nothing
