"""`keepfit check` finds the rules that would refuse each delivery, before any comes; `new` tells how to replay."""

import pytest

from config.settings import PROJECT
from deployments.commands.pipelines import check, new
from tasks.core.errors import ConfigInvalid

FILE = PROJECT / "config" / "pipelines" / "subscriptions.yaml"
RULE = "{expect: ExpectColumnValuesToBeBetween, arguments: {column: tenure_days, min_value: 0}}"


@pytest.fixture
def pipelines(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPFIT_PIPELINES_DIR", str(tmp_path))
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_sample_is_well(pipelines, capsys):
    (pipelines / FILE.name).write_text(FILE.read_text())
    check(["subscriptions"])
    assert capsys.readouterr().out.startswith("subscriptions: ok (")


def test_what_new_proposes_to_replay_ends_with_the_last_day(pipelines, capsys, monkeypatch):
    monkeypatch.setenv("KEEPFIT_DEPLOYMENTS_FILE", str(pipelines / "prefect.yaml"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    days = [f"2024-{number // 28 + 1:02}-{number % 28 + 1:02},{number % 7},{number % 5}" for number in range(336)]
    (pipelines / "rides.csv").write_text("\n".join(["day,x,y", *days]))
    new("rides", pipelines / "rides.csv", "y", "day")
    assert capsys.readouterr().out.rstrip().endswith("keepfit replay rides --every 30d --to 2024-12-29")


@pytest.mark.parametrize(
    ("expect", "arguments", "why"),
    [
        ("ExpectColumnValuesBetween", "column: tenure_days", "has no expectation ExpectColumnValuesBetween; check the"),
        ("ExpectColumnValuesToBeBetween", "column: humm, min_value: 0", "the columns of this file have no 'humm'"),
        ("ExpectColumnValuesToBeBetween", "column: tenure_days, least: 0", "does not take these arguments"),
    ],
)
def test_a_rule_that_can_never_be_asked_is_told_with_its_place(pipelines, expect, arguments, why):
    text = FILE.read_text()
    assert RULE in text
    changed = text.replace(RULE, f"{{expect: {expect}, arguments: {{{arguments}}}}}")
    (pipelines / FILE.name).write_text(changed)
    place = rf"^subscriptions.yaml: validation.expectations.2: {expect}:\w+: .*{why}"
    with pytest.raises(ConfigInvalid, match=place):
        check(["subscriptions"])
