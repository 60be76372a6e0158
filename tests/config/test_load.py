"""From YAML to a pipeline: errors name file, line, value and what is allowed; the digest is that of the meaning."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import config_digest, json_schema, load_all, load_file, load_pipeline
from config.settings import PROJECT, Settings
from tasks.core.errors import ConfigInvalid, NotFound

COMMITTED = sorted((PROJECT / "config" / "pipelines").glob("*.yaml"))
TEXT = (PROJECT / "config" / "pipelines" / "subscriptions.yaml").read_text(encoding="utf-8")


def load(folder, text, name="subscriptions"):
    path = Path(folder) / f"{name}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_file(path)


def line_of(text, part):
    return next(number for number, line in enumerate(text.split("\n"), 1) if part in line)


@pytest.mark.parametrize("path", COMMITTED, ids=[path.stem for path in COMMITTED])
def test_every_committed_pipeline_loads_and_fits_the_schema_for_editors(path):
    import jsonschema

    assert load_file(path).pipeline == path.stem
    validator = jsonschema.Draft202012Validator(json_schema())
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []
    broken = yaml.safe_load(path.read_text()) | {"metric": "auc", "extra": 1}
    assert len(list(validator.iter_errors(broken))) >= 2


@pytest.mark.parametrize("name", ["/some/rentals.yaml", "rentals.yaml", "pipelines/rentals", "../x", "Rentals", ""])
def test_what_can_be_no_name_is_no_missing_file(name, tmp_path):
    with pytest.raises(ConfigInvalid, match=r"cannot name a pipeline: use a-z.*no folder and no `\.yaml`"):
        load_pipeline(name, Settings(pipelines_dir=tmp_path, home=tmp_path / "home"))


def test_there_is_a_committed_pipeline():
    assert "subscriptions" in {path.stem for path in COMMITTED}


WRONG = {
    "a typo at the top": ("metric: roc_auc", "metrik: roc_auc", "metrik", "did you mean metric?"),
    "a typo in a section": ("budget: 2m", "bugdet: 2m", "search.bugdet", "did you mean budget?"),
    "a typo in a list": ("name: age, role", "name: age, rol", "columns.6.rol", "did you mean role?"),
    "a typo in a kind": ("trees: 60", "treees: 60", "candidates.2.random_forest.treees", "did you mean trees?"),
    "a typo in an optional section": ("cron:", "crn:", "schedules.cycle.crn", "did you mean cron?"),
    "a typo in a kind that a length may stand for": (
        "history: [30d, 270d]", "history: [30d, {kind: recency_weighted, halflife: 9d}]",
        "split.history.1.recency_weighted.halflife", "did you mean half_life?"),
    "a key of another section": ("kind: linear", "kind: linear, zzz: 1", "candidates.0.linear.zzz", "allowed: kind"),
    "an unknown kind": ("kind: floor", "kind: flor", "gates.1", "'floor', 'beats_dummy'"),
    "a typo in a nested kind": ("kind: performance}", "kind: all, of: [{kind: age, longst: 9d}]}",
        "triggers.0.all.of.0.age.longst", "did you mean longest?"),
    "a typo two kinds deep": ("kind: performance}", "kind: any, of: [{kind: at_least, breaches: 2, checks: 3, trigger:"
        " {kind: new_labels, at_leest: 3}}]}", "triggers.0.any.of.0.at_least.trigger.new_labels.at_leest", "at_least?"),
    "an unknown nested kind": ("kind: performance}", "kind: all, of: [{kind: agee}]}",
        "triggers.0.all.of.0", "'any', 'all', 'at_least'"),
    "a combination of nothing": ("kind: performance}", "kind: any, of: []}", "triggers.0.any.of", "at least 1 item"),
    "more breaches than checks": ("kind: performance}", "kind: at_least, breaches: 4, checks: 3, trigger: {kind: "
        "performance}}", "triggers.0.at_least", "breaches is 4 of 3 checks; at most 3 are allowed"),
    "a bad duration": ("budget: 2m", "budget: soon", "search.budget", "for example 14d or 12h (found 'soon')"),
    "a bad duration or share": ("tuning: 14d", "tuning: 14x", "split.tuning", "for example 14d or 12h (found '14x')"),
    "a wrong type": ("trials: 4", "trials: four", "search.trials", "valid integer"),
    "a number out of bounds": ("_share: 0.3", "_share: 3", "validation.max_quarantined_share", "(found 3)"),
    "a value out of a set": ("problem: binary", "problem: ternary", "problem", "'binary' or 'regression'"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "told"), WRONG.values(), ids=list(WRONG))
def test_an_error_names_the_file_the_place_the_line_and_what_is_allowed(tmp_path, old, new, where, told):
    text = TEXT.replace(old, new, 1)
    assert text != TEXT
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/subscriptions.yaml: ")
    (line,) = [one for one in message.split("\n") if f"  {where}, line {line_of(text, new)}: " in one and told in one]
    assert "pydantic" not in line


def test_triggers_nest_in_the_file_and_fit_the_schema_for_editors(tmp_path):
    import jsonschema

    nested = "{kind: any, of: [{kind: age, longest: 90d}, {kind: at_least, breaches: 2, checks: 3, trigger: {kind: all,"
    nested += " of: [{kind: performance}, {kind: data_drift}]}}]}"
    text = TEXT.replace("{kind: performance}", nested)
    (combined, _) = load(tmp_path, text).triggers
    assert combined.name == "any(age, 2 of 3(all(performance, data_drift)))"
    assert load(tmp_path, text) != load(tmp_path, TEXT)
    validator = jsonschema.Draft202012Validator(json_schema())
    assert list(validator.iter_errors(yaml.safe_load(text))) == []
    assert list(validator.iter_errors(yaml.safe_load(text.replace("longest: 90d", "longest: soon"))))


def test_all_errors_are_told_at_once(tmp_path):
    text = TEXT.replace("trials: 4", "trials: four").replace("problem: binary", "problem: ternary")
    with pytest.raises(ConfigInvalid, match=r"(?s)2 errors.*problem.*trials"):
        load(tmp_path, text)


def test_what_spans_sections_is_told_as_such(tmp_path):
    with pytest.raises(ConfigInvalid, match=r"\(whole file\): metric mae does not fit a binary problem"):
        load(tmp_path, TEXT.replace("metric: roc_auc", "metric: mae"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT + "metric: brier\n", r"key 'metric' stands twice \(line \d+"),
        (
            TEXT.replace("trials: 4", "trials: 4, trials: 5"),
            rf"key 'trials' stands twice \(line {line_of(TEXT, 'trials: 4')}",
        ),
        ("", "a mapping of keys is expected, found NoneType"),
        ("- a\n", "a mapping of keys is expected, found list"),
        ("a: [1\n", r"not readable as YAML: .*\(line 2"),
        ("a: b: c\n", "not readable as YAML"),
        ("\ta: 1\n", r"not readable as YAML: .*\(line 1"),
        ("? [a, b]\n: 1\n", "a key has to be plain text"),
        ("? {a: 1}\n: 1\n", "a key has to be plain text"),
        ("a: !!python/object/apply:os.system [echo]\n", "not readable as YAML"),
        (TEXT + "1: 2\n", "Keys should be strings"),
        (b"a: \xff\n", r"not UTF-8 text \(byte 3\)"),
        (b"a: \0\n", "not readable as YAML"),
    ],
)
def test_what_is_no_pipeline_file_is_told(tmp_path, text, told):
    with pytest.raises(ConfigInvalid, match=told):
        load(tmp_path, text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="abc:-[]{}&*!<? \n'\"#1", max_size=60))
def test_whatever_stands_in_the_file_the_answer_is_a_clear_error(tmp_path_factory, text):
    with pytest.raises(ConfigInvalid, match=r"x\.yaml: "):
        load(tmp_path_factory.mktemp("c"), text.encode("utf-8", "replace"), "x")


def test_anchors_and_merges_work(tmp_path):
    text = TEXT.replace(
        "schedules:\n",
        "schedules:\n  scoring: &often {every: 1h}\n  monitoring: {<<: *often, timezone: Europe/Berlin}\n",
    )
    schedules = load(tmp_path, text).schedules
    assert schedules.monitoring.every == schedules.scoring.every
    assert schedules.monitoring.timezone == "Europe/Berlin"


def test_the_name_is_that_of_the_file(tmp_path):
    with pytest.raises(ConfigInvalid, match="'subscriptions' has to be the file's name, 'other'"):
        load(tmp_path, TEXT, "other")


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_comments_and_order(tmp_path_factory, rng):
    def shuffled(value):
        if isinstance(value, dict):
            return {key: shuffled(item) for key, item in rng.sample(list(value.items()), len(value))}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    folder = tmp_path_factory.mktemp("d")
    text = "# another comment\n" + yaml.safe_dump(shuffled(yaml.safe_load(TEXT)), sort_keys=False)
    assert config_digest(load(folder, text)) == config_digest(load(folder, TEXT))


@pytest.mark.parametrize(("old", "new"), [pair[:2] for pair in [
    ("trials: 4", "trials: 5"), ("14d              # a", "15d              # a"), ("trees: 60", "trees: 61"),
    ("margin: 0.01", "margin: 0.02"), ("  - {kind: sanity}\n", ""), ("[weekday, month]", "[month, weekday]"),
]])  # fmt: skip
def test_the_digest_changes_with_the_meaning(tmp_path, old, new):
    assert old in TEXT
    assert config_digest(load(tmp_path, TEXT.replace(old, new, 1))) != config_digest(load(tmp_path, TEXT))


def test_the_digest_is_the_same_in_every_process(tmp_path):
    program = (
        "from config.load import *; from config.settings import PROJECT\n"
        "print(config_digest(load_file(PROJECT / 'config/pipelines/subscriptions.yaml')))"
    )
    command, environment = [sys.executable, "-c", program], {"PYTHONHASHSEED": "3", "PATH": ""}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == config_digest(load(tmp_path, TEXT))


def test_an_unknown_pipeline_is_told_with_what_there_is(tmp_path):
    load(tmp_path, TEXT)
    settings_ = Settings(pipelines_dir=tmp_path, home=tmp_path / "home")
    assert list(load_all(settings_)) == ["subscriptions"]
    assert load_pipeline("subscriptions", settings_).pipeline == "subscriptions"
    with pytest.raises(
        NotFound, match=r"Did you mean subscriptions\? Known: subscriptions\. Make one with `keepfit new"
    ):
        load_pipeline("subscription", settings_)


def test_the_schema_for_editors_is_json_and_refuses_unknown_keys_everywhere():
    schema = json.loads(json.dumps(json_schema()))
    closed = [schema, *(part for part in schema["$defs"].values() if part.get("type") == "object")]
    assert all(part["additionalProperties"] is False for part in closed)
