"""Accepted rows are held against the rules that stand now, by pandas and by Spark alike, and nothing moves."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from config.schema import PipelineConfig
from tasks.adapters.engines import PandasEngine
from tasks.adapters.expectations import validate
from tasks.adapters.store import Store
from tasks.adapters.stored_rows import Stored
from tasks.auditing import audit_events
from tasks.core.errors import NotFound
from tasks.core.results import Verdict
from tasks.session import Session
from tests.flows.test_large_tables import DELIVERIES, NOW, bare, ingested
from tests.flows.test_spark import told
from tests.tasks.adapters.spark import spark
from tests.tasks.adapters.test_expectations import rule

__all__ = ["bare"]  # a fixture


@pytest.fixture(scope="module")
def engine():
    with spark() as found:
        yield found


def opened(folder, file):
    session = Session(Store(str(folder / "store"), "trial"), f"sqlite:///{folder}/control.db", NOW, "audit")
    return session, PipelineConfig.model_validate(file | {"source": {"kind": "folder", "path": str(folder)}})


def test_a_rule_that_is_new_names_how_many_accepted_rows_break_it(tmp_path, bare, engine):
    file = told({"kind": "pandas"})
    tmp_path = tmp_path / "a home"
    tmp_path.mkdir()
    tables, _ = ingested(tmp_path, file, [DELIVERIES[0], DELIVERIES[3]])
    blue = int((tables["events"]["shade"] == "blue").sum())
    assert blue > 20
    answers = []
    for one in (PandasEngine(), engine):
        held = told(one.model_dump())
        new = {"expect": "ExpectColumnValuesToBeInSet", "arguments": {"column": "shade", "value_set": ["red"]}}
        warned = {"expect": "ExpectTableRowCountToEqual", "arguments": {"value": 1}, "on_fail": "warn"}
        held["validation"] = held["validation"] | {"expectations": [*held["validation"]["expectations"], new, warned]}
        session, config = opened(tmp_path, held)
        answers.append(audit_events(session, config.columns, config.suite))
        assert session.store.rows("events") == len(tables["events"])
    assert answers[0] == answers[1]
    verdicts = [(check.name, check.verdict, check.numbers["unexpected"]) for check in answers[0]]
    assert verdicts[-1] == ("ExpectColumnValuesToBeInSet:shade", Verdict.FAIL, blue)
    assert all(verdict is Verdict.PASS for _, verdict, _ in verdicts[:-1])
    assert len(verdicts) == 4, "rules of whole deliveries are not asked of all of them"


def test_nothing_accepted_is_said(tmp_path):
    session, config = opened(tmp_path, told({"kind": "pandas"}))
    with pytest.raises(NotFound, match="accepted no rows yet"):
        audit_events(session, config.columns, config.suite)


def as_stored(files):
    fragments = tuple(ds.dataset(list(files)).get_fragments())
    return Stored(files, fragments, lambda: pd.concat(map(pd.read_parquet, files)).replace({np.nan: None}))


def test_files_that_grew_wider_are_one_table_and_what_is_empty_in_all_of_them_says_nothing(tmp_path, engine):
    gone = pa.nulls(3, pa.float64())
    pq.write_table(pa.table({"x": [1.0, 2.0, 3.0], "empty": gone}), tmp_path / "a.parquet")
    wide = {"x": [4.0, None, 6.0], "later": ["a", "b", None], "empty": gone}
    pq.write_table(pa.table(wide), tmp_path / "b.parquet", write_statistics=True)
    files = tuple(str(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    stored = as_stored(files)
    asked = [
        (rule("ExpectColumnValuesToBeInSet", column="later", value_set=["a"]), (Verdict.FAIL, 1)),
        (rule("ExpectColumnValuesToNotBeNull", column="x"), (Verdict.FAIL, 1)),
        (rule("ExpectColumnValuesToNotBeNull", column="later"), (Verdict.FAIL, 4)),
        (rule("ExpectColumnValuesToBeInSet", column="empty", value_set=[1.0]), (Verdict.UNKNOWN, 0)),
        (rule("ExpectColumnValuesToBeBetween", column="x", max_value=9), (Verdict.PASS, 0)),
    ]
    for one in (PandasEngine(), engine):
        answer = validate(stored, [asked_for for asked_for, _ in asked], (), one, tmp_path / "evaluated")
        found = [(check.verdict, check.numbers["unexpected"]) for check in answer.checks]
        assert found == [expected for _, expected in asked]
        assert answer.rows == {} or isinstance(one, PandasEngine)
    assert stored.count == 6
    assert stored.emptiness(["empty"]).columns == {"empty": True}
    pq.write_table(pa.table(wide), tmp_path / "b.parquet", write_statistics=False)
    assert as_stored(files).emptiness([]).columns == {}, "a file that does not say what is null may hold a value"
