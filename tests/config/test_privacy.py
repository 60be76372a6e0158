"""What a pipeline's file may say about personal data, and that keys come from the environment and are never shown."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from config.opening import open_pipeline
from config.settings import PROJECT, load_settings
from tasks.core.errors import ConfigInvalid
from tests.config.test_schema import AGE, GOAL, KEY, SEX, SEX_RATE, WHEN, made

SECRET = "0123456789abcdef" * 2
PAID = GOAL | {"type": "number", "privacy": "amount"}
FEW = {"columns": [KEY, WHEN, AGE, GOAL, SEX], "gates": [SEX_RATE | {"min_rows": 5}]}
MAIL = KEY | {"privacy": "mail"}


def test_a_class_gets_its_policy_and_what_is_not_said_has_defaults():
    config = made(
        columns=[MAIL, WHEN, AGE | {"privacy": "age"}, GOAL], privacy={"policies": {"age": {"kind": "bands"}}}
    )
    protection = config.privacy.protection
    assert [getattr(protection.policy_of(c), "kind", None) for c in config.columns] == [
        "pseudonymise",
        None,
        "bands",
        None,
    ]
    assert (protection.undeclared, config.privacy.retention.terms) == ("quarantine", {})
    kept = made(privacy={"retention": {"raw": "30d"}}).privacy.retention.terms
    assert kept == {"raw": timedelta(days=30)}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"columns": [MAIL | {"type": "integer"}, WHEN, AGE, GOAL]}, "give the column the type string"),
        ({"columns": [KEY, WHEN, AGE | {"privacy": "name"}, GOAL]}, "give the column the role ignore"),
        ({"columns": [KEY, WHEN, AGE, PAID], "positive": "1"}, "made private"),
        ({"privacy": {"subject": "nobody"}}, "privacy.subject nobody"),
        ({"privacy": {"policies": {"mails": {"kind": "drop"}}}}, "mails"),
        ({"privacy": {"policies": {"mail": {"kind": "hash"}}}}, "pseudonymise"),
        (FEW | {"privacy": {"smallest_group": 10}}, "tells of parts of 5 rows"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_runs(changes, told):
    with pytest.raises(ValidationError, match=told):
        made(**changes)


def test_terms_that_an_object_store_would_not_keep_are_refused_before_anything_runs(tmp_path, monkeypatch):
    text = (PROJECT / "config" / "pipelines" / "subscriptions.yaml").read_text("utf-8")
    (tmp_path / "subscriptions.yaml").write_text(text + "privacy: {retention: {raw: 30d}}\n")
    monkeypatch.setenv("KEEPFIT_PIPELINES_DIR", str(tmp_path))
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))
    open_pipeline("subscriptions", None, "run")
    monkeypatch.setenv("KEEPFIT_STORE", "s3://ann:hunter2@bucket/keepfit")
    with pytest.raises(ConfigInvalid, match=r"s3://bucket/keepfit .* privacy.retention rewrites files in place"):
        open_pipeline("subscriptions", None, "run")
    (tmp_path / "subscriptions.yaml").write_text(text)
    open_pipeline("subscriptions", None, "run")


def test_keys_come_from_the_environment_and_no_message_or_picture_shows_them(tmp_path, monkeypatch):
    text = (PROJECT / "config" / "pipelines" / "subscriptions.yaml").read_text("utf-8")
    named = text.replace("role: id, type: string,", "role: id, type: string, privacy: other,")
    named += "privacy: {policies: {other: {kind: pseudonymise}}}\n"
    (tmp_path / "subscriptions.yaml").write_text(named)
    monkeypatch.setenv("KEEPFIT_PIPELINES_DIR", str(tmp_path))
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))
    with pytest.raises(ConfigInvalid, match="KEEPFIT_PRIVACY_KEYS is not set"):
        open_pipeline("subscriptions", None, "run")
    monkeypatch.setenv("KEEPFIT_PRIVACY_KEYS", f"k1:{SECRET}")
    _, session = open_pipeline("subscriptions", None, "run")
    assert session.keys.ids == ("k1",)
    assert SECRET not in repr(session) + repr(load_settings()) + str(load_settings().model_dump())
    monkeypatch.setenv("KEEPFIT_PRIVACY_KEYS", SECRET)
    with pytest.raises(ConfigInvalid) as told:
        open_pipeline("subscriptions", None, "run")
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(("said", "told_from"), [({}, 0), (2, 0), (3, 5), (5, 5), (20, 20)])
def test_the_smallest_group_reaches_whatever_leaves_and_is_five_at_least_where_it_is_said(said, told_from):
    config = made(privacy={"smallest_group": said} if said else {})
    assert config.features.smallest_group == told_from
