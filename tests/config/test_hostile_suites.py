"""Pipeline files whose suite would run code, or never end: each is refused with one message, and nothing runs."""

import pandas as pd
import pytest
import yaml

from config.load import load_file
from config.settings import PROJECT
from tasks.adapters.expectations import Expectation, validate
from tasks.core.errors import ConfigInvalid

MARK = "executed"
TEXT = (PROJECT / "config" / "pipelines" / "subscriptions.yaml").read_text("utf-8")
CALL = "__import__('os').system('{command}')"


def tagged(command):
    """Tags of YAML that make an object, call a function or import a module."""
    return {
        "apply": f"!!python/object/apply:os.system ['{command}']",
        "apply by keywords": f"!!python/object/apply:subprocess.run {{args: [['sh', '-c', '{command}']]}}",
        "new": f"!!python/object/new:os.system ['{command}']",
        "object": "!!python/object:subprocess.Popen {args: x}",
        "name": "!!python/name:os.system ''",
        "module": "!!python/module:antigravity ''",
        "tuple": "!!python/tuple [1]",
        "its own tag": f"!os.system '{command}'",
        "binary": "!!python/bytes 'gASV'",
        "eval": f'!!python/object/apply:builtins.eval ["{CALL.format(command=command)}"]',
    }


def conditions(command):
    """Conditions that pandas would evaluate: calls, attributes, names of the caller."""
    call = CALL.format(command=command)
    return {
        "by a module": f"@pd.io.common.os.system('{command}') == 0",
        "by another": f"@pd.compat.pickle_compat.pickle.os.system('{command}') == 0",
        "by builtins": f"@__builtins__['__import__']('os').system('{command}') == 0",
        "bare": f"{call} == 0",
        "a file": f"age.to_pickle('{command.split()[-1]}')",
        "a class": "age.__class__.__bases__ == 0",
        "a question of a question": "age.isna().any()",
        "a question with an argument": f"age.isna({call})",
        "a comprehension": f"[{call} for _ in [1]] == [0]",
        "a lambda": f"(lambda: {call})() == 0",
        "a subscript": "age[0] == 1",
        "an assignment": f"(age := {call})",
        "behind a quoted name": f"`a` == 1 or {call}",
        "two lines": f"age = 1\n{call}",
        "deep": "(" * 10_000 + ")" * 10_000,
        "a text of braces": "f'{" + call + "}' == 'x'",
    }


def pipeline(folder, rule):
    """The sample's pipeline with one more rule, given as YAML."""
    assert TEXT.count("\nvalidation:") <= 1
    content = yaml.safe_load(TEXT)
    content.setdefault("validation", {}).pop("expectations", None)
    head, _, tail = yaml.safe_dump(content, sort_keys=False).partition("validation:")
    body = tail[1:] if not tail.startswith(" {}") else tail[3:]
    path = folder / "subscriptions.yaml"
    path.write_text(f"{head}validation:\n  expectations:\n  - {rule}\n{body.lstrip(chr(10))}", "utf-8")
    return path


def refused(path):
    with pytest.raises(ConfigInvalid) as told:
        load_file(path)
    assert "Traceback" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("name", list(tagged("x")))
def test_a_tag_makes_no_object(tmp_path, name):
    mark = tmp_path / MARK
    assert "not readable as YAML" in refused(pipeline(tmp_path, tagged(f"touch {mark}")[name]))
    assert not mark.exists()


@pytest.mark.parametrize("name", list(conditions("x")))
def test_a_condition_runs_nothing(tmp_path, name):
    mark = tmp_path / MARK
    rule = {"expect": "ExpectColumnValuesToNotBeNull", "arguments": {
        "column": "age", "condition_parser": "pandas", "row_condition": conditions(f"touch {mark}")[name]}}  # fmt: skip
    told = refused(pipeline(tmp_path, yaml.safe_dump(rule, default_flow_style=True, width=10**6).strip()))
    assert "row_condition" in told
    assert "compare columns with values" in told
    assert not mark.exists()


@pytest.mark.parametrize("expect", ["__import__", "os.system", "Expect.__class__", "core", "ExpectX; import os",
                                    "Expect{0.__class__}", "{{ config }}", "gx"])  # fmt: skip
def test_a_name_that_is_no_class_of_an_expectation_is_refused(tmp_path, expect):
    assert "class name of an expectation" in refused(pipeline(tmp_path, f"{{expect: {expect!r}}}"))


@pytest.mark.parametrize("rule", [
    "{expect: ExpectColumnValuesToBeBetween, arguments: {column: age, min_value: {$PARAMETER: 'now()'}}}",
    "{expect: ExpectColumnValuesToBeInSet, arguments: {column: age, value_set: [{$PARAMETER: 'x'}]}}",
])  # fmt: skip
def test_an_expression_in_the_place_of_a_value_is_refused(tmp_path, rule):
    assert "write the value itself" in refused(pipeline(tmp_path, rule))


@pytest.mark.timeout(90)  # what grows would take for ever, and what is asked anew for each mistake minutes
@pytest.mark.parametrize("bomb", ["lists", "depth", "keys", "mistakes"])
def test_a_file_that_grows_when_it_is_read_is_refused_in_time(tmp_path, bomb):
    path = tmp_path / "subscriptions.yaml"
    laughs = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    mistakes = "".join(f"a{n}: 1\n" for n in range(3_000))
    path.write_text({"lists": TEXT + laughs, "depth": "a: " + "[" * 50_000, "keys": TEXT + "? [a, b]\n: 1\n",
                     "mistakes": TEXT + mistakes}[bomb])  # fmt: skip
    assert len(refused(path)) < 100_000


@pytest.mark.parametrize(
    "condition",
    [
        "age > 18",
        "plan == 'basic' and age > 18",
        "age.notna() & (age < 99)",
        "not (`full name` == 'x')",
        "plan in ['basic', 'plus']",
        "-age < 3 or age.isna()",
    ],
)
def test_plain_conditions_stand_and_pandas_takes_them(condition):
    rows = pd.DataFrame({"age": [20.0, None], "plan": ["basic", "plus"], "full name": ["x", "y"]})
    rule = Expectation(expect="ExpectTableRowCountToBeBetween", arguments={"min_value": 0, "row_condition": condition})
    assert len(rows.query(rule.arguments["row_condition"])) < 3


def test_great_expectations_would_run_such_a_condition(tmp_path):
    mark = tmp_path / MARK
    arguments = {"column": "age", "condition_parser": "pandas",
                 "row_condition": conditions(f"touch {mark}")["by a module"]}  # fmt: skip
    rule = Expectation.model_construct(
        expect="ExpectColumnValuesToNotBeNull", arguments=arguments, on_fail="quarantine"
    )
    validate(pd.DataFrame({"age": [20.0, 30.0]}), [rule])
    assert mark.exists()
