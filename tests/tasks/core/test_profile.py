"""A first look finds what a person would want to know, on traps of our own and on real data: ids, clocks, leaks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.core import sample
from tasks.core.errors import ConfigInvalid, DataRejected
from tasks.core.profile import profile
from tests.real_data import real_texts

ROWS = 600


def rides(rows=ROWS, seed=0):
    """Hourly counts with the traps of the bike data, and more: row numbers, a yearly counter, parts of the target."""
    rng = np.random.default_rng(seed)
    times = pd.Series(pd.date_range("2021-12-01", periods=rows, freq="3h"))
    casual, member = rng.poisson(20, rows), rng.poisson(90, rows)
    warmth = rng.normal(15, 8, rows).round(2)
    frame = pd.DataFrame(
        {
            "row": np.arange(1, rows + 1),
            "day": times.dt.strftime("%Y-%m-%d"),
            "yr": (times.dt.year == 2022).astype(int),
            "hr": times.dt.hour,
            "warmth": warmth,
            "fixed": "always",
            "casual": casual,
            "member": member,
            "rides": casual + member,
        }
    )
    return frame.astype(str)


def customers(rows=ROWS, seed=0):
    """Two classes, with an id, personal data, and columns that know the answer."""
    rng = np.random.default_rng(seed)
    left = rng.random(rows) < 0.3
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 90 * 86400, rows)), unit="s")
    frame = pd.DataFrame(
        {
            "customerId": [f"c{n:05d}" for n in rng.permutation(rows)],
            "signed_up": times.strftime("%d.%m.%Y %H:%M:%S"),
            "email": [f"p{n}@example.org" for n in range(rows)],
            "gender": rng.choice(["f", "m", "d"], rows),
            "shop_id": rng.integers(1, 20, rows),
            "zip": [f"0{n}" for n in rng.integers(1000, 1040, rows)],
            "amount": np.where(rng.random(rows) < 0.1, "NA", rng.gamma(2, 30, rows).round(2).astype(str)),
            "plan": rng.choice(["basic", "pro"], rows),
            "reason_for_leaving": np.where(left, rng.choice(["price", "moved"], rows), ""),
            "empty": "",
            "left": np.where(left, "yes", "no"),
        }
    )
    return frame.astype(str)


def roles(found):
    return {column.name: column.role for column in found.columns}


def why(found, name):
    return " ".join(found.column(name).evidence)


def test_regression_with_the_traps_of_hourly_counts():
    found = profile(rides(), "rides", "day")
    assert (found.problem, found.metric, found.positive, found.time) == ("regression", "mae", None, "day")
    assert roles(found) == {
        "row": "ignore",
        "day": "time",
        "yr": "ignore",
        "hr": "feature",
        "warmth": "feature",
        "fixed": "ignore",
        "casual": "ignore",
        "member": "ignore",
        "rides": "target",
    }
    assert "numbers the rows" in why(found, "row")
    assert "clock" in why(found, "yr")
    assert "constant" in why(found, "fixed")
    assert "casual + member add up to the target" in why(found, "casual")
    assert [c.name for c in found.columns if c.leak] == ["casual", "member"]


def test_hours_join_dates_to_the_time_of_the_event():
    hourly = rides()
    assert profile(hourly, "rides", "day").column("day").hours_from is None, "every third hour is not an hour column"
    hourly["day"] = pd.date_range("2021-12-01", periods=ROWS, freq="h").strftime("%Y-%m-%d")
    hourly["hr"] = pd.date_range("2021-12-01", periods=ROWS, freq="h").hour.astype(str)
    found = profile(hourly, "rides", "day")
    assert found.column("day").hours_from == "hr"
    assert found.end.hour == (ROWS - 1) % 24
    assert found.calendar == (), "hr says the hour already, and 25 days teach nothing about weekdays"


def test_binary_with_ids_personal_data_and_a_column_that_knows():
    found = profile(customers(), "left")
    assert (found.problem, found.metric, found.positive, found.time) == ("binary", "roc_auc", None, "signed_up")
    assert roles(found) == {
        "customerId": "id",
        "signed_up": "time",
        "email": "ignore",
        "gender": "protected",
        "shop_id": "ignore",
        "zip": "feature",
        "amount": "feature",
        "plan": "feature",
        "reason_for_leaving": "ignore",
        "empty": "ignore",
        "left": "target",
    }
    assert found.column("left").type == "boolean"
    assert found.column("zip").type == "category", "codes with leading zeros are not numbers"
    assert found.column("amount").missing_words == ("NA",)
    assert 0.05 < found.column("amount").missing < 0.15
    assert found.column("signed_up").format == "%d.%m.%Y %H:%M:%S"
    assert found.column("reason_for_leaving").leak
    assert "hour" in found.calendar
    assert "weekday" in found.calendar


@pytest.mark.parametrize(
    ("classes", "kind", "positive"),
    [
        (("0", "1"), "integer", None),
        (("no", "yes"), "boolean", None),
        (("1", "2"), "category", "2"),
        (("stays", "leaves"), "category", "leaves"),
    ],
)
def test_which_class_counts_as_one(classes, kind, positive):
    frame = customers()
    frame["left"] = np.where(frame["left"] == "yes", classes[1], classes[0])
    found = profile(frame, "left")
    assert (found.problem, found.column("left").type, found.positive) == ("binary", kind, positive)


@settings(max_examples=25, deadline=None)
@given(
    members=st.integers(1, 4),
    bystanders=st.integers(0, 6),
    seed=st.integers(0, 10**6),
    factors=st.lists(st.sampled_from([1.0, 0.19, -2.0, 100.0]), min_size=4, max_size=4),
)
@example(members=3, bystanders=4, seed=0, factors=[1.0] * 4)
@example(members=4, bystanders=4, seed=1, factors=[1.0, 100.0, 1.0, 1.0])  # each small part is at the limit
def test_whatever_adds_up_to_the_target_is_found_and_nothing_else(members, bystanders, seed, factors):
    rng = np.random.default_rng(seed)
    parts = {f"part{n}": rng.gamma(2, 10, 300).round(2) for n in range(members)}
    total = sum(factor * part for factor, part in zip(factors, parts.values(), strict=False)) + 5
    strong = {f"other{n}": (total + rng.normal(0, 0.3 * total.std(), 300)).round(2) for n in range(bystanders)}
    found = profile(pd.DataFrame({**strong, **parts, "total": total.round(2)}).astype(str), "total")
    leaks = {column.name for column in found.columns if column.leak}
    # A part that hardly moves the sum may be lost in its rounding; what moves it is always named.
    assert leaks <= set(parts)
    spread = np.var([f * p for f, p in zip(factors, parts.values(), strict=False)], axis=1)
    assert {f"part{n}" for n in range(members) if spread[n] > 1e-3 * spread.sum()} <= leaks


def test_a_second_way_to_the_same_sum_is_found_too():
    frame = rides().assign(copy=lambda f: (f["member"].astype(int) * 2).astype(str))
    assert [c.name for c in profile(frame, "rides", "day").columns if c.leak] == ["casual", "member", "copy"]


def test_many_columns_and_few_rows_explain_nothing_by_chance():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(110, 119)).round(6)).add_prefix("x")
    assert not any(c.leak for c in profile(frame.astype(str), "x0").columns)


def test_products_are_found_too():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"price": rng.gamma(5, 2, 400), "pieces": rng.integers(1, 9, 400), "shop": rng.normal(size=400)}
    )
    found = profile(frame.assign(paid=frame["price"] * frame["pieces"]).astype(str), "paid")
    assert [c.name for c in found.columns if c.leak] == ["price", "pieces"]
    assert "price * pieces multiply to the target" in why(found, "price")


def test_a_strong_honest_feature_stays():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=ROWS)
    frame = pd.DataFrame({"signal": signal, "y": signal + 0.4 * rng.normal(size=ROWS), "noise": rng.normal(size=ROWS)})
    assert roles(profile(frame.astype(str), "y")) == {"signal": "feature", "y": "target", "noise": "feature"}


def test_a_month_that_comes_round_again_is_a_feature_and_one_that_does_not_is_a_clock():
    def monthly(days):
        times = pd.Series(pd.date_range("2022-01-01", periods=days, freq="D"))
        rng = np.random.default_rng(0)
        return pd.DataFrame({"at": times.astype(str), "mnth": times.dt.month, "y": rng.normal(size=days)}).astype(str)

    assert roles(profile(monthly(731), "y", "at"))["mnth"] == "feature"
    assert roles(profile(monthly(270), "y", "at"))["mnth"] == "ignore"


@pytest.mark.parametrize("mark", ["yes", "1"])
def test_a_flag_that_is_set_or_missing_is_no_clock(mark):
    flag = np.where(np.random.default_rng(9).random(ROWS) < 0.3, mark, "")
    found = profile(customers().assign(vip=flag), "left", "signed_up").column("vip")
    assert found.role == "feature", found.evidence


@pytest.mark.parametrize(("unit", "form"), [(1, "epoch_seconds"), (1000, "epoch_milliseconds")])
def test_whole_numbers_can_be_the_time_when_they_are_named(unit, form):
    frame = customers()
    seconds = pd.to_datetime(frame["signed_up"], format="%d.%m.%Y %H:%M:%S").astype("int64") // 10**9
    found = profile(frame.assign(signed_up=(seconds * unit).astype(str)), "left", "signed_up")
    assert found.column("signed_up").format == form
    assert f"{found.start:%Y-%m}" == "2024-01"


def test_the_sample_is_read_as_what_it_is():
    deliveries = sample.generate(3, 400)
    events = pd.concat([d.events for d in deliveries])
    labels = pd.concat([d.labels for d in deliveries])
    found = profile(events.merge(labels[[sample.ROW_ID, sample.TARGET]], on=sample.ROW_ID), sample.TARGET)
    assert found.time == sample.TIME
    assert found.column(sample.ROW_ID).role == "id"
    named = {c.name for c in found.columns if c.role == "feature"}
    assert named == {
        *sample.CATEGORIES,
        "age",
        "tenure_days",
        "visits_30d",
        "spend_30d",
        "support_tickets",
        "discount",
        "satisfaction",
    }
    assert not any(c.leak for c in found.columns)


def test_large_files_are_sampled_but_ids_and_span_are_taken_of_all_rows(monkeypatch):
    monkeypatch.setattr("tasks.core.profile.MOST_ROWS", 200)
    frame = customers()
    frame.loc[frame.index[1], "customerId"] = frame.loc[frame.index[0], "customerId"]
    found = profile(frame, "left", "signed_up")
    assert (found.rows, found.looked_at) == (ROWS, 200)
    assert found.column("customerId").role == "ignore", "the only repeated id lies outside the rows that are looked at"
    assert found.end == pd.to_datetime(frame["signed_up"], format="%d.%m.%Y %H:%M:%S", utc=True).max()


def test_evidence_holds_no_cell_value():
    found = profile(customers(), "left")
    said = " ".join(sentence for column in found.columns for sentence in column.evidence)
    assert "@" not in said
    assert "c0" not in said


def test_a_column_named_wrongly_is_answered_with_the_nearest():
    with pytest.raises(ConfigInvalid, match="Did you mean rides"):
        profile(rides(), "ride")
    with pytest.raises(ConfigInvalid, match="cannot be read as a time"):
        profile(rides(), "rides", "warmth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(left="no"), "at least two"),
        (lambda f: f.assign(left=f["zip"] + "x"), "two classes or a number"),
        (lambda f: f.assign(left=""), "0 different values"),
    ],
)
def test_what_no_model_can_learn_is_refused(change, message):
    with pytest.raises(DataRejected, match=message):
        profile(change(customers()), "left")


def test_without_a_time_it_says_so():
    found = profile(customers().drop(columns="signed_up"), "left")
    assert (found.time, found.start) == (None, None)
    assert "--time" in found.warnings[0]


def test_bike_sharing():
    found = profile(real_texts("bike_sharing/hour.csv"), "cnt", "dteday")
    assert found.column("dteday").hours_from == "hr"
    assert (found.problem, str(found.end)) == ("regression", "2012-12-31 23:00:00+00:00")
    ignored = {c.name for c in found.columns if c.role == "ignore"}
    assert ignored == {"instant", "yr", "casual", "registered"}
    assert "casual + registered add up to the target" in why(found, "registered")


def test_chicago_taxi():
    found = profile(real_texts("chicago_taxi/data.csv"), "tips", "trip_start_timestamp")
    assert found.column("trip_start_timestamp").format == "epoch_seconds"
    assert {c.name for c in found.columns if c.role == "ignore"} == {"pickup_census_tract"}
    assert found.column("payment_type").type == found.column("company").type == "category"
    assert not any(c.leak for c in found.columns)


def test_a_tip_of_chicago_taxi_tells_whether_it_was_a_fifth_of_the_fare():
    trips = real_texts("chicago_taxi/data.csv")
    tips, fares = (pd.to_numeric(trips[name]) for name in ("tips", "fare"))
    found = profile(trips.assign(big_tip=(tips > 0.2 * fares).astype(int).astype(str)), "big_tip")
    assert [c.name for c in found.columns if c.leak] == ["tips"]
    assert "LEAK: divided by fare it predicts the target almost perfectly (AUC 1.000)" in why(found, "tips")


@pytest.mark.parametrize("told", ["ratio", "difference"])
def test_a_column_that_gives_the_target_away_beside_another_one_is_found(told):
    rng = np.random.default_rng(3)
    fare = np.round(rng.lognormal(2.5, 0.7, 1_500), 2)
    tips = np.round(fare * np.where(rng.random(1_500) < 0.5, rng.uniform(0.05, 0.35, 1_500), 0.0), 2)
    yes = tips > 0.2 * fare
    if told == "difference":
        tips, yes = fare + rng.normal(0.0, 8.0, 1_500), None
        yes = tips > fare + 2.0
    frame = pd.DataFrame({"fare": fare, "tips": tips, "miles": rng.exponential(3.0, 1_500), "big": yes.astype(int)})
    found = profile(frame.astype(str), "big")
    assert [c.name for c in found.columns if c.leak] == ["tips"]
    assert not any(c.leak for c in profile(frame.assign(fare=rng.permutation(fare)).astype(str), "big").columns)
