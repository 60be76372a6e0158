"""The pipeline file refuses what cannot work before anything runs, and says which value is wrong and what may stand."""

import pytest
from pydantic import ValidationError

from config.schema import PipelineConfig

KEY = {"name": "key", "role": "id", "type": "string"}
WHEN = {"name": "when", "role": "time", "type": "datetime"}
AGE = {"name": "age", "role": "feature", "type": "integer"}
GOAL = {"name": "goal", "role": "target", "type": "boolean"}
FILES = {"kind": "folder", "path": "l", "id": "key", "label": "goal", "known_at": "known"}
GOOD = {
    "pipeline": "churn",
    "problem": "binary",
    "source": {"kind": "folder", "path": "in"},
    "columns": [KEY, WHEN, AGE, GOAL],
    "split": {"history": ["90d"], "tuning": 0.2, "evaluation": "14d"},
    "metric": "roc_auc",
}

ESTIMATED = {"kind": "estimated_performance"}
REGRESSION = {"problem": "regression", "columns": [KEY, WHEN, AGE, GOAL | {"type": "number"}]}


SEX = {"name": "sex", "role": "protected", "type": "category"}
SEX_RATE = {"kind": "groups", "columns": ["sex"], "measure": "selection_rate", "max_gap": 0.1}
COUNT = {"name": "goal", "role": "target", "type": "number"}
REGRESSION = {"problem": "regression", "metric": "mae", "columns": [KEY, WHEN, AGE, COUNT]}


RETAKEN = {"kind": "delta", "url": "x", "changes": "retake"}


def made(**changes):
    return PipelineConfig.model_validate(GOOD | changes)


def test_a_small_file_is_enough_and_the_rest_has_defaults():
    config = made()
    assert [candidate.kind for candidate in config.candidates] == ["linear", "hist_gradient_boosting", "random_forest"]
    assert {"beats_dummy", "beats_champion", "clean_process"} <= {gate.kind for gate in config.gates}
    assert config.target.name == "goal"
    assert config.features.names == ("age",)
    assert config.upward
    assert not made(metric="brier").upward


def test_a_checked_file_does_not_change_any_more():
    config = made()
    with pytest.raises(ValidationError, match="frozen"):
        config.metric = "brier"
    with pytest.raises(ValidationError, match="frozen"):
        config.split.min_rows = 1


def test_a_table_that_is_taken_again_needs_ids_and_a_share_for_the_rows_that_are_known():
    assert made(source=RETAKEN, validation={"max_quarantined_share": 1}).source.repeats
    assert not made(source=RETAKEN | {"changes": "refuse"}).source.repeats


def test_labels_in_files_need_an_id_and_no_target():
    assert made(columns=[KEY, WHEN, AGE], labels=FILES).target is None


def test_gates_on_parts_of_the_rows_are_chosen_in_the_file():
    slices, groups = {"kind": "slices", "columns": ["age", "sex"], "search": True}, SEX_RATE
    config = made(columns=[KEY, WHEN, AGE, SEX, GOAL], gates=[slices, groups, {"kind": "calibration"}])
    assert [gate.kind for gate in config.gates] == ["slices", "groups", "calibration"]
    assert config.features.names == ("age",)


def text_goal(type_="category"):
    return [KEY, WHEN, AGE, GOAL | {"type": type_}]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metrik": "x"}, "Extra inputs"),
        ({"metric": "mae"}, "metric mae does not fit a binary problem"),
        ({"problem": "regression"}, "metric roc_auc does not fit a regression problem"),
        ({"metric": "auc"}, "roc_auc"),
        (REGRESSION | {"metric": "r2", "triggers": [ESTIMATED]}, "r2 cannot be estimated without labels"),
        (REGRESSION | {"metric": "r2", "triggers": [{"kind": "any", "of": [ESTIMATED]}]}, "r2 cannot be estimated"),
        ({"columns": []}, "at least 1 item"),
        ({"columns": [KEY, WHEN, WHEN | {"name": "then"}, AGE, GOAL]}, "only one column can have the role time"),
        ({"columns": [KEY, WHEN, GOAL]}, "at least one column needs the role feature"),
        ({"columns": [KEY, WHEN, AGE]}, r"exactly one column needs the role target \(found 0\)"),
        ({"columns": [KEY, WHEN, AGE, GOAL, GOAL | {"name": "b"}]}, r"needs the role target \(found 2\)"),
        ({"columns": [KEY, WHEN, AGE, AGE, GOAL]}, "age is named more than once"),
        ({"labels": FILES}, r"labels come from files, so no column can have the role target \(goal has\)"),
        ({"labels": FILES, "columns": [WHEN, AGE]}, "join by id, so a column with the role id is needed"),
        ({"columns": [KEY, WHEN | {"hours_from": "hour"}, AGE, GOAL]}, "hours_from names hour"),
        (
            {
                "columns": [
                    KEY,
                    WHEN | {"hours_from": "h"},
                    AGE,
                    GOAL,
                    {"name": "h", "role": "ignore", "type": "integer"},
                ]
            },
            "hours_from names h, which is no column of type integer or number that is read",
        ),
        (
            {
                "columns": [
                    KEY,
                    WHEN | {"hours_from": "h"},
                    AGE,
                    GOAL,
                    {"name": "h", "role": "feature", "type": "string"},
                ]
            },
            "hours_from names h",
        ),
        ({"columns": text_goal()}, "the target goal holds texts, so `positive` has to say"),
        ({"columns": text_goal("datetime"), "positive": "x"}, "cannot be of type datetime"),
        ({"columns": text_goal("number"), "positive": "yes"}, "`positive` has to be a number"),
        ({"positive": "won"}, "a word for yes or no"),
        ({"columns": text_goal(), "positive": "a", "negatives": ["b", "a"]}, "a positive that is not one of them"),
        ({"negatives": ["no"]}, "negatives need a positive"),
        ({"columns": text_goal("number"), "positive": "1", "negatives": ["no"]}, "`negatives` have to be numbers"),
        ({"columns": [KEY, WHEN, AGE | {"ahead": "1d"}, GOAL]}, "belong to the time column"),
        ({"columns": [KEY, WHEN | {"earliest": "1950-01-01T00:00:00"}, AGE, GOAL]}, "timezone"),
        ({"columns": text_goal("boolean"), "problem": "regression", "metric": "mae"}, "cannot be of type boolean"),
        (
            {"columns": text_goal("number"), "problem": "regression", "metric": "mae", "positive": "1"},
            "positive belongs to a binary problem only",
        ),
        ({"pipeline": "../churn"}, "use a-z, 0-9"),
        ({"pipeline": "Churn"}, "use a-z, 0-9"),
        ({"split": GOOD["split"] | {"evaluation": "14 days"}}, "number and one of w, d, h, m, s"),
        ({"split": GOOD["split"] | {"evaluation": 14}}, "duration|share"),
        ({"split": GOOD["split"] | {"tuning": True}}, "duration|share"),
        ({"split": GOOD["split"] | {"history": []}}, "at least 1 item"),
        ({"gates": [{"kind": "flor", "at_least": 0.5}]}, "'floor', 'beats_dummy'"),
        ({"gates": []}, "at least 1 item"),
        (
            {"gates": [{"kind": "groups", "columns": ["age"], "max_gap": 0.1}]},
            "age, which is no column with the role",
        ),
        (
            {"gates": [{"kind": "suspicious_features", "allow": ["calendar_hours"]}]},
            "calendar_hours, which is no feature",
        ),
        ({"gates": [{"kind": "slices", "columns": ["key"]}]}, "key, which is no column with the role feature or pro"),
        ({"gates": [{"kind": "slices", "columns": ["agge"]}]}, "gate slices names agge"),
        ({"gates": [{"kind": "slices"}]}, "name columns, or set search"),
        (REGRESSION | {"gates": [{"kind": "calibration"}]}, "gate calibration judges a binary problem only"),
        (
            REGRESSION | {"gates": [SEX_RATE], "columns": [KEY, AGE, SEX, COUNT]},
            "gate groups with a rate judges",
        ),
        ({"candidates": [{"kind": "dummy"}]}, "'linear', 'hist_gradient_boosting', 'random_forest'"),
        ({"source": {"kind": "ftp", "path": "x"}}, "'folder', 'sample'"),
        ({"source": RETAKEN}, r"max_quarantined_share to 1 \(0\.3 now\)"),
        ({"source": RETAKEN, "validation": {"max_quarantined_share": 1}, "columns": [AGE, GOAL]}, "role id has to"),
        ({"search": {"trials": 0}}, "greater than or equal to 1"),
        ({"search": {"trials": "many"}}, "valid integer"),
        ({"runner": {"kind": "dask", "adress": "x"}}, "Extra inputs"),
        ({"validation": {"max_quarantined_share": 1.5}}, "less than or equal to 1"),
        ({"schedules": {"cycle": {"cron": "61 * * * *"}}}, "is not a cron expression"),
        ({"schedules": {"promotion": {"every": "1d"}}}, "Extra inputs"),
        ({"serving": {"canary": 0.1}, "governor": {"mode": "approve"}}, "nobody has approved"),
        ({"serving": {"canary": 0.6}}, "less than or equal to 0.5"),
    ],
)
def test_what_cannot_work_is_refused(changes, told):
    with pytest.raises(ValidationError, match=told):
        made(**changes)


def test_an_allowance_for_a_part_of_the_time_that_is_a_feature_works():
    gate = {"kind": "suspicious_features", "allow": ["age", "calendar_hour"]}
    assert made(calendar=["hour"], gates=[gate]).gates[0].allow == ("age", "calendar_hour")


@pytest.mark.parametrize(
    ("type_", "positive"),
    [("category", "won"), ("string", "1"), ("number", "1.0"), ("integer", None), ("boolean", "Yes"), ("boolean", None)],
)
def test_targets_that_work(type_, positive):
    assert made(columns=text_goal(type_), positive=positive).positive == positive
