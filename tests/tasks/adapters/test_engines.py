"""Spark answers as pandas does, on a real local session; what it cannot answer so is unknown, and refuses."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from config.settings import PROJECT
from tasks.adapters.engines import PandasEngine, SparkEngine
from tasks.adapters.expectations import Expectation, always, validate
from tasks.core.errors import ConfigInvalid, KeepfitError, ServerUnavailable
from tasks.core.results import Verdict
from tests.tasks.adapters.spark import FEW, refuse_without_spark, spark
from tests.tasks.adapters.test_every_expectation import ASKED, UNASKABLE, bad
from tests.tasks.adapters.test_expectations import CANARY, COLUMNS, rows, rule

NOT_OF_SPARK = {
    "ExpectColumnValuesToBeIncreasing", "ExpectColumnValuesToBeDecreasing", "ExpectColumnValuesToBeDateutilParseable",
    "ExpectColumnTypeToBe", "ExpectColumnValuesToBeInTypeList", "ExpectColumnValuesToBeOfType",
}  # fmt: skip
"""Rules of an order, one that Great Expectations has for pandas only, and rules that name pandas' types."""


@pytest.fixture(scope="module")
def engine():
    with spark() as found:
        yield found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "a home" / "evaluated"


def test_every_expectation_is_answered_as_pandas_answers_it(engine, folder):
    rules = {name: Expectation(expect=name, arguments=arguments) for name, arguments in (ASKED | UNASKABLE).items()}
    frame = bad().set_axis(range(7, 7 + len(bad())))
    ours, theirs = (validate(frame, [*rules.values()], (), one, folder) for one in (PandasEngine(), engine))
    pairs = dict(zip(rules, zip(ours.checks, theirs.checks, strict=True), strict=True))
    for name, (of_pandas, of_spark) in pairs.items():
        if name in NOT_OF_SPARK:
            assert of_spark.verdict is Verdict.UNKNOWN
            assert rules[name].rule in theirs.refusals
        else:
            assert (of_spark.verdict, of_spark.numbers) == (of_pandas.verdict, of_pandas.numbers), name
    assert theirs.rows == {rule: rows for rule, rows in ours.rows.items() if rule.split(":")[0] not in NOT_OF_SPARK}
    assert sum(check.verdict is Verdict.FAIL for _, check in pairs.values()) > 40, "the bad rows broke the rules"
    assert [path.name for path in folder.iterdir() if path.suffix == ".rows"] == []
    assert folder.stat().st_mode & 0o777 == 0o700


def typed():
    """Rows as ingestion has them: gaps, categories, moments, flags, names in two cases, an id twice."""
    frame = rows().assign(Age=1.5, whole=[1.0, np.nan, 3, 4, np.inf, 6])
    frame["gaps"] = pd.array([1, None, 3, 4, 5, 6], dtype="Int64")
    frame["shade"] = pd.Categorical(["red", None, "blue", "red", "pink", "red"])
    frame["a name"] = ["x", "y", "x", "x", None, "y"]
    frame["empty"] = pd.Series([None] * 6, dtype=object, index=frame.index)
    frame.loc[12, "key"] = "k0"
    return frame


def test_rows_as_ingestion_has_them_are_judged_the_same(engine, folder):
    rules = [
        *always(COLUMNS),
        rule("ExpectColumnValuesToBeBetween", column="whole", max_value=4),
        rule("ExpectColumnValuesToBeBetween", column="gaps", min_value=3),
        rule("ExpectColumnValuesToNotBeNull", column="gaps"),
        rule("ExpectColumnValuesToBeInSet", column="shade", value_set=["red"]),
        rule("ExpectColumnValuesToMatchRegex", column="a name", regex="^x$"),
        rule("ExpectColumnValuesToBeBetween", column="when", max_value="2024-01-03T00:00:00+00:00"),
        rule("ExpectColumnValuesToBeInSet", column="flag", value_set=[False]),
        rule("ExpectColumnValuesToBeInSet", column="empty", value_set=["a"]),
        rule("ExpectColumnMaxToBeBetween", column="Age", max_value=1),
        rule("ExpectColumnMaxToBeBetween", column="age", max_value=30),
        rule("ExpectColumnPairValuesToBeEqual", column_A="age", column_B="spend"),
        rule("ExpectColumnMeanToBeBetween", column="spend", min_value=1, max_value=2),
        rule("ExpectTableRowCountToEqual", value=6),
    ]
    ours, theirs = (validate(typed(), rules, ["empty"], one, folder) for one in (PandasEngine(), engine))
    assert [(one.name, one.verdict) for one in theirs.checks] == [(one.name, one.verdict) for one in ours.checks]
    assert theirs.rows == ours.rows
    assert theirs.refusals == ours.refusals
    assert len(ours.rows) == 9
    kinds = {"spend": "DoubleType", "gaps": "LongType", "when": "TimestampType", "shade": "StringType"}
    named = [rule("ExpectColumnValuesToBeOfType", column=name, type_=kind) for name, kind in kinds.items()]
    assert {check.verdict for check in validate(typed(), named, (), engine, folder).checks} == {Verdict.PASS}


def test_what_spark_would_read_otherwise_is_unknown_and_says_why(engine, folder):
    condition = {"column": "age", "min_value": 24, "row_condition": "spend > 0.5 and plan == 'a'"}
    frame = rows().assign(**{"a.b": "x"})
    asked = {
        "crashed": rule("ExpectColumnValuesToBeBetween", column="plan", min_value=0),  # text beside a number
        "dots": rule("ExpectColumnValuesToBeInSet", column="a.b", value_set=["y"]),
        "SQL of Spark's": rule("ExpectColumnValuesToBeBetween", **condition, condition_parser="pandas"),
        "which may read anything": rule(
            "ExpectQueryResultsToMatchComparison", base_query="SELECT * FROM text.`/etc/passwd`",
            comparison_data_source_name="batch", comparison_query="SELECT 1",
        ),
    }  # fmt: skip
    answer = validate(frame, [*asked.values()], (), engine, folder)
    for told, check in zip(asked, answer.checks, strict=True):
        assert check.verdict is Verdict.UNKNOWN
        assert told in check.reason
    assert len(answer.refusals) == len(asked)
    ours = validate(frame, [asked["SQL of Spark's"]])
    own = rule("ExpectColumnValuesToBeBetween", **condition, condition_parser="spark")
    assert validate(frame, [own], (), engine, folder).rows == ours.rows == {own.rule: [12, 13]}


def test_answers_hold_no_values_of_cells(engine, folder):
    frame = rows()
    frame.loc[11, ["key", "plan"]] = CANARY
    rules = [
        *always(COLUMNS),
        rule("ExpectColumnValuesToBeInSet", column="plan", value_set=["a"]),
        rule("ExpectColumnDistinctValuesToBeInSet", column="plan", value_set=["a"]),
        rule("ExpectColumnValuesToBeBetween", column="plan", max_value=5),
        rule("ExpectColumnPairValuesToBeEqual", column_A="key", column_B="plan"),
    ]
    answer = validate(frame, rules, (), engine, folder)
    assert sum(check.verdict is not Verdict.PASS for check in answer.checks) >= 4
    assert CANARY not in repr(answer)


def told_by(program, **environment):
    """What a process of its own prints: an engine that lost its Java is of no more use to the other tests."""
    head = """
        import sys
        from pathlib import Path
        from tasks.adapters.engines import SparkEngine
        from tasks.adapters.expectations import always, validate
        from tests.tasks.adapters.test_expectations import COLUMNS, rows
        engine = SparkEngine(kind="spark", master=sys.argv[1], settings=SETTINGS)
        def told():
            try:
                return repr(validate(rows(), always(COLUMNS), (), engine, Path(sys.argv[2])).refusals)
            except Exception as error:
                return f"{type(error).__name__}: {error}"
    """
    text = textwrap.dedent(head).replace("SETTINGS", repr(FEW)) + textwrap.dedent(program)
    return lambda master, folder: subprocess.run(
        [sys.executable, "-c", text, master, str(folder)], cwd=PROJECT, env=os.environ | environment, text=True,
        capture_output=True, timeout=300, check=True,
    ).stdout  # fmt: skip


def test_a_spark_that_dies_at_work_or_is_dead_refuses_no_delivery_and_the_run_fails(folder):
    refuse_without_spark()
    killed = """
        import great_expectations as gx
        assert told() == "()"
        from pyspark import SparkContext
        class ExpectTheEnd(gx.expectations.ExpectColumnValuesToNotBeNull):
            def get_validation_dependencies(self, *given, **named):
                SparkContext._gateway.proc.kill()
                SparkContext._gateway.proc.wait()
                return super().get_validation_dependencies(*given, **named)
        gx.expectations.ExpectTheEnd = ExpectTheEnd
        from tasks.adapters.expectations import Expectation
        rules = [*always(COLUMNS), Expectation(expect="ExpectTheEnd", arguments={"column": "age"}), *always(COLUMNS)]
        sound, always = always, lambda _: rules
        print(told())
        always = sound
        print(told())
    """
    answers = told_by(killed)("local[1]", folder).splitlines()
    assert len(answers) == 2
    for answer in answers:
        assert answer.startswith("ServerUnavailable: Spark (local[1]) does not answer"), answer


def without_java(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)


def without_pyspark(monkeypatch):
    for name in ("pyspark", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)


def with_another_java(monkeypatch):
    monkeypatch.setenv("JAVA_HOME", "/nowhere")


@pytest.mark.parametrize(("missing", "told"), [
    (without_java, "there is no Java for it"),
    (without_pyspark, "pyspark is not installed"),
    (with_another_java, "does not answer, or cannot read"),
], ids=lambda one: getattr(one, "__name__", ""))  # fmt: skip
def test_without_java_or_spark_one_message_says_what_to_install(missing, told, folder, monkeypatch, capfd):
    refuse_without_spark()
    as_in_a_process_of_its_own(monkeypatch)
    missing(monkeypatch)
    unheard = SparkEngine(kind="spark", master="local[1]", settings=FEW)
    with pytest.raises(KeepfitError) as error:
        validate(rows(), always(COLUMNS), (), unheard, folder)
    assert type(error.value) in {ConfigInvalid, ServerUnavailable}
    assert told in str(error.value)
    assert "Traceback" not in str(error.value) + capfd.readouterr().out


def as_in_a_process_of_its_own(monkeypatch):
    """Nothing of Spark runs yet; what runs for the other tests is there again afterwards."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    for owner, name in ((SparkContext, "_gateway"), (SparkContext, "_jvm"), (SparkContext, "_active_spark_context"),
                        (SparkSession, "_instantiatedSession")):  # fmt: skip
        monkeypatch.setattr(owner, name, None)


def test_the_file_chooses_the_engine_and_its_settings():
    assert SparkEngine(kind="spark").master == "local[*]"
    with pytest.raises(ValueError, match="master"):
        SparkEngine(kind="spark", master="")
