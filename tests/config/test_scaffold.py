"""What `keepfit new` writes loads, takes the rows that it was made from, and says why each column is what it is."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from config.flow_yaml import comment, flow, outward
from config.load import load_file
from config.scaffold import scaffold
from tasks.adapters.personal import survey
from tasks.core import sample
from tasks.core.columns import convert
from tasks.core.errors import ConfigInvalid
from tasks.core.profile import profile
from tests.real_data import real_texts


def awkward(rows=2000, days=120, seed=0):
    """Names and texts that YAML would like to read otherwise, and numbers of all sizes."""
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, days * 86400, rows)), unit="s")
    answer = rng.integers(0, 2, rows)
    return pd.DataFrame(
        {
            "when": times.strftime("%d.%m.%Y %H:%M:%S"),
            "key: #1": rng.choice(["yes: {a}", "no, [b]", "1", "ünïcode", 'quo"te'], rows),
            "on": rng.choice(["y", "n"], rows),
            "tiny": rng.random(rows) * 1e-6,
            "huge": rng.random(rows) * 1e15,
            "sparse": np.where(rng.random(rows) < 0.2, "NULL", rng.normal(0, 3, rows).round(2).astype(str)),
            "known": answer * 2,
            "target": np.where(answer, "yes!", "no!"),
        }
    ).astype(str)


def load(tmp_path, text, name="trial"):
    path = tmp_path / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return load_file(path)


def made(tmp_path, frame, target, time=None):
    text = scaffold("trial", profile(frame, target, time), "deliveries")
    return text, load(tmp_path, text)


def test_awkward_data_give_a_file_that_loads_and_takes_its_own_rows(tmp_path):
    frame = awkward()
    text, config = made(tmp_path, frame, "target")
    assert convert(frame, config.columns).faults == {}
    assert (config.problem, config.metric, config.positive) == ("binary", "roc_auc", "yes!")
    assert {c.name: c.role for c in config.columns} == {
        "when": "time",
        "key: #1": "feature",
        "on": "feature",
        "tiny": "feature",
        "huge": "feature",
        "sparse": "feature",
        "known": "ignore",
        "target": "target",
    }
    lines = text.splitlines()
    leak = next(n for n, line in enumerate(lines) if '"known"' in line)
    assert "LEAK: alone it predicts the target" in lines[leak - 1]


def test_an_open_breaker_of_a_new_pipeline_tries_again_and_not_before_two_cooldowns(tmp_path):
    limits = made(tmp_path, awkward(), "target", "when")[1].governor
    assert limits.retry_after == 2 * limits.cooldown


def test_its_expectations_hold_on_its_own_rows_and_refuse_a_change_of_unit(tmp_path):
    from tasks.adapters.expectations import validate

    frame = awkward()
    _, config = made(tmp_path, frame, "target")
    rows = convert(frame, config.columns).frame
    rules = config.validation.expectations
    assert all(check.passed for check in validate(rows, rules).checks)
    broken = validate(rows.assign(huge=rows["huge"] * 100), rules)
    assert [check.name for check in broken.checks if not check.passed] == ["ExpectColumnValuesToBeBetween:huge"]
    assert len(next(iter(broken.rows.values()))) > 0.9 * len(rows)


def test_the_corrupted_delivery_of_the_sample_would_be_refused_by_what_was_written_from_its_history(tmp_path):
    from tasks.adapters.expectations import validate

    deliveries = sample.generate(sample.CORRUPTED_IN, 400)
    labels = pd.concat([d.labels for d in deliveries])[[sample.ROW_ID, sample.TARGET]]
    history = pd.concat([d.events for d in deliveries[:9]], ignore_index=True).merge(labels, on=sample.ROW_ID)
    _, config = made(tmp_path, history, sample.TARGET)
    corrupted = deliveries[-1].events.merge(labels, on=sample.ROW_ID, how="left").fillna("")
    converted = convert(corrupted, config.columns)
    bad = set(converted.faults["type:tenure_days"])
    for numbers in validate(converted.frame, config.validation.expectations).rows.values():
        bad |= set(numbers)
    assert len(bad) / len(corrupted) > config.validation.max_quarantined_share


@pytest.mark.parametrize(
    ("rows", "days", "evaluation", "history"),
    [
        (20_000, 730, timedelta(days=14), ["90d", "180d", "270d"]),
        (2_000, 130, timedelta(days=30), ["90d"]),  # 14 days would hold too few rows
        (5_000, 120, timedelta(days=14), ["90d"]),
        (5_000, 60, timedelta(days=14), ["6w"]),
        (5_000, 3, 0.2, ["expanding"]),
        (300, 365, 0.2, ["expanding"]),
    ],
)
def test_the_split_fits_the_span_and_the_rows(tmp_path, rows, days, evaluation, history):
    split = made(tmp_path, awkward(rows, days), "target")[1].split
    assert (split.evaluation, split.tuning) == (evaluation, evaluation)
    assert [rows.label for rows in split.history] == history


def test_performance_asks_on_suspicion_and_the_duel_decides_on_evidence(tmp_path):
    text, config = made(tmp_path, awkward(), "target")
    assert (config.performance.max_loss, config.performance.confidence) == (0.05, 0.8)
    assert next(gate for gate in config.gates if gate.kind == "beats_champion").confidence == 0.95
    assert "Performance asks on suspicion" in text


def test_without_a_time_it_says_so_and_cuts_by_share(tmp_path):
    text, config = made(tmp_path, awkward().drop(columns="when"), "target")
    assert "LOOK: No column was found that says when a row happened" in text
    assert config.split.evaluation == 0.2


def test_reserved_names_are_left_out_and_said(tmp_path):
    text, config = made(tmp_path, awkward().rename(columns={"huge": "_huge"}), "target")
    assert "_huge is left out" in text
    assert "_huge" not in {c.name for c in config.columns}


def test_no_feature_left_is_an_error_of_the_file_with_the_reason_in_it(tmp_path):
    frame = awkward()[["when", "known", "target"]]
    text = scaffold("trial", profile(frame, "target"), "deliveries")
    assert "LOOK: No column is left as a feature" in text
    with pytest.raises(ConfigInvalid, match="at least one column needs the role feature"):
        load(tmp_path, text)


@given(
    st.recursive(
        st.text() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=6,
    )
)
@example(1e-07)
@example("1e5")
@example("no")
@example("\x85\u2028")
def test_flow_yaml_reads_back_as_written(value):
    assert yaml.safe_load(flow({"value": value}))["value"] == value


@given(st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-9))
def test_outward_never_cuts_into_what_was_observed(value):
    assert outward(value, -1) <= value <= outward(value, 1)
    assert outward(value, 1) - outward(value, -1) <= abs(value) * 2.1e-3


@given(st.text())
def test_a_comment_is_one_line(text):
    assert len(comment(text).splitlines()) == 1
    assert yaml.safe_load(comment("x")) is None


def test_bike_sharing_leaks_are_left_out_with_their_reason(tmp_path):
    frame = real_texts("bike_sharing/hour.csv")
    text, config = made(tmp_path, frame, "cnt", "dteday")
    assert convert(frame, config.columns).faults == {}
    assert text.count("LEAK: casual + registered add up to the target") == 2
    assert not {"casual", "registered", "instant", "yr"} & set(config.features.names)
    assert next(c for c in config.columns if c.role == "time").hours_from == "hr"
    assert [rows.label for rows in config.split.history] == ["90d", "180d", "270d"]


def test_personal_values_are_found_under_any_name_and_the_file_says_so_without_one(tmp_path):
    frame = awkward().rename(columns={"on": "contact"})
    frame["contact"] = [f"someone{n}@example.org" if n % 4 else "" for n in range(len(frame))]
    frame["huge"] = ["+49 30 901820" if n == 7 else "none" for n in range(len(frame))]
    frame["date_of_birth"] = "1980-01-01"
    found = survey(frame)
    assert found["contact"] == ("mail", 1.0)
    assert found["huge"] == ("phone", 1 / len(frame))
    text = scaffold("trial", profile(frame, "target", None, None, found), "deliveries")
    config = load(tmp_path, text)
    held = {c.name: (c.role, c.privacy) for c in config.columns if c.privacy}
    assert held == {"contact": ("ignore", "mail"), "huge": ("ignore", "phone")}
    assert "PERSONAL: 100.00% of its values hold a mail address" in text
    assert config.privacy.policies["mail"].kind == "pseudonymise"
    assert "someone" not in text
    assert "901820" not in text
