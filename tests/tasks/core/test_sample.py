"""The declared truth of the sample, measured with scikit-learn: quiet is quiet, harmless harmless, change hurts."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from tasks.core import sample
from tasks.core.sample import Expected, State
from tasks.core.subscribers import CATEGORIES, FEATURES, NUMBERS

OTHER_SEED = 7
DRIFT_THRESHOLD, DRIFT_SHARE = 0.1, 0.3
SOUND = [p for p in range(1, sample.PERIODS + 1) if p != sample.CORRUPTED_IN]


class Measured:
    """Typed months of one seed, joined with their labels, and models of them."""

    def __init__(self, seed):
        self.deliveries = sample.generate(seed=seed)
        labels = pd.concat([d.labels for d in self.deliveries], ignore_index=True)
        self.months = {
            d.period: typed(d.events.merge(labels, on=sample.ROW_ID)) for d in self.deliveries if d.period in SOUND
        }

    def rows(self, first, last):
        return pd.concat([self.months[p] for p in range(first, last + 1) if p in self.months])

    def fit(self, rows, linear=False):
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        columns = make_column_transformer((codes, list(CATEGORIES)), (("passthrough"), list(NUMBERS)))
        if linear:
            tail = (SimpleImputer(), StandardScaler(), LogisticRegression())
        else:
            tail = (
                HistGradientBoostingClassifier(max_iter=100, learning_rate=0.06, max_leaf_nodes=15, random_state=0),
            )
        return make_pipeline(columns, *tail).fit(rows[list(FEATURES)], rows[sample.TARGET])


def typed(text):
    frame = text.replace("", np.nan)
    for name in (*NUMBERS, sample.TARGET):
        frame[name] = pd.to_numeric(frame[name])
    frame[sample.TIME] = pd.to_datetime(frame[sample.TIME], utc=True)
    return frame


def auc(model, rows):
    return roc_auc_score(rows[sample.TARGET], model.predict_proba(rows[list(FEATURES)])[:, 1])


def distance(reference, current, name):
    """Evidently's defaults above 1000 rows: normed Wasserstein for numbers, Jensen-Shannon for categories."""
    if name in CATEGORIES:
        shares = [frame[name].value_counts(normalize=True).reindex(CATEGORIES[name]) for frame in (reference, current)]
        return jensenshannon(*shares)
    return wasserstein_distance(reference[name].dropna(), current[name].dropna()) / reference[name].std()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads of several test processes that wait for one another make small fits ten times slower."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module", params=[sample.SEED, OTHER_SEED])
def measured(request):
    return Measured(request.param)


@pytest.fixture(scope="module", params=[False, True], ids=["boosting", "logistic"])
def old(request, measured):
    """The model of the history, months 1-9, its level on the quiet months after it, and whether it is linear."""
    model = measured.fit(measured.rows(1, 9), request.param)
    return model, auc(model, measured.rows(10, 12)), request.param


def test_there_is_skill_in_the_history(old):
    assert 0.8 < old[1] < 0.88


def test_calendar_moves_volume_and_base_rate(measured):
    rows = measured.rows(1, sample.CHANGE_FROM - 1)
    weekend = rows[sample.TIME].dt.weekday >= 5
    per_day = rows.groupby([weekend, rows[sample.TIME].dt.date]).size().groupby(level=0).mean()
    assert per_day[True] < 0.8 * per_day[False]
    assert (rows[sample.TIME].dt.hour < 5).mean() < 0.06
    winter = rows[sample.TIME].dt.month.isin([12, 1, 2])
    assert rows.loc[winter, sample.TARGET].mean() > rows.loc[~winter, sample.TARGET].mean() + 0.005


@pytest.mark.parametrize("period", [p for p in SOUND if p < sample.DRIFT_FROM and p > 6])
def test_quiet_months_show_no_drift(measured, period):
    for reference in (measured.rows(1, 6), measured.rows(1, period - 1)):
        assert max(distance(reference, measured.months[period], name) for name in FEATURES) < 0.9 * DRIFT_THRESHOLD


@pytest.mark.parametrize("period", [p for p in SOUND if p >= sample.DRIFT_FROM])
def test_campaign_is_clear_drift_of_features(measured, period):
    reference = measured.rows(1, 9)
    distances = {name: distance(reference, measured.months[period], name) for name in FEATURES}
    drifted = [name for name, value in distances.items() if value > 1.2 * DRIFT_THRESHOLD]
    assert len(drifted) / len(FEATURES) >= 0.4 > DRIFT_SHARE
    assert max(value for name, value in distances.items() if name not in drifted) < 0.9 * DRIFT_THRESHOLD


def test_months_after_the_change_resemble_each_other(measured):
    reference = measured.rows(sample.DRIFT_FROM, 16)
    for period in (17, 18):
        assert max(distance(reference, measured.months[period], name) for name in FEATURES) < 0.9 * DRIFT_THRESHOLD


def test_campaign_harms_no_model(measured, old):
    model, level, _ = old
    assert auc(model, measured.rows(sample.DRIFT_FROM, sample.CHANGE_FROM - 1)) > level - 0.02
    for period in range(sample.DRIFT_FROM, sample.CHANGE_FROM):
        assert auc(model, measured.months[period]) > level - 0.035, "one month: standard error of an AUC about 0.008"


@pytest.mark.parametrize("period", range(sample.CHANGE_FROM, sample.PERIODS + 1))
def test_change_hurts_the_old_model(measured, old, period):
    model, level, _ = old
    assert auc(model, measured.months[period]) < level - 0.12


def test_retraining_after_the_change_recovers(measured, old):
    _, level, linear = old
    change = sample.CHANGE_FROM
    assert (
        auc(measured.fit(measured.rows(change, change + 1), linear), measured.rows(change + 2, change + 3))
        > level - 0.06
    )


def test_one_month_after_the_change_already_wins_the_next_two_weeks(measured, old):
    model, _, linear = old
    month = measured.months[sample.CHANGE_FROM + 1]
    fortnight = month[month[sample.TIME] < month[sample.TIME].min() + timedelta(days=14)]
    young = measured.fit(measured.months[sample.CHANGE_FROM], linear)
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(100):
        rows = fortnight.iloc[rng.integers(0, len(fortnight), len(fortnight))]
        gains.append(auc(young, rows) - auc(model, rows))
    assert np.quantile(gains, 0.005) > 0.05


def test_corrupted_delivery_breaks_type_and_range_rules(measured):
    sound = measured.rows(1, sample.PERIODS)
    corrupted = measured.deliveries[sample.CORRUPTED_IN - 1].events
    assert (pd.to_numeric(corrupted["age"]) < 0).mean() > 0.3
    assert pd.to_numeric(corrupted["tenure_days"], errors="coerce").isna().mean() > 0.3
    assert (pd.to_numeric(corrupted["spend_30d"]) > sound["spend_30d"].max()).mean() > 0.9
    assert sound["age"].between(18, 95).all()
    assert sound["tenure_days"].between(1, 4000).all()
    assert sound["spend_30d"].between(0, 400).all()


def test_labels_are_causal_complete_and_single(measured):
    events = pd.concat([d.events for d in measured.deliveries]).set_index(sample.ROW_ID)
    labels = pd.concat([d.labels.assign(by=d.delivered_at) for d in measured.deliveries]).set_index(sample.ROW_ID)
    happened, known = pd.to_datetime(events[sample.TIME]), pd.to_datetime(labels[sample.KNOWN_AT])
    assert events.index.is_unique
    assert labels.index.is_unique
    assert (known - happened.reindex(labels.index) == sample.LABEL_DELAY).all()
    assert (known <= labels["by"]).all()
    assert (labels["by"] - known < timedelta(days=31)).all(), "a label comes with the first delivery after it is known"
    assert set(labels.index) == set(events.index[happened + sample.LABEL_DELAY <= measured.deliveries[-1].delivered_at])
    assert set(labels[sample.TARGET]) == {"0", "1"}


def test_missing_values_are_as_declared(measured):
    events = pd.concat([d.events for d in measured.deliveries])
    shares = (events == "").mean()
    for name in events.columns:
        assert shares[name] == pytest.approx(sample.MISSING_SHARE.get(name, 0.0), abs=0.01)
    assert not events.isna().any(axis=None)


def test_same_seed_same_bytes_other_seed_other_bytes():
    first, again, other = (sample.generate(3, 200, seed) for seed in (1, 1, 2))
    assert [sample.files(d) for d in first] == [sample.files(d) for d in again]
    assert [sample.files(d) for d in first] != [sample.files(d) for d in other]


@settings(max_examples=8, deadline=None)
@given(periods=st.integers(1, 15), rows=st.integers(1, 60), seed=st.integers(0, 2**32))
def test_deliveries_are_prefixes_inside_their_month(periods, rows, seed):
    deliveries = sample.generate(periods, rows, seed)
    longer = sample.generate(periods + 1, rows, seed)
    assert [sample.files(d) for d in deliveries] == [sample.files(d) for d in longer[:-1]]
    for delivery in deliveries:
        times = pd.to_datetime(delivery.events[sample.TIME])
        assert times.is_monotonic_increasing
        assert (times.dt.strftime("%Y-%m") == delivery.name).all()
        assert times.max() < delivery.delivered_at == sample.month_start(delivery.period + 1)
    assert pd.concat([d.events[sample.ROW_ID] for d in deliveries]).is_unique


def test_files_read_back_as_the_same_text():
    delivery = sample.generate(1, 50)[0]
    content = sample.files(delivery)
    assert list(content) == ["events/2024-01.csv", "labels/2024-01.csv"]
    back = pd.read_csv(io.BytesIO(content["events/2024-01.csv"]), dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(back, delivery.events, check_dtype=False)


def test_truth_tells_each_period_once_and_in_order():
    truths = sample.truth()
    assert [t.period for t in truths] == list(range(1, sample.PERIODS + 1))
    assert all(t.by >= t.period for t in truths)
    assert {t.state: t.expected for t in truths} == {
        State.QUIET: Expected.ACCEPTED,
        State.CORRUPTED: Expected.QUARANTINED,
        State.HARMLESS_DRIFT: Expected.NOTED,
        State.CONCEPT_CHANGE: Expected.RETRAINED,
        State.QUIET_AFTER_CHANGE: Expected.ACCEPTED,
    }
    assert sample.month_start(sample.CHANGE_FROM) == datetime(2025, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("periods", "rows"), [(0, 10), (1, 0), (1, 10**7), (10**5, 1)])
def test_impossible_sizes_are_refused(periods, rows):
    with pytest.raises(ValueError, match="are allowed"):
        sample.generate(periods, rows)


def test_a_shock_turns_one_month_round_and_leaves_the_rest_as_it_was():
    calm, shaken = sample.generate(4, 300, seed=3), sample.generate(4, 300, seed=3, shock_in=2)
    assert [d.events.equals(s.events) for d, s in zip(calm, shaken, strict=True)] == [True] * 4
    one, other = (
        pd.concat([d.labels for d in told]).set_index(sample.ROW_ID)[sample.TARGET] for told in (calm, shaken)
    )
    months = pd.Series({i: d.period for d in calm for i in d.events[sample.ROW_ID]}).reindex(one.index)
    changed = (one != other.reindex(one.index)).groupby(months).mean()
    assert changed[[1, 3]].tolist() == [0, 0]
    assert changed[2] > 0.3
    states = [(t.state, t.expected) for t in sample.truth(21, shock_in=20)]
    assert states[19] == (State.SHOCK, Expected.WAITED)
    assert states[:19] + states[20:] == [(t.state, t.expected) for t in sample.truth(21) if t.period != 20]
