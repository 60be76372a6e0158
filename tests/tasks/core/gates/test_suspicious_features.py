"""A feature that holds the answer is named; sound features pass, and what cannot be looked at is unknown."""

import numpy as np
import pandas as pd

from tasks.core.gates import SuspiciousFeatures, misfit
from tests.real_data import real_file
from tests.tasks.core.gates.evidence import FAIL, PASS, UNKNOWN, evidence


def with_features(**columns):
    world = evidence()
    return evidence(**{**vars(world), "features": world.features.assign(**columns)})


def test_a_column_that_alone_predicts_the_target_is_named():
    leak = np.where(evidence().actual == 1, "cancelled", "stays")
    check = SuspiciousFeatures().judge(with_features(status=leak))
    assert check.verdict is FAIL
    assert "status: alone it predicts the target almost perfectly" in check.reason
    assert SuspiciousFeatures(allow=("status",)).judge(with_features(status=leak)).verdict is PASS
    assert SuspiciousFeatures().judge(evidence()).verdict is PASS


def test_columns_that_add_up_to_the_target_are_named():
    rng = np.random.default_rng(0)
    parts = pd.DataFrame({"casual": rng.gamma(2, 20, 1500), "registered": rng.gamma(2, 50, 1500)})
    parts["weather"] = rng.normal(size=1500)
    given = evidence(metric="mae", actual=parts["casual"].to_numpy() + parts["registered"].to_numpy(), features=parts)
    check = SuspiciousFeatures().judge(given)
    assert check.verdict is FAIL
    assert "casual + registered add up to the target" in check.reason
    assert "weather" not in check.reason


def test_bike_sharing_is_seen_through():
    hours = pd.read_csv(real_file("bike_sharing/hour.csv")).iloc[-2000:].reset_index(drop=True)
    sound = ["season", "hr", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]

    def judged(names):
        given = evidence(metric="mae", actual=hours["cnt"].to_numpy(float), features=hours[names].astype(float))
        return SuspiciousFeatures().judge(given)

    assert judged(sound).verdict is PASS
    assert "casual + registered add up to the target" in judged([*sound, "casual", "registered"]).reason


def test_what_cannot_be_looked_at_is_unknown():
    assert SuspiciousFeatures().judge(evidence(rows=99)).verdict is UNKNOWN
    assert SuspiciousFeatures().judge(evidence(features=None)).verdict is UNKNOWN
    assert SuspiciousFeatures().judge(evidence(actual=np.ones(1500))).verdict is UNKNOWN
    everything = SuspiciousFeatures(allow=("hint", "plan")).judge(evidence())
    assert everything.verdict is not FAIL
    assert everything.numbers["features"] == 0


def test_an_allowance_for_a_feature_that_the_pipeline_does_not_have_is_refused():
    roles = {"hint": "feature", "sex": "protected", "when": "time"}
    features = ("hint", "calendar_hour")
    assert misfit([SuspiciousFeatures(allow=features)], roles, features, "binary") is None
    for name in ("hnit", "sex", "when", "calendar_hours", "calendar_weekday", "calendar_"):
        told = misfit([SuspiciousFeatures(allow=("hint", name))], roles, features, "binary")
        assert f"allows {name}, which is no feature" in told
