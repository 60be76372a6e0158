"""Evidently behind our adapter: our distances, one bad column alone, nothing personal, one history per pipeline."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.adapters.drift_metrics import measure_drift, measure_performance
from tasks.adapters.drift_reports import CHAMPION, DRIFTED_SHARE, ROWS, ReportFacts, publish_report, save_html
from tasks.core.distances import distance
from tasks.core.drift import Drift, judge_drift
from tasks.core.results import Verdict

AS_OF = datetime(2025, 3, 1, tzinfo=UTC)
CANARY_NUMBER = 48_613.927154


def frame(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "_row_id": [f"row-{seed}-{i}" for i in range(n)],
            "amount": rng.normal(shift, 1, n),
            "income": rng.lognormal(7, 1, n),
            "plan": rng.choice(["gold", "silver", "bronze"], n, p=[0.2, 0.3, 0.5] if not shift else [0.5, 0.3, 0.2]),
            "city": [f"city{i}" for i in rng.integers(0, 40, n)],
            "email": [f"person{i}.{seed}@example.com" for i in range(n)],
            "secret": "not asked for",
            "score": rng.beta(2, 5, n),
        }
    )


NUMERICAL, CATEGORICAL = ["amount", "income", "score"], ["plan", "city", "email"]


@pytest.fixture(scope="module")
def measured():
    current = frame(400, 2, shift=0.5)
    current.loc[3, "income"], current.loc[4, "income"] = CANARY_NUMBER, -CANARY_NUMBER
    return measure_drift(
        frame(3_000, 1),
        current,
        numerical=NUMERICAL,
        categorical=CATEGORICAL,
        config=Drift(),
        seed=3,
        prediction="score",
    )


@pytest.mark.parametrize(
    ("numerical", "categorical"), [("wasserstein", "jensenshannon"), ("jensenshannon", "psi"), ("psi", "psi")]
)
def test_our_distances_are_evidentlys(numerical, categorical):
    config = Drift(numerical=numerical, categorical=categorical)
    few = {"few": np.arange(500) % 7}
    sides = [frame(500, 1).assign(**few), frame(500, 2, 0.3).assign(few=few["few"] ** 1.1 // 1)]
    answer = measure_drift(
        *sides, numerical=["amount", "income", "few"], categorical=["plan", "city"], config=config, seed=1
    )
    for name, pair in answer.pairs.items():
        assert answer.distances[name] == pytest.approx(distance(pair, config.method(pair)), rel=1e-9, abs=1e-12), name


def test_features_and_prediction_are_judged_apart(measured):
    data, columns = judge_drift(measured.features, measured.distances, measured.noise, Drift())
    prediction, _ = judge_drift(
        measured.predictions, measured.distances, measured.noise, Drift(), name="prediction drift"
    )
    verdicts = {check.name: check.verdict for check in columns}
    assert data.verdict is Verdict.FAIL
    assert prediction.verdict is Verdict.PASS
    assert verdicts["amount"] is verdicts["plan"] is Verdict.FAIL
    assert verdicts["email"] is Verdict.UNKNOWN
    assert "score" not in verdicts


def test_one_bad_column_does_not_take_the_others_with_it():
    rng = np.random.default_rng(0)
    bad = {
        "null": None,
        "constant": 4.2,
        "infinite": np.inf,
        "text": "seven",
        "huge": [10**30 + i for i in range(300)],
        "dates": pd.Timestamp("2025-01-01"),
        "mixed": [1, "a", None] * 100,
    }
    sides = [frame(300, seed).assign(**bad, good=rng.normal(size=300)) for seed in (1, 2)]
    names = [*bad, "missing", "good"]
    for numerical, categorical in ((names, []), ([], names)):
        answer = measure_drift(*sides, numerical=numerical, categorical=categorical, config=Drift(), seed=1)
        assert set(answer.distances) == set(names)
        assert answer.distances["missing"] is answer.distances["null"] is None
        assert answer.distances["good"] is not None
        checks = judge_drift(answer.pairs, answer.distances, answer.noise, Drift())[1]
        unknown = {check.name for check in checks if check.verdict is Verdict.UNKNOWN}
        assert {"missing", "null"} <= unknown


def test_a_column_that_evidently_refuses_is_named_without_its_values(monkeypatch):
    import evidently.legacy.calculations.data_drift as vendor

    original = vendor.get_stattest

    def refusing(reference, current, *rest):
        if reference.max() > 500:
            raise ValueError(f"cannot use {reference.max()}")
        return original(reference, current, *rest)

    monkeypatch.setattr(vendor, "get_stattest", refusing)
    answer = measure_drift(
        frame(300, 1), frame(300, 2), numerical=["amount", "income"], categorical=[], config=Drift(), seed=1
    )
    assert answer.distances["amount"] is not None
    assert answer.distances["income"] is None
    assert answer.failures["income"] == "Evidently refused the column (ValueError)"


def test_nothing_to_measure_is_an_answer(tmp_path):
    for current in (frame(0, 1), pd.DataFrame()):
        answer = measure_drift(
            frame(300, 1), current, numerical=["amount"], categorical=["plan"], config=Drift(), seed=1
        )
        assert answer.snapshot is None
        assert set(answer.distances.values()) == {None}
        assert not save_html(answer, tmp_path / "none.html")
        publish_report(tmp_path / "ws", "p", answer, ReportFacts("empty", AS_OF, numbers={ROWS: 0}))
    assert len(list((tmp_path / "ws").glob("*/snapshots/*.json"))) == 1


def test_samples_bound_what_evidently_sees():
    answer = measure_drift(
        frame(3_000, 1), frame(3_000, 2), numerical=["amount"], categorical=[], config=Drift(max_rows=100), seed=1
    )
    assert len(answer.pairs["amount"].reference) == len(answer.pairs["amount"].current) == 100


def test_reports_hold_nothing_personal(measured, tmp_path):
    save_html(measured, tmp_path / "report.html")
    small = measure_drift(
        frame(2_000, 1), frame(31, 5), numerical=["amount"], categorical=CATEGORICAL, config=Drift(), seed=1
    )
    save_html(small, tmp_path / "small.html")
    for key, answer in (("large", measured), ("small", small)):
        publish_report(tmp_path / "ws", "p", answer, ReportFacts(key, AS_OF))
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    everything = "\n".join(written)
    assert len(written) >= 6
    assert "bronze" in everything  # the report does show what may be shown
    for canary in ("@example.com", "city1", "row-1-", "not asked for", str(CANARY_NUMBER), "48613.92"):
        assert canary not in everything
    exact = {f"{value:.10f}".rstrip("0")[:12] for value in frame(31, 5)["amount"]}
    assert not [value for value in exact if value in everything]
    assert "DATA DRIFT" not in everything


def test_publishing_is_idempotent_and_safe_side_by_side(measured, tmp_path):
    def publish(day: int) -> str:
        facts = ReportFacts(
            key=f"window {day % 3}", as_of=AS_OF + timedelta(days=day % 3), tags=["keepfit"],
            metadata={"verdict": "fail"}, numbers={DRIFTED_SHARE: 0.1 * (day % 3), ROWS: 400},
            performance={"roc_auc": 0.8},
        )  # fmt: skip
        return publish_report(tmp_path / "ws", "subscriptions", measured, facts)

    with ThreadPoolExecutor(6) as pool:
        addresses = list(pool.map(publish, range(12)))
    assert len(set(addresses)) == 3
    publish_report(tmp_path / "ws", "another", measured, ReportFacts("w", AS_OF))

    from evidently.ui.workspace import Workspace

    workspace = Workspace(str(tmp_path / "ws"))
    assert sorted(project.name for project in workspace.list_projects()) == ["another", "subscriptions"]
    (project,) = workspace.search_project("subscriptions")
    runs = [workspace.get_run(project.id, run) for run in workspace.list_runs(project.id)]
    assert sorted(run.timestamp for run in runs) == [datetime(2025, 3, day) for day in (1, 2, 3)]  # noqa: DTZ001
    assert next(panel.title for panel in project.dashboard.model().panels) == "Drifted columns"
    assert not list((tmp_path / "ws.staging").iterdir())


def test_the_dashboard_shows_drift_performance_promotions_and_volume_and_an_old_one_gets_what_is_new(
    measured, tmp_path
):
    publish_report(tmp_path, "p", measured, ReportFacts("one", AS_OF, numbers={CHAMPION: 1.0}))
    (path,) = tmp_path.glob("*/dashboard.json")
    titles = [panel["title"] for panel in json.loads(path.read_text())["panels"]]
    assert titles == ["Drifted columns", "Distance per column", "Performance", "Champion", "Rows"]
    old = json.loads(path.read_text())
    old["panels"] = [panel for panel in old["panels"] if panel["title"] != "Champion"]
    old["tabs"][0]["panels"] = [panel["id"] for panel in old["panels"]]
    path.write_text(json.dumps(old))
    publish_report(tmp_path, "p", measured, ReportFacts("two", AS_OF, numbers={CHAMPION: 2.0}))
    assert [panel["title"] for panel in json.loads(path.read_text())["panels"]] == titles
    old["panels"][0]["title"] = "Mine"
    path.write_text(json.dumps(old))
    publish_report(tmp_path, "p", measured, ReportFacts("three", AS_OF))
    assert json.loads(path.read_text()) == old


def test_a_dashboard_changed_by_people_stays(measured, tmp_path):
    publish_report(tmp_path, "p", measured, ReportFacts("one", AS_OF))
    (dashboard,) = tmp_path.glob("*/dashboard.json")
    dashboard.write_text(json.dumps({"tabs": [], "panels": []}))
    publish_report(tmp_path, "p", measured, ReportFacts("two", AS_OF))
    assert json.loads(dashboard.read_text()) == {"tabs": [], "panels": []}


def test_the_history_becomes_lines_of_one_series_each(measured, tmp_path):
    from evidently.ui.service.storage.local.base import InMemoryDataStorage

    small = measure_drift(
        frame(3_000, 1), frame(60, 9), numerical=NUMERICAL, categorical=["plan"], config=Drift(), seed=1
    )
    for day, answer in enumerate([measured, small]):
        publish_report(
            tmp_path, "p", answer, ReportFacts(str(day), AS_OF + timedelta(days=day), numbers={ROWS: 10 + day})
        )
    (points,) = InMemoryDataStorage(str(tmp_path))._metrics_points.values()
    series = [{(item.metric_type, *sorted(item.params.items())) for item in items} for items in points.values()]
    shared = series[0] & series[1]
    assert {dict(key[1:]).get("column") for key in shared} == {"amount", "income", "score", "plan", None}


def test_performance_is_evidentlys_where_labels_are_known():
    from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error

    rng = np.random.default_rng(0)
    actual = rng.integers(0, 2, 400).astype(float)
    proba = np.clip(0.3 * actual + rng.random(400) * 0.7, 0.01, 0.99)
    answer = measure_performance(actual, proba, task="classification")
    assert answer == pytest.approx({"roc_auc": roc_auc_score(actual, proba), "log_loss": log_loss(actual, proba)})
    value, guess = rng.normal(size=300), rng.normal(size=300)
    answer = measure_performance(value, guess, task="regression")
    expected = {"mae": mean_absolute_error(value, guess), "rmse": root_mean_squared_error(value, guess)}
    assert answer == pytest.approx(expected)
    assert measure_performance(np.ones(50), proba[:50], task="classification") == {}
    assert measure_performance(np.empty(0), np.empty(0), task="regression") == {}
