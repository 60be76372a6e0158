"""The delivery of the validation benchmark: its columns, the expectations that it is held to, and the same by hand."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NUMBERS, COUNTS = [f"number_{i:02d}" for i in range(10)], ["count_0", "count_1"]
CATEGORIES, COLOURS = [f"category_{i}" for i in range(4)], ["amber", "blue", "green", "red", "violet"]
LOWEST, HIGHEST, BAD_SHARE = -8.0, 8.0, 0.002
_PATTERN, _NO_PATTERN = "^[a-z]-[0-9]{12}$", "[0-9<>]"
SCHEMA = pa.schema(
    [("id", pa.string()), ("at", pa.timestamp("us", "UTC"))]
    + [(name, pa.float64()) for name in NUMBERS] + [(name, pa.int64()) for name in COUNTS]
    + [(name, pa.string()) for name in CATEGORIES] + [("flag", pa.bool_()), ("label", pa.string())]
)  # fmt: skip


def _rule(expect: str, on_fail: str = "quarantine", **arguments: Any) -> dict[str, Any]:
    return {"expect": expect, "arguments": arguments, "on_fail": on_fail}


def _between(kind: str, on_fail: str, column: str, low: float, high: float) -> dict[str, Any]:
    return _rule(f"ExpectColumn{kind}ToBeBetween", on_fail, column=column, min_value=low, max_value=high)


EXPECTATIONS = [
    *(_between("Values", "quarantine", name, LOWEST, HIGHEST) for name in NUMBERS),
    *(_between("Values", "quarantine", name, 0, 1_500) for name in COUNTS),
    *(_rule("ExpectColumnValuesToBeInSet", column=name, value_set=COLOURS) for name in CATEGORIES),
    _rule("ExpectColumnValuesToBeInSet", column="flag", value_set=[True, False]),
    _rule("ExpectColumnValuesToBeInSet", column="label", value_set=["no", "yes"]),
    _rule("ExpectColumnValuesToMatchRegex", column="id", regex=_PATTERN),
    _rule("ExpectColumnValuesToNotMatchRegex", column="category_3", regex=_NO_PATTERN),
    _rule("ExpectColumnValueLengthsToBeBetween", column="category_2", min_value=1, max_value=20),
    *(_rule("ExpectColumnValuesToNotBeNull", column=name) for name in ("id", "at")),
    _rule("ExpectColumnPairValuesAToBeGreaterThanB", column_A="count_1", column_B="count_0", or_equal=True),
    *(_rule("ExpectColumnValuesToNotBeNull", "refuse", column=name, mostly=0.9) for name in NUMBERS[-2:]),
    *(_rule("ExpectColumnDistinctValuesToEqualSet", "refuse", column=name, value_set=COLOURS)
      for name in CATEGORIES[:2]),
    *(_between(kind, "refuse", name, 0, 1_500) for kind, name in zip(("Min", "Max"), COUNTS, strict=True)),
    _rule("ExpectTableRowCountToBeBetween", "refuse", min_value=1_000, max_value=10**8),
    *(_between("Mean", "warn", name, -1, 1) for name in NUMBERS[:4]),
    *(_between("Stdev", "warn", name, 0.5, 5) for name in NUMBERS[4:6]),
    _between("Median", "warn", NUMBERS[6], -1, 1),
    _rule("ExpectColumnQuantileValuesToBeBetween", "warn", column=NUMBERS[7],
          quantile_ranges={"quantiles": [0.25, 0.75], "value_ranges": [[-2, 0], [0, 2]]}),
    _between("UniqueValueCount", "warn", CATEGORIES[0], 2, 10),
]  # fmt: skip
_ROLES = {"id": "id", "at": "time", "label": "target"}
_TYPES: Mapping[Any, str] = {
    pa.float64(): "number", pa.int64(): "integer", pa.bool_(): "boolean", pa.string(): "category",
}  # fmt: skip
_OWN_TYPES = {"id": "string", "at": "datetime"}
PIPELINE: dict[str, Any] = {
    "pipeline": "bench", "problem": "binary", "metric": "roc_auc", "positive": "yes", "negatives": ["no"],
    "source": {"kind": "folder", "path": ".", "pattern": "*.parquet", "max_size": "8GB"},
    "columns": [
        {"name": field.name, "role": _ROLES.get(field.name, "feature"),
         "type": _OWN_TYPES.get(field.name) or _TYPES[field.type]}
        for field in SCHEMA
    ],
    "validation": {"expectations": EXPECTATIONS},
    "split": {"history": ["60d"], "tuning": "10d", "evaluation": "10d"},
}  # fmt: skip


def asked() -> str:
    """How many rules the delivery is held to, those of the file and those that stand in every suite."""
    from config.schema import PipelineConfig
    from tasks.adapters.expectations import always

    standing = len(always(PipelineConfig.model_validate(PIPELINE).columns))
    return f"{len(EXPECTATIONS)} expectations (and the {standing} that always stand)"


def check_by_hand(table: pa.Table) -> tuple[Any, list[str]]:
    """The same rules in Arrow: a mask of the rows that keep those of single rows, and which other rules failed."""
    sound: Any = None
    failed = []
    for rule in EXPECTATIONS:
        mask, holds = _by_hand(table, rule["expect"], rule["arguments"])
        if mask is not None and rule["on_fail"] == "quarantine":
            sound = mask if sound is None else pc.and_(sound, mask)
        if not holds:
            failed.append(rule["expect"])
    failed += [name for name in table.column_names if table[name].null_count == table.num_rows]
    counts = table["id"].value_counts()
    many = counts.filter(pc.greater(pc.struct_field(counts, "counts"), 1))
    if len(many):
        sound = pc.and_(sound, pc.invert(pc.is_in(table["id"], value_set=pc.struct_field(many, "values"))))
    return sound, failed


def _by_hand(table: pa.Table, expect: str, told: Mapping[str, Any]) -> tuple[Any, bool]:
    if expect == "ExpectTableRowCountToBeBetween":
        return None, told["min_value"] <= table.num_rows <= told["max_value"]
    if expect == "ExpectColumnPairValuesAToBeGreaterThanB":
        return _mask(pc.greater_equal(table[told["column_A"]], table[told["column_B"]]))
    mask, holds = _HANDS[expect](table[told["column"]], told)
    return mask, bool(holds)


def _mask(holds: Any) -> tuple[Any, bool]:
    mask = pc.fill_null(holds, True)
    return mask, bool(pc.all(mask).as_py())


def _inside(values: Any, told: Mapping[str, Any]) -> Any:
    low, high = told["min_value"], told["max_value"]
    return pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))


def _one(value: Any, told: Mapping[str, Any]) -> tuple[None, bool]:
    return None, bool(told["min_value"] <= value.as_py() <= told["max_value"])


def _present(values: Any, told: Mapping[str, Any]) -> tuple[Any, bool]:
    share = 1 - values.null_count / len(values)
    return (pc.is_valid(values), share == 1) if "mostly" not in told else (None, share >= told["mostly"])


def _quantiles(values: Any, told: Mapping[str, Any]) -> tuple[None, bool]:
    asked = told["quantile_ranges"]
    found = pc.quantile(values, q=asked["quantiles"]).to_pylist()
    return None, all(low <= one <= high for one, (low, high) in zip(found, asked["value_ranges"], strict=True))


_HANDS: Mapping[str, Any] = {
    "ExpectColumnValuesToBeBetween": lambda values, told: _mask(_inside(values, told)),
    "ExpectColumnValueLengthsToBeBetween": lambda values, told: _mask(_inside(pc.utf8_length(values), told)),
    "ExpectColumnValuesToBeInSet": lambda values, told: _mask(
        pc.or_(pc.is_null(values), pc.is_in(values, value_set=pa.array(told["value_set"])))
    ),
    "ExpectColumnValuesToMatchRegex": lambda values, told: _mask(pc.match_substring_regex(values, told["regex"])),
    "ExpectColumnValuesToNotMatchRegex": lambda values, told: _mask(
        pc.invert(pc.match_substring_regex(values, told["regex"]))
    ),
    "ExpectColumnValuesToNotBeNull": _present,
    "ExpectColumnDistinctValuesToEqualSet": lambda values, told: (
        None, set(values.unique().to_pylist()) - {None} == set(told["value_set"])
    ),
    "ExpectColumnMinToBeBetween": lambda values, told: _one(pc.min(values), told),
    "ExpectColumnMaxToBeBetween": lambda values, told: _one(pc.max(values), told),
    "ExpectColumnMeanToBeBetween": lambda values, told: _one(pc.mean(values), told),
    "ExpectColumnStdevToBeBetween": lambda values, told: _one(pc.stddev(values, ddof=1), told),
    "ExpectColumnMedianToBeBetween": lambda values, told: _one(pc.quantile(values, q=0.5)[0], told),
    "ExpectColumnQuantileValuesToBeBetween": _quantiles,
    "ExpectColumnUniqueValueCountToBeBetween": lambda values, told: _one(pc.count_distinct(values), told),
}  # fmt: skip
