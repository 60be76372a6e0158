"""The benchmark of validation runs in small, and what it compares is the same work."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmarks import validation, validation_rules


def test_keepfit_and_the_checks_by_hand_accept_the_same_rows_of_a_delivery(tmp_path):
    validation.generate(tmp_path / "earlier.parquet", 1_000, 0)
    validation.generate(tmp_path / "delivery.parquet", 5_000, 1)
    mine, other = (validation.contest(who, tmp_path) for who in ("keepfit", "bare"))
    assert (mine["accepted"], mine["quarantined"]) == (other["accepted"], other["quarantined"])
    assert mine["quarantined"] > 0
    assert other["why"]
    assert len(validation_rules.EXPECTATIONS) == 40


@pytest.mark.parametrize(("power", "met"), [(0.9, True), (1.0, True), (1.2, False), (2.0, False)])
def test_growth_is_the_power_with_which_the_seconds_follow_the_rows(power, met):
    row = validation._growth({size: 7e-6 * size**power for size in validation.SIZES})
    assert f"slope {power:.2f}" in row.keepfit
    assert row.met is met


BREAKABLE = [rule for rule in validation_rules.EXPECTATIONS if rule["arguments"].get("column") != "flag"]


@pytest.mark.parametrize("rule", BREAKABLE, ids=lambda rule: rule["expect"])
def test_each_check_by_hand_sees_what_its_rule_forbids(rule, tmp_path):
    """Else the bare minimum would be less than the same checks."""
    path = tmp_path / "delivery.parquet"
    validation.generate(path, 2_000, 1)
    good = pq.read_table(path)
    arguments = rule["arguments"]
    name = arguments.get("column") or arguments.get("column_A") or "id"
    bad = good.set_column(good.column_names.index(name), good.schema.field(name), broken(rule, good[name]))
    if rule["expect"].startswith("ExpectTable"):
        bad = good.slice(0, 10)
    mask, holds = validation_rules._by_hand(bad, rule["expect"], arguments)
    assert not holds
    assert mask is None or pc.sum(mask).as_py() < len(mask)


def broken(rule, column):
    if "NotBeNull" in rule["expect"]:
        return pa.chunked_array([pa.nulls(len(column), column.type)])
    if column.type == pa.string():
        return pa.chunked_array([pa.array([f"{'x' * 30}{n}" for n in range(len(column))])])
    spread = {"Mean": 5_000, "Median": 5_000, "Quantile": 5_000, "PairValues": -1}
    value = next((number for word, number in spread.items() if word in rule["expect"]), 5_000)
    values = [value * (1 + (n % 2)) if "Stdev" in rule["expect"] else value for n in range(len(column))]
    if "Min" in rule["expect"].removeprefix("ExpectColumn")[:3]:
        values = [-1] * len(column)
    return pa.chunked_array([pa.array(values, column.type)])
